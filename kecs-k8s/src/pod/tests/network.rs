use kecs_core::TaskSpec;
use kecs_core::task_spec::NetworkMode;
use kecs_core::testing::{container, spec};
use serde_json::json;

use super::{pod_of, refusal};

#[test]
fn awsvpc_is_the_pods_own_network() {
    let task = TaskSpec { network_mode: NetworkMode::AwsVpc, ..spec([container("web").port(80, None)]) };
    let pod = pod_of(&task);
    assert_eq!(pod["hostNetwork"], json!(null));
    assert_eq!(pod["containers"][0]["ports"], json!([{"containerPort": 80, "protocol": "TCP"}]));
}

#[test]
fn host_is_the_nodes_network() {
    let task = TaskSpec { network_mode: NetworkMode::Host, ..spec([container("web").port(80, None)]) };
    let pod = pod_of(&task);
    assert_eq!((&pod["hostNetwork"], &pod["dnsPolicy"]), (&json!(true), &json!("ClusterFirstWithHostNet")));
    assert_eq!(pod["containers"][0]["ports"], json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]));
}

#[test]
fn bridge_binds_ports_of_the_node() {
    let task = TaskSpec { network_mode: NetworkMode::Bridge, ..spec([container("web").port(80, Some(8080)).port(443, None)]) };
    assert_eq!(
        pod_of(&task)["containers"][0]["ports"],
        json!([
            {"containerPort": 80, "hostPort": 8080, "protocol": "TCP"},
            {"containerPort": 443, "hostPort": 32768, "protocol": "TCP"},
        ])
    );
}

#[test]
fn no_network_is_refused() {
    let task = TaskSpec { network_mode: NetworkMode::None, ..spec([container("app")]) };
    assert!(refusal(&task).contains("networkMode none"));
    let without = spec([container("app").with(|spec| spec.disable_networking = true)]);
    assert!(refusal(&without).contains("disableNetworking (container app)"));
}

#[test]
fn containers_of_a_task_cannot_share_a_port() {
    let both = [container("a").port(80, None), container("b").port(80, None)];
    let task = TaskSpec { network_mode: NetworkMode::Bridge, ..spec(both) };
    assert!(refusal(&task).contains("two containers that listen on the same port (a and b, port 80)"), "{}", refusal(&task));
}

#[test]
fn linked_and_extra_hosts_have_names() {
    let task = spec([
        container("web").with(|spec| {
            spec.links = vec!["db:Database".to_owned()];
            spec.extra_hosts = vec![("legacy".to_owned(), "10.0.0.9".to_owned())];
        }),
        container("db"),
    ]);
    let pod = pod_of(&task);
    assert_eq!(
        pod["hostAliases"],
        json!([{"hostnames": ["legacy"], "ip": "10.0.0.9"}, {"hostnames": ["db", "database"], "ip": "127.0.0.1"}])
    );
    assert_eq!(pod["containers"][0]["image"], "KECS:waiting-for-its-dependencies", "a link is an order of starting");
}

#[test]
fn resolvers_are_the_pods() {
    let task = spec([container("app").with(|spec| {
        spec.dns_servers = vec!["10.0.0.2".to_owned()];
        spec.dns_search = vec!["corp.example".to_owned()];
    })]);
    let pod = pod_of(&task);
    assert_eq!(pod["dnsPolicy"], "None");
    assert_eq!(pod["dnsConfig"], json!({"nameservers": ["10.0.0.2"], "searches": ["corp.example"]}));
}

#[test]
fn resolvers_that_differ_between_containers_are_refused() {
    let with = |name: &str, server: &str| {
        let server = server.to_owned();
        container(name).with(|spec| spec.dns_servers = vec![server])
    };
    assert!(refusal(&spec([with("a", "10.0.0.2"), with("b", "10.0.0.3")])).contains("a dnsServers that differs"));
}
