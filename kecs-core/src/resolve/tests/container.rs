//! What concerns one container.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{container, container_with, environment};
use crate::task_spec::{
    Condition, ContainerSpec, Dependency, Device, HealthCheck, HealthCommand, LinuxParameters, Mount, PortMapping, Protocol,
    RestartPolicy, Tmpfs, Ulimit,
};
use crate::{MockSecretSource, SecretValue};

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn map(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

/// A container definition with every member but secrets and environment files, which have tests of their own.
const EVERYTHING: &str = r#"{
    "name": "web",
    "image": "app:1",
    "repositoryCredentials": { "credentialsParameter": "arn:aws:secretsmanager:us-east-1:000000000000:secret:registry" },
    "entryPoint": ["/bin/app"],
    "command": ["serve", "--port", "80"],
    "workingDirectory": "/srv",
    "user": "app:app",
    "hostname": "web-1",
    "environment": [{ "name": "A", "value": "1" }, { "name": "B" }],
    "essential": false,
    "dependsOn": [
        { "containerName": "init", "condition": "SUCCESS" }, { "containerName": "a", "condition": "COMPLETE" },
        { "containerName": "b", "condition": "HEALTHY" }, { "containerName": "c", "condition": "START" }
    ],
    "startTimeout": 60,
    "stopTimeout": 5,
    "restartPolicy": { "enabled": true, "ignoredExitCodes": [0, 2], "restartAttemptPeriod": 90 },
    "healthCheck": { "command": ["CMD", "check"], "interval": 10, "timeout": 2, "retries": 1, "startPeriod": 20 },
    "cpu": 256,
    "memory": 512,
    "memoryReservation": 128,
    "resourceRequirements": [{ "type": "GPU", "value": "2" }, { "type": "InferenceAccelerator", "value": "device_1" }],
    "portMappings": [{ "name": "http", "containerPort": 80, "hostPort": 8080, "protocol": "tcp", "appProtocol": "http2" }],
    "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data", "readOnly": true }],
    "volumesFrom": [{ "sourceContainer": "init", "readOnly": true }],
    "links": ["init:db"],
    "ulimits": [{ "name": "nofile", "softLimit": 1024, "hardLimit": -1 }],
    "linuxParameters": {
        "capabilities": { "add": ["SYS_PTRACE"], "drop": ["NET_RAW"] },
        "devices": [
            { "hostPath": "/dev/a", "containerPath": "/dev/b", "permissions": ["read", "mknod"] }, { "hostPath": "/dev/c" }
        ],
        "initProcessEnabled": true,
        "sharedMemorySize": 64,
        "tmpfs": [{ "containerPath": "/run", "size": 32, "mountOptions": ["noexec"] }],
        "maxSwap": 100,
        "swappiness": 10
    },
    "privileged": true,
    "readonlyRootFilesystem": true,
    "dnsServers": ["10.0.0.2"],
    "dnsSearchDomains": ["example.com"],
    "extraHosts": [{ "hostname": "db", "ipAddress": "10.0.0.3" }],
    "disableNetworking": true,
    "dockerSecurityOptions": ["no-new-privileges"],
    "credentialSpecs": ["credentialspec:file://spec.json"],
    "interactive": true,
    "pseudoTerminal": true,
    "dockerLabels": { "k": "v" },
    "systemControls": [{ "namespace": "net.core.somaxconn", "value": "1024" }],
    "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "app" } },
    "firelensConfiguration": { "type": "fluentbit" },
    "versionConsistency": "enabled"
}"#;

