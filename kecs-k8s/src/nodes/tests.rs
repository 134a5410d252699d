use kecs_core::Scope;

use super::*;

const UID: &str = "0b3a6a1e-8f4e-4c26-9d57-1f2e3d4c5b6a";
const ID: &str = "0b3a6a1e8f4e4c269d571f2e3d4c5b6a";

fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

/// A node as a kubelet of 1.36 reports it, in part.
fn node(change: impl FnOnce(&mut Value)) -> Node {
    let mut node = json!({
        "metadata": {
            "name": "worker-1", "uid": UID, "resourceVersion": "7",
            "labels": {
                "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": "worker-1", "disk": "ssd",
                "topology.kubernetes.io/zone": "us-east-1b", "kecs.io/cluster": "prod"
            }
        },
        "spec": {},
        "status": {
            "allocatable": {"cpu": "1930m", "memory": "24638372Ki", "nvidia.com/gpu": "2", "pods": "110"},
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "6.1",
                "kubeProxyVersion": "", "kubeletVersion": "v1.36.3", "machineID": "", "operatingSystem": "linux", "osImage": "Debian",
                "systemUUID": ""
            }
        }
    });
    change(&mut node);
    serde_json::from_value(node).unwrap()
}

fn labelled(node: &Node) -> Option<HostInstance> {
    host::instance(node, &NodeInstances::Labelled(scope()), "nvidia.com/gpu")
}

fn prod() -> ClusterRef {
    ClusterRef { scope: scope(), name: "prod".into() }
}

#[test]
fn a_labelled_node_is_an_instance_with_what_pods_may_have_of_it() {
    let host = labelled(&node(|_| ())).unwrap();
    assert_eq!((host.cluster, host.id.as_str(), host.name.as_str()), (prod(), ID, "worker-1"));
    // 1.93 of 1024 units each, and 24638372 KiB.
    assert_eq!((host.cpu, host.memory), (1976, 24060));
    assert_eq!(host.gpus, ["gpu-0", "gpu-1"]);
    assert!(host.available && !host.drained);
    assert_eq!(host.agent_version.as_deref(), Some("v1.36.3"));
    for (name, value) in
        [("ecs.os-type", "linux"), ("ecs.cpu-architecture", "x86_64"), ("ecs.availability-zone", "us-east-1b"), ("disk", "ssd")]
    {
        assert_eq!(host.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn a_node_without_a_label_joins_only_where_all_do_and_takes_any_pod() {
    let plain = node(|node| drop(node["metadata"]["labels"].as_object_mut().unwrap().remove("kecs.io/cluster")));
    assert_eq!(labelled(&plain), None);
    let all = NodeInstances::All(ClusterRef { scope: scope(), name: "default".into() });
    let of = |node: &Node| host::instance(node, &all, "nvidia.com/gpu").map(|host| host.cluster.name.to_string());
    assert_eq!(of(&plain).as_deref(), Some("default"));
    assert_eq!(of(&node(|_| ())).as_deref(), Some("prod"), "its own label says otherwise");
    let tainted = |key: &str| {
        node(|node| {
            drop(node["metadata"]["labels"].as_object_mut().unwrap().remove("kecs.io/cluster"));
            node["spec"]["taints"] = json!([{"key": key, "effect": "NoSchedule"}]);
        })
    };
    assert_eq!(of(&tainted("node-role.kubernetes.io/control-plane")), None);
    assert_eq!(of(&tainted("node.kubernetes.io/not-ready")).as_deref(), Some("default"), "for a moment, as its condition says");
}

#[test]
fn a_node_that_is_not_ready_or_cordoned_by_others_is_not_available() {
    let silent = node(|node| node["status"]["conditions"][1]["status"] = json!("Unknown"));
    assert!(!labelled(&silent).unwrap().available);
    let cordoned = labelled(&node(|node| node["spec"]["unschedulable"] = json!(true))).unwrap();
    assert_eq!((cordoned.available, cordoned.drained), (false, false));
    let drained = node(|node| {
        node["spec"]["unschedulable"] = json!(true);
        node["metadata"]["annotations"] = json!({"kecs.io/draining": "true"});
    });
    let drained = labelled(&drained).unwrap();
    assert_eq!((drained.available, drained.drained), (true, true));
}

#[test]
fn draining_cordons_and_gives_back_what_it_found() {
    let plain = node(|_| ());
    assert_eq!(drain_patch(&plain, false), None);
    let patch = drain_patch(&plain, true).unwrap();
    assert_eq!((&patch["spec"]["unschedulable"], &patch["metadata"]["resourceVersion"]), (&json!(true), &json!("7")));
    let drained = |mark: &str| {
        node(|node| {
            node["spec"]["unschedulable"] = json!(true);
            node["metadata"]["annotations"] = json!({"kecs.io/draining": mark});
        })
    };
    assert_eq!(patch["metadata"]["annotations"]["kecs.io/draining"], "true");
    assert_eq!(drain_patch(&drained("true"), true), None, "it is so already");
    let back = drain_patch(&drained("true"), false).unwrap();
    assert_eq!(
        (&back["spec"]["unschedulable"], &back["metadata"]["annotations"]["kecs.io/draining"]),
        (&json!(false), &json!(null))
    );

    let by_hand = node(|node| node["spec"]["unschedulable"] = json!(true));
    let mark = drain_patch(&by_hand, true).unwrap()["metadata"]["annotations"]["kecs.io/draining"].as_str().unwrap().to_owned();
    assert_eq!(drain_patch(&drained(&mark), false).unwrap()["spec"]["unschedulable"], true, "it was cordoned before");
}

#[test]
fn only_news_of_nodes_is_told() {
    let mut told = Told::default();
    let mut take = |event| told.take(event, labelled);
    assert_eq!(take(Event::Init), []);
    assert_eq!(take(Event::InitApply(node(|_| ()))), []);
    let listed = take(Event::InitDone);
    assert!(matches!(&listed[..], [HostEvent::Resynced(all)] if all.len() == 1), "{listed:?}");
    assert_eq!(take(Event::Apply(node(|node| node["metadata"]["resourceVersion"] = json!("8")))), [], "a heartbeat");

    let moved = take(Event::Apply(node(|node| node["metadata"]["labels"]["kecs.io/cluster"] = json!("test"))));
    assert_eq!(moved[0], HostEvent::Gone { cluster: prod(), id: ID.to_owned() });
    assert!(matches!(&moved[1..], [HostEvent::Observed(host)] if &*host.cluster.name == "test"), "{moved:?}");

    let gone = take(Event::Delete(node(|_| ())));
    assert!(matches!(&gone[..], [HostEvent::Gone { cluster, .. }] if &*cluster.name == "test"), "{gone:?}");
    assert_eq!(take(Event::Delete(node(|_| ()))), [], "it is told once");
}
