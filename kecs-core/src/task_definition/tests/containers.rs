use serde_json::json;

use super::{accepted, container, of, one, refusal, register, with};

#[test]
fn a_family_has_a_name_of_letters_digits_hyphens_and_underscores() {
    // Measured: pf-ecs-taskdef-family.
    assert_eq!(refusal(&with(one(json!({})), json!({"family": "テスト用"}))), "Family contains invalid characters.");
    assert_eq!(refusal(&with(one(json!({})), json!({"family": "f".repeat(256)}))), "Family contains invalid characters.");
    accepted(&with(one(json!({})), json!({"family": "f".repeat(255)})));
    accepted(&with(one(json!({})), json!({"family": "Web_app-2"})));
}

#[test]
fn a_definition_has_one_to_ten_containers() {
    // Measured: pf-ecs-container-definitions-empty. Reported: aws/amazon-ecs-cli issue 184.
    assert_eq!(refusal(&of(json!([]))), "Container list cannot be empty.");
    assert_eq!(refusal(&json!({"family": "web"})), "Container list cannot be empty.");
    let containers = |count: usize| (0..count).map(|n| container(json!({"name": format!("c{n}")}))).collect::<Vec<_>>();
    accepted(&of(json!(containers(10))));
    assert_eq!(refusal(&of(json!(containers(11)))), "Too many containers.");
}

#[test]
fn a_container_has_a_name_of_its_own() {
    // Reported: hashicorp/terraform issue 2888, hashicorp/terraform-provider-aws issue 5950. Measured: pf-ecs-duplicate-container-names.
    assert_eq!(refusal(&one(json!({"name": null}))), "Container.name should not be null or empty.");
    assert_eq!(refusal(&one(json!({"name": "my app"}))), "Container.name contains invalid characters.");
    let twins = of(json!([container(json!({})), container(json!({}))]));
    assert_eq!(refusal(&twins), "Container names must be unique within a task definition.");
}

#[test]
fn a_container_has_an_image() {
    // Reported: aws-actions/amazon-ecs-render-task-definition issue 87.
    assert_eq!(refusal(&one(json!({"image": null}))), "Container.image should not be null or empty.");
    assert_eq!(refusal(&one(json!({"image": ""}))), "Container.image should not be null or empty.");
    accepted(&one(json!({"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app@sha256:0123"})));
}

#[test]
fn one_container_is_essential() {
    // Measured: pf-ecs-essential-container.
    assert_eq!(refusal(&one(json!({"essential": false}))), "Task definition doesn't have any essential container");
}

#[test]
fn memory_is_limited_by_the_container_or_by_the_task() {
    // Reported: aws/aws-cli issue 4453, ansible/ansible issue 67647.
    let nothing = one(json!({"memory": null}));
    assert_eq!(
        refusal(&nothing),
        "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified."
    );
    accepted(&with(nothing, json!({"memory": "512"})));
    accepted(&one(json!({"memory": null, "memoryReservation": 64})));
    assert_eq!(refusal(&one(json!({"memory": 0}))), "Invalid 'memory' setting for container 'app'.");
}

#[test]
fn the_memory_is_no_less_than_its_reservation() {
    // Measured: pf-ecs-container-memory-reservation. "greater than or equal": awsdocs/amazon-ecs-developer-guide pull request 242.
    assert_eq!(
        refusal(&one(json!({"memory": 256, "memoryReservation": 512}))),
        "Invalid setting for container 'app'. 'memory' must be greater than or equal to 'memoryReservation'."
    );
    accepted(&one(json!({"memory": 256, "memoryReservation": 256})));
}

#[test]
fn the_containers_fit_into_the_task() {
    // Measured: pf-ecs-container-memory-over-task, pf-ecs-fargate-container-cpu-over-task.
    let task = |cpu: i32, memory: i32| with(one(json!({"cpu": cpu, "memory": memory})), json!({"cpu": "256", "memory": "512"}));
    accepted(&task(256, 512));
    assert_eq!(refusal(&task(256, 1024)), "The 'memory' setting for container 'app' is greater than for the task.");
    assert_eq!(
        refusal(&task(257, 512)),
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."
    );
}

#[test]
fn the_size_of_a_task_is_a_number_of_units_or_of_virtual_cpus_and_gigabytes() {
    // Quoted in "Invalid CPU or memory value specified" of the developer guide; ranges: RegisterTaskDefinition, cpu.
    let task = |cpu: &str, memory: &str| with(one(json!({})), json!({"cpu": cpu, "memory": memory}));
    for (cpu, memory) in [("128", "512"), ("1 vCPU", "1 GB"), (".5 vcpu", "0.5GB"), ("196608", "2048")] {
        accepted(&task(cpu, memory));
    }
    let invalid = |what: &str| {
        format!(
            "Invalid '{what}' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
        )
    };
    for cpu in ["0", "64", "one", "-1", "200000"] {
        assert_eq!(refusal(&task(cpu, "512")), invalid("cpu"), "{cpu}");
    }
    for memory in ["0", "lots", "-512"] {
        assert_eq!(refusal(&task("256", memory)), invalid("memory"), "{memory}");
    }
}