#[tokio::test]
async fn every_member_of_a_container_reaches_its_specification() {
    let mut secrets = MockSecretSource::new();
    secrets.expect_handles().return_const(true);
    secrets.expect_resolve_all().returning(|_, _| vec![Ok(SecretValue::new("credentials".to_owned()))]);
    let definition = serde_json::from_str(EVERYTHING).unwrap();
    let spec = container_with(definition, json!({ "name": "web" }), "bridge", &[Arc::new(secrets)]).await.unwrap();
    assert_eq!(environment(&spec), [("A", "1"), ("B", "")]);
    let ContainerSpec {
        name,
        image,
        registry_credentials,
        entry_point,
        command,
        working_directory,
        user,
        hostname,
        environment: _,
        essential,
        depends_on,
        start_timeout,
        stop_timeout,
        restart,
        health_check,
        cpu,
        memory,
        memory_reservation,
        gpus,
        ports,
        mounts,
        artifacts,
        volumes_from,
        links,
        ulimits,
        linux,
        privileged,
        readonly_root,
        dns_servers,
        dns_search,
        extra_hosts,
        disable_networking,
        security_options,
        interactive,
        pseudo_terminal,
        labels,
        sysctls,
        log,
        blocking_output,
        log_router,
    } = spec;
    assert_eq!((name.as_str(), image.as_str()), ("web", "app:1"));
    assert_eq!(registry_credentials.unwrap().expose(), "credentials");
    assert_eq!((entry_point, command), (Some(strings(&["/bin/app"])), Some(strings(&["serve", "--port", "80"]))));
    assert_eq!(
        (working_directory.as_deref(), user.as_deref(), hostname.as_deref()),
        (Some("/srv"), Some("app:app"), Some("web-1"))
    );
    assert!(!essential);
    let on = |container: &str, condition| Dependency { container: container.to_owned(), condition };
    let expected =
        [on("init", Condition::Success), on("a", Condition::Complete), on("b", Condition::Healthy), on("c", Condition::Start)];
    assert_eq!(depends_on, expected);
    assert_eq!((start_timeout, stop_timeout), (Some(Duration::from_mins(1)), Duration::from_secs(5)));
    assert_eq!(restart, Some(RestartPolicy { ignored_exit_codes: vec![0, 2], attempt_period: Duration::from_secs(90) }));
    let expected = HealthCheck {
        command: HealthCommand::Exec(strings(&["check"])),
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(2),
        retries: 1,
        start_period: Duration::from_secs(20),
    };
    assert_eq!(health_check, Some(expected));
    assert_eq!((cpu, memory, memory_reservation, gpus), (256, Some(512), Some(128), 2));
    let expected = PortMapping {
        name: Some("http".to_owned()),
        container_port: 80,
        container_port_end: None,
        host_port: Some(8080),
        protocol: Protocol::Tcp,
        app_protocol: Some("http2".to_owned()),
    };
    assert_eq!(ports, [expected]);
    assert_eq!(mounts, [Mount { volume: "data".to_owned(), path: "/data".to_owned(), read_only: true }]);
    assert!(artifacts.is_empty(), "no label asks for any");
    assert_eq!((volumes_from, links), (vec![("init".to_owned(), true)], strings(&["init:db"])));
    assert_eq!(ulimits, [Ulimit { name: "nofile".to_owned(), soft: 1024, hard: -1 }]);
    let device = |host: &str, container: &str, permissions: &[&str]| Device {
        host_path: host.to_owned(),
        container_path: container.to_owned(),
        permissions: strings(permissions),
    };
    let expected = LinuxParameters {
        add_capabilities: strings(&["SYS_PTRACE"]),
        drop_capabilities: strings(&["NET_RAW"]),
        devices: vec![device("/dev/a", "/dev/b", &["read", "mknod"]), device("/dev/c", "/dev/c", &[])],
        init_process: true,
        shared_memory: Some(64),
        tmpfs: vec![Tmpfs { path: "/run".to_owned(), size: 32, options: strings(&["noexec"]) }],
        max_swap: Some(100),
        swappiness: Some(10),
    };
    assert_eq!(linux, expected);
    assert_eq!([privileged, readonly_root, disable_networking, interactive, pseudo_terminal], [true; 5]);
    assert_eq!((dns_servers, dns_search), (strings(&["10.0.0.2"]), strings(&["example.com"])));
    assert_eq!(extra_hosts, [("db".to_owned(), "10.0.0.3".to_owned())]);
    assert_eq!(security_options, ["no-new-privileges", "credentialspec:file://spec.json"]);
    assert_eq!((labels, sysctls), (map("k", "v"), map("net.core.somaxconn", "1024")));
    // Nobody answers for `awsfirelens` here; the test module `firelens` has those who do.
    assert!(!blocking_output);
    assert!(log_router.is_none());
    let log = log.unwrap();
    assert_eq!((log.driver.as_str(), log.options), ("awslogs", map("awslogs-group", "app")));
}

#[tokio::test]
async fn what_is_not_said_of_a_container_has_the_default_of_ecs() {
    let spec = container(json!({ "name": "web", "image": "app:1" })).await;
    // "If this parameter is omitted, a container is assumed to be essential"; "the default value of 30 seconds is used" (stopTimeout).
    assert!(spec.essential);
    assert_eq!((spec.start_timeout, spec.stop_timeout), (None, Duration::from_secs(30)));
    assert_eq!((spec.cpu, spec.memory, spec.memory_reservation, spec.gpus), (0, None, None, 0));
    assert!(spec.entry_point.is_none() && spec.command.is_none() && spec.health_check.is_none() && spec.restart.is_none());
    assert!(!(spec.privileged || spec.readonly_root || spec.disable_networking || spec.interactive || spec.pseudo_terminal));
    assert!(spec.environment.is_empty() && spec.ports.is_empty() && spec.mounts.is_empty() && spec.log.is_none());
}

#[tokio::test]
async fn empty_texts_and_lists_leave_the_image_its_own() {
    let spec = container(json!({ "name": "web", "entryPoint": [], "command": [], "workingDirectory": "", "user": "" })).await;
    assert_eq!((spec.entry_point, spec.command, spec.working_directory, spec.user), (None, None, None, None));
}

