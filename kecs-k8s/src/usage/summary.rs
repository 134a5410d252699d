//! The kubelet's Summary API (`k8s.io/kubelet/pkg/apis/stats/v1alpha1`): what of it is of use here.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kecs_core::{ContainerStats, NetworkStats};
use kecs_model::Timestamp;
use serde::Deserialize;

use super::PodPlace;
use super::cadvisor::Cadvisor;
use crate::time::stamp;

/// What a kubelet says of its node.
#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    node: Option<SummaryNode>,
    #[serde(default)]
    pods: Vec<Pod>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SummaryNode {
    start_time: Option<Time>,
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
    /// The measured containers of a pod; `None` where it is not known yet. `processors` is how many its node has.
    pub(super) fn pod(
        &self,
        place: &PodPlace<'_>,
        processors: Option<u32>,
        cadvisor: Option<&Cadvisor>,
    ) -> Option<Vec<ContainerStats>> {
        let pod = self.pods.iter().find(|pod| pod.pod_ref.uid == place.uid)?;
        let networks: Vec<NetworkStats> =
            pod.network.iter().flat_map(|network| &network.interfaces).map(Interface::stats).collect();
        let measured = pod.containers.iter().filter_map(|container| {
            let stats = container.stats(&networks)?;
            let figures = cadvisor.map(|metrics| metrics.of(place.namespace, place.pod, &stats.container)).unwrap_or_default();
            Some(ContainerStats {
                host_cpu: self.node_time(stats.at, processors),
                host_cpus: processors,
                processes: figures.processes,
                disks: figures.disks(),
                ..stats
            })
        });
        Some(measured.collect())
    }

    /// The time that all processors of the node had since it started: no kubelet sums that up, and it is as long as it has been.
    fn node_time(&self, at: Timestamp, processors: Option<u32>) -> Option<Duration> {
        let started = stamp(self.node.as_ref()?.start_time.as_ref())?;
        let since = u64::try_from(at.as_millis().checked_sub(started.as_millis())?).ok()?;
        Some(Duration::from_millis(since) * processors?)
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
            disks: Vec::new(),
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
        let place = |uid| PodPlace { node: "n1", host: "10.0.0.1", namespace: "b", pod: "task", uid };
        let pod = |uid| summary.pod(&place(uid), Some(4), None);
        let found = pod("u-2").unwrap();
        let [web] = &found[..] else { panic!("{found:?}") };
        assert_eq!((web.container.as_str(), web.at.as_millis()), ("web", 1_793_491_210_000));
        assert_eq!((web.cpu, web.memory, web.memory_limit), (Duration::from_millis(1500), 30, Some(1024)));
        let eth0 =
            NetworkStats { interface: "eth0".to_owned(), received_bytes: 7, received_errors: 1, sent_bytes: 8, sent_errors: 2 };
        assert_eq!(web.networks, [eth0]);
        // Four processors for the ten seconds since the node's start.
        assert_eq!((web.host_cpus, web.host_cpu), (Some(4), Some(Duration::from_secs(40))));
        assert_eq!(pod("u-1"), Some(Vec::new()));
        assert_eq!(pod("u-3"), None, "it is not measured yet");
    }
}
