//! The kubelet's Summary API (`k8s.io/kubelet/pkg/apis/stats/v1alpha1`): what of it is of use here.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kecs_core::{ContainerStats, NetworkStats};
use serde::Deserialize;

use crate::time::stamp;

/// What a kubelet says of its node.
#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    #[serde(default)]
    pods: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    pod_ref: PodRef,
    #[serde(default)]
    containers: Vec<Container>,
    network: Option<Network>,
}

#[derive(Debug, Deserialize)]
struct PodRef {
    uid: String,
}

#[derive(Debug, Deserialize)]
struct Container {
    name: String,
    cpu: Option<Cpu>,
    memory: Option<Memory>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    time: Option<Time>,
    usage_core_nano_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    usage_bytes: Option<u64>,
    working_set_bytes: Option<u64>,
    /// The limit without the working set. Where there is no limit it is absent, or 0 (containerd).
    available_bytes: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Network {
    #[serde(default)]
    interfaces: Vec<Interface>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    name: String,
    rx_bytes: Option<u64>,
    rx_errors: Option<u64>,
    tx_bytes: Option<u64>,
    tx_errors: Option<u64>,
}

impl Summary {
    /// The measured containers of a pod; `None` where it is not known yet.
    pub(super) fn pod(&self, uid: &str) -> Option<Vec<ContainerStats>> {
        let pod = self.pods.iter().find(|pod| pod.pod_ref.uid == uid)?;
        let networks: Vec<NetworkStats> =
            pod.network.iter().flat_map(|network| &network.interfaces).map(Interface::stats).collect();
        Some(pod.containers.iter().filter_map(|container| container.stats(&networks)).collect())
    }
}

impl Container {
    fn stats(&self, networks: &[NetworkStats]) -> Option<ContainerStats> {
        let (cpu, memory) = (self.cpu.as_ref()?, self.memory.as_ref()?);
        Some(ContainerStats {
            container: self.name.clone(),
            at: stamp(cpu.time.as_ref())?,
            cpu: Duration::from_nanos(cpu.usage_core_nano_seconds?),
            cpu_user: None,
            cpu_kernel: None,
            host_cpu: None,
            host_cpus: None,
            memory: memory.usage_bytes.or(memory.working_set_bytes)?,
            memory_limit: memory.limit(),
            processes: None,
            // The containers of a pod share one network.
            networks: networks.to_vec(),
        })
    }
}

impl Memory {
    fn limit(&self) -> Option<u64> {
        let available = self.available_bytes.filter(|available| *available > 0)?;
        Some(available.saturating_add(self.working_set_bytes?))
    }
}

impl Interface {
    fn stats(&self) -> NetworkStats {
        NetworkStats {
            interface: self.name.clone(),
            received_bytes: self.rx_bytes.unwrap_or(0),
            received_errors: self.rx_errors.unwrap_or(0),
            sent_bytes: self.tx_bytes.unwrap_or(0),
            sent_errors: self.tx_errors.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Members and their meanings are those of `types.go` of the package above.
    const SUMMARY: &str = r#"{
        "node": { "nodeName": "n1", "startTime": "2026-11-01T00:00:00Z" },
        "pods": [
            { "podRef": { "name": "other", "namespace": "a", "uid": "u-1" }, "startTime": "2026-11-01T00:00:00Z", "containers": [] },
            {
                "podRef": { "name": "task", "namespace": "b", "uid": "u-2" }, "startTime": "2026-11-01T00:00:00Z",
                "containers": [
                    {
                        "name": "web", "startTime": "2026-11-01T00:00:00Z",
                        "cpu": { "time": "2026-11-01T00:00:10Z", "usageNanoCores": 5000000, "usageCoreNanoSeconds": 1500000000 },
                        "memory": { "time": "2026-11-01T00:00:10Z", "availableBytes": 1000, "usageBytes": 30, "workingSetBytes": 24, "rssBytes": 10 }
                    },
                    { "name": "new", "startTime": "2026-11-01T00:00:09Z", "cpu": { "time": "2026-11-01T00:00:10Z" }, "memory": { "time": "2026-11-01T00:00:10Z" } }
                ],
                "network": {
                    "time": "2026-11-01T00:00:10Z", "name": "eth0", "rxBytes": 7, "txBytes": 8,
                    "interfaces": [{ "name": "eth0", "rxBytes": 7, "rxErrors": 1, "txBytes": 8, "txErrors": 2 }]
                }
            }
        ]
    }"#;

    #[test]
    fn a_pod_s_containers_are_read_as_far_as_they_are_measured() {
        let summary: Summary = serde_json::from_str(SUMMARY).unwrap();
        let found = summary.pod("u-2").unwrap();
        let [web] = &found[..] else { panic!("{found:?}") };
        assert_eq!((web.container.as_str(), web.at.as_millis()), ("web", 1_793_491_210_000));
        assert_eq!((web.cpu, web.memory, web.memory_limit), (Duration::from_millis(1500), 30, Some(1024)));
        let eth0 =
            NetworkStats { interface: "eth0".to_owned(), received_bytes: 7, received_errors: 1, sent_bytes: 8, sent_errors: 2 };
        assert_eq!(web.networks, [eth0]);
        assert_eq!(summary.pod("u-1"), Some(Vec::new()));
        assert_eq!(summary.pod("u-3"), None, "it is not measured yet");
    }
}