#[test]
fn a_secret_shares_no_name_with_a_variable() {
    // Reported: dagster-io/dagster issue 11622.
    let definition = one(json!({
        "environment": [{"name": "TOKEN", "value": "x"}],
        "secrets": [{"name": "TOKEN", "valueFrom": "token"}],
    }));
    assert_eq!(
        refusal(&with(definition, json!({"executionRoleArn": "arn:aws:iam::123456789012:role/exec"}))),
        "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as 'TOKEN'."
    );
}

#[test]
fn secrets_and_private_registries_need_an_execution_role() {
    // Reported: fabfuel/ecs-deploy issue 87, sil-org/ecs-deploy issue 188.
    let needs = "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.";
    let secret = json!([{"name": "TOKEN", "valueFrom": "token"}]);
    assert_eq!(refusal(&one(json!({"secrets": secret}))), needs);
    let log = json!({"logDriver": "splunk", "options": {"splunk-url": "u"}, "secretOptions": [{"name": "splunk-token", "valueFrom": "t"}]});
    assert_eq!(refusal(&one(json!({"logConfiguration": log}))), needs);
    assert_eq!(
        refusal(&one(
            json!({"repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}})
        )),
        "Private repository authentication requires that the task definition specify a value for executionRoleArn."
    );
}

#[test]
fn a_role_is_an_arn_of_a_role_or_its_name() {
    // Reported: aws-samples/aws-modern-application-workshop issue 9, where ARNs of other services stood.
    let role = |arn: &str| with(one(json!({})), json!({"taskRoleArn": arn, "executionRoleArn": arn}));
    for invalid in ["arn:aws:ecs:us-east-1:123456789012:cluster/x", "arn:aws:iam::123456789012:user/x", "REPLACE ME"] {
        assert_eq!(refusal(&role(invalid)), "Role is not valid", "{invalid}");
    }
    // "The short name or full Amazon Resource Name (ARN)" (RegisterTaskDefinition); empty: the worked example of botocore.
    for valid in ["arn:aws:iam::123456789012:role/path/task", "task-role", ""] {
        accepted(&role(valid));
    }
}

#[test]
fn environment_files_are_at_most_ten_objects_in_s3() {
    // Measured: pf-ecs-environment-files-max, pf-ecs-environment-files-type.
    let files = |count: usize, value: &str| one(json!({"environmentFiles": vec![json!({"type": "s3", "value": value}); count]}));
    accepted(&files(10, "arn:aws:s3:::bucket/app.env"));
    assert_eq!(
        refusal(&files(11, "arn:aws:s3:::bucket/app.env")),
        "The maximum number of environment files was exceeded. Specify ten or less and try again."
    );
    assert_eq!(refusal(&files(1, "s3://bucket/app.env")), "Invalid arn syntax.");
    assert!(refusal(&files(1, "arn:aws:s3:::bucket/app.txt")).contains("must have a .env file extension"));
}

#[test]
fn the_numbers_of_a_health_check_have_ranges() {
    // Measured: pf-ecs-healthcheck-*-range; the minima are those of HealthCheck in the API reference.
    let health = |setting: &str, value: i32| one(json!({"healthCheck": {"command": ["CMD", "true"], setting: value}}));
    for (setting, least, most) in [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)] {
        accepted(&health(setting, least));
        accepted(&health(setting, most));
        assert_eq!(
            refusal(&health(setting, most + 1)),
            format!("Health check {setting} must be less than or equal to the maximum allowed value {most} for container 'app'")
        );
        assert!(refusal(&health(setting, least - 1)).contains(&format!("the minimum allowed value {least} ")));
    }
}

#[test]
fn a_restart_is_attempted_after_one_to_thirty_minutes() {
    // Measured: pf-ecs-restart-policy-attempt-period-range.
    let period = |seconds: i32| one(json!({"restartPolicy": {"enabled": true, "restartAttemptPeriod": seconds}}));
    for seconds in [60, 1800] {
        accepted(&period(seconds));
    }
    for seconds in [59, 1801] {
        assert_eq!(
            refusal(&period(seconds)),
            "The 'restartAttemptPeriod' setting for container 'app' must be between 60 and 1800."
        );
    }
}

#[test]
fn a_soft_limit_is_no_more_than_the_hard_one() {
    // Measured: pf-ecs-ulimit-soft-over-hard. Reported: Shippable/support issue 3699.
    let ulimit = |name: &str, soft: i32, hard: i32| one(json!({"ulimits": [{"name": name, "softLimit": soft, "hardLimit": hard}]}));
    accepted(&ulimit("nofile", 1024, 1024));
    accepted(&ulimit("memlock", -1, -1));
    assert_eq!(refusal(&ulimit("nofile", 1025, 1024)), "Soft limit exceeds hard limit for ulimit nofile");
    assert_eq!(refusal(&ulimit("memlock", -1, 1024)), "Soft limit exceeds hard limit for ulimit memlock");
    assert_eq!(refusal(&ulimit("memory", 1, 1)), "Unrecognized ulimit name memory");
}

#[test]
fn a_timeout_is_at_least_two_seconds() {
    // The text of the real service as radkawar/stackd recorded it.
    accepted(&one(json!({"startTimeout": 2, "stopTimeout": 2})));
    assert_eq!(refusal(&one(json!({"startTimeout": 1}))), "Granular start timeout on container 'app' must be at least 2 seconds.");
    assert_eq!(refusal(&one(json!({"stopTimeout": 1}))), "Granular stop timeout on container 'app' must be at least 2 seconds.");
}

#[test]
fn only_namespaced_kernel_parameters_are_set() {
    // The list is that of SystemControl in the API reference.
    let control = |namespace: &str| one(json!({"systemControls": [{"namespace": namespace, "value": "1"}]}));
    for namespace in ["net.core.somaxconn", "fs.mqueue.msg_max", "kernel.shmmax"] {
        accepted(&control(namespace));
    }
    assert!(refusal(&control("kernel.panic")).contains("'kernel.panic'"));
}

#[test]
fn a_log_driver_has_its_options() {
    // Measured: pf-ecs-awslogs-missing-group; the form of the list of drivers: pf-ecs-fargate-log-driver-unsupported.
    let log =
        |driver: &str, options: serde_json::Value| one(json!({"logConfiguration": {"logDriver": driver, "options": options}}));
    assert_eq!(
        refusal(&log("awslogs", json!({"awslogs-region": "us-east-1"}))),
        "Log driver awslogs requires options: awslogs-group"
    );
    assert_eq!(refusal(&log("awslogs", json!({}))), "Log driver awslogs requires options: awslogs-region, awslogs-group");
    accepted(&log("awslogs", json!({"awslogs-region": "us-east-1", "awslogs-group": "/ecs/app"})));
    // aws/amazon-ecs-agent#872, aws-samples/amazon-ecs-firelens-examples#83, terraform-linters/tflint-ruleset-aws#348.
    let with =
        |name: &str, value: &str| log("awslogs", json!({"awslogs-region": "us-east-1", "awslogs-group": "app", name: value}));
    assert_eq!(refusal(&with("log_key", "log")), "Log driver awslogs disallows options: log_key");
    assert_eq!(
        refusal(&with("awslogs-create-group", "false")),
        "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option."
    );
    for (name, value) in [("awslogs-create-group", "true"), ("awslogs-datetime-format", "%Y"), ("mode", "blocking")] {
        accepted(&with(name, value));
    }
    accepted(&log("json-file", json!({})));
    assert_eq!(
        refusal(&log("none", json!({}))),
        "none is not a valid log driver. Must be one of [json-file,syslog,journald,gelf,fluentd,awslogs,splunk,awsfirelens]"
    );
}

#[test]
fn firelens_has_a_router_and_someone_who_uses_it() {
    // Measured: pf-ecs-awsfirelens-without-router. The other way round: quoted by users of CloudFormation.
    let user = container(json!({"name": "app", "logConfiguration": {"logDriver": "awsfirelens"}}));
    let router = container(json!({"name": "router", "firelensConfiguration": {"type": "fluentbit"}}));
    accepted(&of(json!([user, router])));
    assert_eq!(
        refusal(&of(json!([user]))),
        "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers."
    );
    assert_eq!(
        refusal(&of(json!([router]))),
        "When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver."
    );
}

#[test]
fn a_log_router_runs_as_root_and_may_have_a_file() {
    let user = container(json!({"name": "app", "logConfiguration": {"logDriver": "awsfirelens"}}));
    let router = |more: serde_json::Value| {
        let router = container(json!({"name": "router", "firelensConfiguration": {"type": "fluentbit"}}));
        of(json!([user, with(router, more)]))
    };
    // Reported: cloudposse/terraform-aws-ecs-container-definition#97.
    assert_eq!(
        refusal(&router(json!({"user": "root"}))),
        "If 'user' field is specified on firelens container, then 'UID' has to be '0'."
    );
    accepted(&router(json!({"user": "0:101"})));
    let registered = register(&router(json!({}))).container_definitions.unwrap();
    assert_eq!((registered[0].user.as_deref(), registered[1].user.as_deref()), (None, Some("0")));

    let file = |options: serde_json::Value| router(json!({"firelensConfiguration": {"type": "fluentbit", "options": options}}));
    for (kind, value) in [("file", "/extra.conf"), ("s3", "arn:aws:s3:::bucket/fluent.conf"), ("s3", "arn:aws-cn:s3:::bucket/a/b")]
    {
        accepted(&file(json!({"config-file-type": kind, "config-file-value": value})));
    }
    // Reported: aws/aws-sdk#311.
    assert_eq!(
        refusal(&file(json!({"config-file-type": "s3", "config-file-value": "s3://some-bucket/fluentbit.conf"}))),
        "Invalid arn syntax."
    );
    // The words of the ECS agent (parseOptions of taskresource/firelens).
    assert_eq!(
        refusal(&file(json!({"config-file-type": "http", "config-file-value": "x"}))),
        "invalid value http is specified for option config-file-type"
    );
    assert_eq!(
        refusal(&file(json!({"config-file-type": "file"}))),
        "option config-file-type is specified but config-file-value is not specified"
    );
}

#[test]
fn a_dependency_can_be_met() {
    // Measured: pf-ecs-dependson-container-missing, -complete-on-essential, -healthy-without-healthcheck.
    let pair = |on: &str, condition: &str, other: serde_json::Value| {
        let waits = container(json!({"dependsOn": [{"containerName": on, "condition": condition}]}));
        of(json!([waits, with(container(json!({"name": "db"})), other)]))
    };
    assert_eq!(refusal(&pair("nope", "START", json!({}))), "Cannot depend on container + 'nope' because it does not exist");
    for condition in ["COMPLETE", "SUCCESS"] {
        assert_eq!(
            refusal(&pair("db", condition, json!({}))),
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
        );
        accepted(&pair("db", condition, json!({"essential": false})));
    }
    assert_eq!(
        refusal(&pair("db", "HEALTHY", json!({}))),
        "A dependency container with HEALTHY condition must have health check configured"
    );
    accepted(&pair("db", "HEALTHY", json!({"healthCheck": {"command": ["CMD", "true"]}})));
}

#[test]
fn containers_do_not_wait_for_one_another_in_a_circle() {
    let waiting = |edges: &[(&str, &[&str])]| {
        let containers = edges.iter().map(|(name, on)| {
            let on: Vec<_> = on.iter().map(|on| json!({"containerName": on, "condition": "START"})).collect();
            container(json!({"name": name, "dependsOn": on}))
        });
        of(json!(containers.collect::<Vec<_>>()))
    };
    accepted(&waiting(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]));
    for circle in [waiting(&[("a", &["a"])]), waiting(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])])] {
        assert_eq!(refusal(&circle), "Container dependencies should not have a cycle");
    }
}

