//! A container's statistics in Docker's shape, which the agent passes on: "Task metadata endpoint version 4 examples" (ECS developer guide) shows it.
//!
//! What nobody here measures, such as packets, is left out or zero, as Docker leaves it where a container has none.

use std::collections::BTreeMap;
use std::time::Duration;

use kecs_core::{ContainerStats, DiskStats, MeasuredContainer, NetworkStats};
use serde::Serialize;
use serde_json::{Map, Value};

use super::View;

/// What Docker says when there was no measurement before this one.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
struct Stats<'a> {
    read: String,
    preread: String,
    pids_stats: Pids,
    blkio_stats: Disks,
    num_procs: u32,
    storage_stats: Empty,
    cpu_stats: Cpu,
    precpu_stats: Cpu,
    memory_stats: Memory,
    name: &'a str,
    id: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<&'a str, Network>,
}

#[derive(Serialize)]
struct Pids {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<u32>,
}

#[derive(Serialize)]
struct Disks {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    io_service_bytes_recursive: Vec<DiskBytes>,
}

impl From<&[DiskStats]> for Disks {
    fn from(disks: &[DiskStats]) -> Self {
        let of = |disk: &DiskStats| {
            // Docker has no word for all disks together. Whoever asks adds them up.
            let (major, minor) = disk.device.unwrap_or_default();
            [("Read", disk.read_bytes), ("Write", disk.written_bytes)].map(|(op, value)| DiskBytes { major, minor, op, value })
        };
        Self { io_service_bytes_recursive: disks.iter().flat_map(of).collect() }
    }
}

#[derive(Serialize)]
struct DiskBytes {
    major: u32,
    minor: u32,
    op: &'static str,
    value: u64,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Default, Serialize)]
struct Cpu {
    cpu_usage: CpuUsage,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_cpu_usage: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    online_cpus: Option<u32>,
    throttling_data: Throttling,
}

impl From<&ContainerStats> for Cpu {
    fn from(stats: &ContainerStats) -> Self {
        let cpu_usage = CpuUsage {
            total_usage: nanos(stats.cpu),
            usage_in_kernelmode: stats.cpu_kernel.map_or(0, nanos),
            usage_in_usermode: stats.cpu_user.map_or(0, nanos),
        };
        let (system_cpu_usage, online_cpus) = (stats.host_cpu.map(nanos), stats.host_cpus);
        Self { cpu_usage, system_cpu_usage, online_cpus, throttling_data: Throttling::default() }
    }
}

/// In nanoseconds.
#[derive(Default, Serialize)]
struct CpuUsage {
    total_usage: u64,
    usage_in_kernelmode: u64,
    usage_in_usermode: u64,
}

#[derive(Default, Serialize)]
struct Throttling {
    periods: u64,
    throttled_periods: u64,
    throttled_time: u64,
}

/// In bytes.
#[derive(Serialize)]
struct Memory {
    usage: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    stats: Empty,
}

/// Without packets, which are not counted.
#[derive(Serialize)]
struct Network {
    rx_bytes: u64,
    rx_errors: u64,
    tx_bytes: u64,
    tx_errors: u64,
}

impl From<&NetworkStats> for Network {
    fn from(stats: &NetworkStats) -> Self {
        let NetworkStats { interface: _, received_bytes, received_errors, sent_bytes, sent_errors } = stats;
        Self { rx_bytes: *received_bytes, rx_errors: *received_errors, tx_bytes: *sent_bytes, tx_errors: *sent_errors }
    }
}

/// Of a container that nothing is known of: the agent answers this for one that it has not measured yet.
pub(super) fn none() -> Value {
    Value::Object(Map::new())
}

pub(super) fn shown(view: &View<'_>, stats: &MeasuredContainer) -> Value {
    let MeasuredContainer { now, before } = stats;
    let ContainerStats { container, at, memory, memory_limit, processes, disks, networks, .. } = now;
    let shown = Stats {
        read: at.to_string(),
        preread: before.as_ref().map_or_else(|| NEVER.to_owned(), |before| before.at.to_string()),
        pids_stats: Pids { current: *processes },
        blkio_stats: disks.as_slice().into(),
        num_procs: 0,
        storage_stats: Empty {},
        cpu_stats: now.into(),
        precpu_stats: before.as_ref().map(Cpu::from).unwrap_or_default(),
        memory_stats: Memory { usage: *memory, limit: *memory_limit, stats: Empty {} },
        name: container,
        id: view.agent.endpoint_id(view.task, container),
        networks: networks.iter().map(|network| (network.interface.as_str(), network.into())).collect(),
    };
    serde_json::to_value(shown).expect("texts and numbers are JSON")
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