#[tokio::test]
async fn a_restart_policy_that_is_not_enabled_is_none() {
    // "enabled: specifies whether a restart policy is enabled"; "restartAttemptPeriod … By default … 300 seconds".
    let policy = async |policy: Value| container(json!({ "name": "web", "restartPolicy": policy })).await.restart;
    assert_eq!(policy(json!({ "enabled": false, "restartAttemptPeriod": 90 })).await, None);
    let default = RestartPolicy { ignored_exit_codes: Vec::new(), attempt_period: Duration::from_mins(5) };
    assert_eq!(policy(json!({ "enabled": true })).await, Some(default));
}

#[tokio::test]
async fn a_health_check_has_a_form_and_defaults() {
    let check = async |words: Value| container(json!({ "name": "web", "healthCheck": { "command": words } })).await.health_check;
    // HealthCheck: interval 30 s, timeout 5 s, 3 retries, no start period.
    let expected = |command| HealthCheck {
        command,
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        retries: 3,
        start_period: Duration::ZERO,
    };
    let shell = || Some(expected(HealthCommand::Shell("curl -f http://localhost/ || exit 1".to_owned())));
    assert_eq!(check(json!(["CMD-SHELL", "curl -f http://localhost/ || exit 1"])).await, shell());
    assert_eq!(check(json!(["CMD-SHELL", "curl -f", "http://localhost/ || exit 1"])).await, shell());
    let exec = Some(expected(HealthCommand::Exec(strings(&["curl", "-f"]))));
    assert_eq!(check(json!(["CMD", "curl", "-f"])).await, exec);
    assert_eq!(check(json!(["NONE"])).await, None);
    assert_eq!(check(json!([])).await, None);
}

#[tokio::test]
async fn a_host_port_follows_the_network_mode() {
    // "For task definitions that use the awsvpc network mode, only specify the containerPort"; with host, "the hostPort can be left blank or must
    // be the same value as the containerPort"; with bridge, 0 or none is dynamic (PortMapping).
    let ports = async |mode: &str, mapping: Value| {
        let definition = json!({ "name": "web", "portMappings": [mapping] });
        container_with(definition, json!({ "name": "web" }), mode, &[]).await.unwrap().ports.remove(0)
    };
    for (mode, host_port, expected) in [
        ("awsvpc", json!(null), Some(80)),
        ("host", json!(null), Some(80)),
        ("host", json!(80), Some(80)),
        ("bridge", json!(null), None),
        ("bridge", json!(0), None),
        ("bridge", json!(8080), Some(8080)),
    ] {
        let port = ports(mode, json!({ "containerPort": 80, "hostPort": host_port, "protocol": "udp" })).await;
        assert_eq!((port.container_port, port.host_port, port.protocol), (80, expected, Protocol::Udp), "{mode} {host_port}");
    }
    let range = ports("bridge", json!({ "containerPortRange": "100-110" })).await;
    assert_eq!((range.container_port, range.container_port_end, range.host_port), (100, Some(110), None));
}

#[tokio::test]
async fn what_is_no_port_or_range_is_refused_in_words() {
    for (mapping, message) in [
        (json!({ "containerPort": 65536 }), "65536 is not a port"),
        (json!({ "containerPort": -1 }), "-1 is not a port"),
        (json!({ "containerPort": 80, "hostPort": 70000 }), "70000 is not a port"),
        (json!({ "containerPortRange": "100" }), "100 is not a range of ports"),
        (json!({ "containerPortRange": "a-b" }), "a-b is not a range of ports"),
        (json!({ "containerPortRange": "9-8" }), "9-8 is not a range of ports"),
        (json!({ "containerPortRange": "1-65536" }), "1-65536 is not a range of ports"),
    ] {
        let definition = json!({ "name": "web", "portMappings": [mapping] });
        let error = container_with(definition, json!({ "name": "web" }), "bridge", &[]).await.unwrap_err();
        assert_eq!(error.to_string(), format!("CannotCreateContainerError: {message}"));
    }
}

#[tokio::test]
async fn overrides_replace_what_the_definition_says() {
    let definition = json!({
        "name": "web", "command": ["serve"], "cpu": 1, "memory": 10, "memoryReservation": 5,
        "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
        "resourceRequirements": [{ "type": "GPU", "value": "1" }],
    });
    let change = json!({
        "name": "web", "command": ["migrate"], "cpu": 2, "memory": 20, "memoryReservation": 15,
        "environment": [{ "name": "C", "value": "3" }, { "name": "A", "value": "4" }],
        "resourceRequirements": [{ "type": "GPU", "value": "3" }],
    });
    let spec = container_with(definition.clone(), change, "bridge", &[]).await.unwrap();
    assert_eq!(spec.command, Some(strings(&["migrate"])));
    assert_eq!((spec.cpu, spec.memory, spec.memory_reservation, spec.gpus), (2, Some(20), Some(15), 3));
    // "You can add new environment variables …, or you can override the existing environment variables" (ContainerOverride).
    assert_eq!(environment(&spec), [("A", "4"), ("B", "2"), ("C", "3")]);
    let unchanged = container_with(definition, json!({ "name": "other", "command": ["x"] }), "bridge", &[]).await.unwrap();
    assert_eq!((unchanged.command, unchanged.cpu), (Some(strings(&["serve"])), 1));
}
