use serde_json::{Value, json};

use super::{accepted, awsvpc, container, of, one, refusal, with};

#[expect(clippy::needless_pass_by_value, reason = "callers write json! in place")]
fn mapped(mappings: Value) -> Value {
    one(json!({"portMappings": mappings}))
}

#[test]
fn what_awsvpc_does_not_let_a_container_set() {
    // Measured: pf-ecs-awsvpc-hostname, pf-ecs-fargate-disable-networking, pf-ecs-fargate-dns-servers, pf-ecs-awsvpc-extra-hosts,
    // pf-ecs-fargate-links.
    let cases = [
        (json!({"hostname": "web"}), "hostname is not supported on container when networkMode=awsvpc."),
        (json!({"disableNetworking": true}), "Disable Networking is not supported on container when networkMode=awsvpc."),
        (json!({"dnsServers": ["10.0.0.2"]}), "DNS servers are not supported on container when networkMode=awsvpc."),
        (
            json!({"extraHosts": [{"hostname": "db", "ipAddress": "10.0.0.3"}]}),
            "Extra hosts are not supported on container when networkMode=awsvpc.",
        ),
        (json!({"links": ["app"]}), "Links are not supported when networkMode=awsvpc."),
    ];
    for (setting, text) in cases {
        assert_eq!(refusal(&awsvpc(one(setting))), text);
    }
    accepted(&one(json!({"hostname": "web", "dnsServers": ["10.0.0.2"], "disableNetworking": true})));
}

#[test]
fn where_ports_are_the_tasks_own_the_host_port_is_the_container_port() {
    // Measured: pf-ecs-host-network-host-port-mismatch; reported: aws/amazon-ecs-cli issue 1014.
    for mode in ["awsvpc", "host"] {
        let definition = |mapping: Value| with(mapped(json!([mapping])), json!({"networkMode": mode}));
        assert_eq!(
            refusal(&definition(json!({"containerPort": 80, "hostPort": 8080}))),
            format!("When networkMode={mode}, the host ports and container ports in port mappings must match.")
        );
        for same in [
            json!({"containerPort": 80, "hostPort": 80}),
            json!({"containerPort": 80}),
            json!({"containerPort": 80, "hostPort": 0}),
        ] {
            accepted(&definition(same));
        }
    }
    accepted(&mapped(json!([{"containerPort": 80, "hostPort": 8080}])));
}

#[test]
fn a_port_is_a_port() {
    // Reported: aws/aws-cli issue 7288.
    for mapping in [json!({"hostPort": 7000}), json!({"containerPort": 0}), json!({"containerPort": 65536})] {
        assert_eq!(refusal(&mapped(json!([mapping]))), "Invalid 'containerPort' setting for container 'app'.");
    }
    assert_eq!(refusal(&mapped(json!([{"containerPort": 80, "hostPort": -1}]))), "Invalid 'hostPort' setting for container 'app'.");
}

#[test]
fn a_range_of_ports_rises_and_stands_alone() {
    // Measured: pf-ecs-port-range-reversed, pf-ecs-port-range-with-host-port.
    accepted(&mapped(json!([{"containerPortRange": "8080-8090"}])));
    for range in ["8090-8080", "8080", "8080-8080", "0-80", "a-b"] {
        assert_eq!(
            refusal(&mapped(json!([{"containerPortRange": range}]))),
            "Invalid 'containerPortRange' setting for container 'app'.",
            "{range}"
        );
    }
    assert_eq!(
        refusal(&mapped(json!([{"containerPortRange": "8080-8090", "containerPort": 80}]))),
        "Invalid port mapping for container 'app', cannot specify both single port and port range."
    );
}

#[test]
fn containers_that_share_a_network_share_no_port() {
    // Measured: pf-ecs-port-range-overlap.
    let pair = |first: Value, second: Value| {
        let containers = [container(json!({"portMappings": [first]})), container(json!({"name": "b", "portMappings": [second]}))];
        of(json!(containers))
    };
    let overlapping = pair(json!({"containerPortRange": "8080-8085"}), json!({"containerPortRange": "8085-8090"}));
    assert_eq!(
        refusal(&awsvpc(overlapping.clone())),
        "TCP container port '8085' is used multiple times in task when networkMode=awsvpc."
    );
    accepted(&overlapping);
    accepted(&awsvpc(pair(json!({"containerPort": 53}), json!({"containerPort": 53, "protocol": "udp"}))));
    let same_host_port = pair(json!({"containerPort": 80, "hostPort": 8080}), json!({"containerPort": 81, "hostPort": 8080}));
    assert_eq!(refusal(&same_host_port), "TCP host port '8080' is used multiple times in task when networkMode=bridge.");
    accepted(&pair(json!({"containerPort": 80}), json!({"containerPort": 80})));
}

#[test]
fn the_name_of_a_port_is_used_once() {
    // Measured: pf-ecs-port-mapping-duplicate-name.
    let twice = mapped(json!([{"containerPort": 80, "name": "http"}, {"containerPort": 81, "name": "http"}]));
    assert_eq!(refusal(&awsvpc(twice)), "When networkMode=awsvpc, port mapping name is already used");
    for name in ["-http", "HTTP", &"p".repeat(65)] {
        assert!(refusal(&mapped(json!([{"containerPort": 80, "name": name}]))).starts_with("Invalid port mapping name"), "{name}");
    }
}

#[test]
fn without_a_network_there_are_no_ports() {
    // "If the network mode is set to none, you cannot specify port mappings" (RegisterTaskDefinition).
    let none = |definition: Value| with(definition, json!({"networkMode": "none"}));
    assert!(refusal(&none(mapped(json!([{"containerPort": 80}])))).contains("networkMode=none"));
    accepted(&none(one(json!({}))));
}

#[test]
fn links_lead_to_containers_and_not_in_a_circle() {
    // Reported: Shippable/support issue 4194.
    let linked = |edges: &[(&str, &str)]| {
        of(json!(edges.iter().map(|(name, to)| container(json!({"name": name, "links": [to]}))).collect::<Vec<_>>()))
    };
    assert_eq!(refusal(&linked(&[("a", "b:db"), ("b", "a")])), "Container links should not have a cycle");
    assert!(refusal(&linked(&[("a", "nope:db")])).contains("'nope'"));
    accepted(&of(json!([container(json!({"name": "a", "links": ["b:db"]})), container(json!({"name": "b"}))])));
}

#[test]
fn the_app_mesh_proxy_is_one_of_the_containers_and_has_its_ports() {
    // Measured: pf-ecs-proxy-configuration-awsvpc-required, -container-missing, -missing-required-props.
    let proxied = |container: &str, properties: Value| {
        with(
            one(json!({})),
            json!({"proxyConfiguration": {"containerName": container, "type": "APPMESH", "properties": properties}}),
        )
    };
    let properties = json!([
        {"name": "IgnoredUID", "value": "1337"}, {"name": "AppPorts", "value": "80"},
        {"name": "ProxyIngressPort", "value": "15000"}, {"name": "ProxyEgressPort", "value": "15001"},
    ]);
    accepted(&awsvpc(proxied("app", properties.clone())));
    assert_eq!(refusal(&proxied("app", properties.clone())), "APPMESH proxy configuration is only supported in networkMode=awsvpc");
    assert_eq!(refusal(&awsvpc(proxied("envoy", properties))), "Proxy container [envoy] does not exist.");
    assert_eq!(refusal(&awsvpc(proxied("app", json!([])))), "Ingress port not found");
}