#[test]
fn a_definition_has_at_most_64_kib() {
    // Reported in the tests of guardian/service-catalogue: "Actual length: '74049'. Max allowed length is '65536' bytes."
    let text = refusal(&one(json!({"environment": [{"name": "BIG", "value": "x".repeat(70_000)}]})));
    assert!(text.starts_with("Actual length: '70") && text.ends_with("'. Max allowed length is '65536' bytes."), "{text}");
}

#[test]
fn inference_accelerators_are_retired() {
    // Measured: pf-ecs-fargate-inference-accelerator.
    let definition = with(one(json!({})), json!({"inferenceAccelerators": [{"deviceName": "d", "deviceType": "eia2.medium"}]}));
    assert_eq!(refusal(&definition), "Unsupported field 'inferenceAccelerators'.");
}

#[test]
fn gpus_are_counted_or_shared_and_neuron_devices_are_taken_whole() {
    // The rules are those of ResourceRequirement in the API reference.
    let needs = |requirement: serde_json::Value| one(json!({"resourceRequirements": [requirement]}));
    for valid in [
        json!({"type": "GPU", "value": "2"}),
        json!({"type": "GPU", "value": "ALL"}),
        json!({"type": "NeuronDevice", "value": "ALL"}),
    ] {
        accepted(&needs(valid));
    }
    for invalid in [
        json!({"type": "GPU", "value": "0"}),
        json!({"type": "GPU"}),
        json!({"type": "NeuronDevice", "value": "1"}),
        json!({"value": "1"}),
    ] {
        assert_eq!(refusal(&needs(invalid)), "Invalid 'resourceRequirements' setting for container 'app'.");
    }
}
