//! What the processes of containers use, as `/proc` tells it; nothing where there is none.

use std::fs;
use std::time::Duration;

use kecs_core::{ContainerStats, DiskStats};
use kecs_model::Timestamp;

use super::host;
use super::record::TaskRecord;

/// What one process used, from `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    /// Clock ticks in user mode and in the kernel, with those of children that have ended.
    user: u64,
    kernel: u64,
    /// Resident memory in pages.
    pages: u64,
}

impl Usage {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Counted from the end of the program's name, as [`host::Stat`] does (proc_pid_stat(5)): the state, field 3, is the first.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self { user: field(14)? + field(16)?, kernel: field(15)? + field(17)?, pages: field(24)? })
    }
}

/// What each container of the task uses whose process lives, with all processes of its group. Reads `/proc` once.
pub(super) fn measure(task: &TaskRecord, at: Timestamp) -> Vec<ContainerStats> {
    let host_cpu = fs::read_to_string("/proc/stat").ok().and_then(|text| all_processors(&text));
    let host_cpus = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
    let mut measured: Vec<(i32, ContainerStats)> = task
        .containers
        .iter()
        .filter_map(|container| {
            let process = container.process.as_ref()?;
            // Another process may have the number by now.
            let lives = host::Stat::of(process.pid).is_some_and(|stat| Some(stat.start) == process.start && !stat.is_dead());
            let stats = ContainerStats {
                container: container.name.clone(),
                at,
                cpu: Duration::ZERO,
                cpu_user: None,
                cpu_kernel: None,
                host_cpu,
                host_cpus: Some(host_cpus),
                memory: 0,
                memory_limit: None,
                processes: None,
                disks: Vec::new(),
                networks: Vec::new(),
            };
            lives.then_some((process.pid, stats))
        })
        .collect();
    if measured.is_empty() {
        return Vec::new();
    }
    let page_size = rustix::param::page_size() as u64;
    for (pid, stat) in host::processes().filter(|(_, stat)| !stat.is_dead()) {
        let Some((_, stats)) = measured.iter_mut().find(|(group, _)| stat.group == *group) else { continue };
        let Some(usage) = Usage::of(pid) else { continue };
        let (user, kernel) = (ticks(usage.user), ticks(usage.kernel));
        stats.cpu += user + kernel;
        *stats.cpu_user.get_or_insert_default() += user;
        *stats.cpu_kernel.get_or_insert_default() += kernel;
        stats.memory += usage.pages * page_size;
        *stats.processes.get_or_insert_default() += 1;
        add_disks(pid, &mut stats.disks);
    }
    measured.into_iter().map(|(_, stats)| stats).collect()
}

/// Adds what a process, and its children that have ended, read from disks and wrote to them. Which disks it was nobody tells.
fn add_disks(pid: i32, disks: &mut Vec<DiskStats>) {
    // Another user's are not to be read.
    let Some((read, written)) = fs::read_to_string(format!("/proc/{pid}/io")).ok().and_then(|text| disk_bytes(&text)) else {
        return;
    };
    if disks.is_empty() {
        disks.push(DiskStats { device: None, read_bytes: 0, written_bytes: 0 });
    }
    disks[0].read_bytes += read;
    disks[0].written_bytes += written;
}

/// What of `/proc/<pid>/io` went through to a disk (proc_pid_io(5)): bytes read, and written.
fn disk_bytes(text: &str) -> Option<(u64, u64)> {
    let figure = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
    Some((figure("read_bytes")?, figure("write_bytes")?))
}

/// The first line of `/proc/stat`: the ticks of all processors, by what they did.
fn all_processors(text: &str) -> Option<Duration> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    // The time of guests, the last two of ten, is in that of users already (proc_stat(5)).
    let sum = line.split_whitespace().take(8).map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()?;
    Some(ticks(sum))
}

fn ticks(count: u64) -> Duration {
    Duration::from_nanos(count.saturating_mul(1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The fields of proc_pid_stat(5), counted: 14 and 15 are 5 and 3, 16 and 17 are 20 and 10, 24 is 700.
    const STAT: &str = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 5 3 20 10 20 0 1 0 12345 8192000 700 18446744073709551615 1 1";

    #[test]
    fn usage_is_that_of_a_process_and_of_its_ended_children() {
        assert_eq!(Usage::parse(STAT), Some(Usage { user: 25, kernel: 13, pages: 700 }));
        assert_eq!(Usage::parse("42 (a) S 1"), None);
    }

    #[test]
    fn what_went_through_to_a_disk_is_what_counts() {
        let text = "rchar: 9\nwchar: 8\nsyscr: 7\nsyscw: 6\nread_bytes: 4096\nwrite_bytes: 512\ncancelled_write_bytes: 3\n";
        assert_eq!(disk_bytes(text), Some((4096, 512)));
        assert_eq!(disk_bytes("rchar: 9\n"), None);
    }

    #[test]
    fn the_host_s_time_is_all_of_it_but_guests_are_counted_once() {
        let text = "cpu  100 0 50 800 20 0 5 25 70 0\ncpu0 1 2 3\n";
        assert_eq!(all_processors(text), Some(ticks(1000)));
    }
}
