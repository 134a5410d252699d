//! What containers use.

use std::time::Duration;

use kecs_core::testing::spec;
use kecs_core::{ContainerStats, ErrorKind, TaskManager};

use crate::support::{Host, shell};

#[tokio::test]
async fn each_container_is_measured_with_all_of_its_processes() {
    let host = Host::new().await;
    // The kernel counts in hundredths of a second; this takes a tenth, in a child that is waited for, and in one that is not.
    let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
    // 16 KiB go to the disk, by a child that ends. What is temporary may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let save = format!("dd if=/dev/zero of={}/saved bs=16384 count=1 conv=fsync 2>/dev/null", folder.path().display());
    let spec = spec([
        shell("busy", &format!("sh -c '{busy}'; {save}; sleep 1000 & echo worked; sleep 1000")),
        shell("idle", "exec sleep 1000"),
    ]);
    host.run(&spec).await;
    assert_eq!(host.first_line(&spec.task, "busy").await, "worked");
    let stats = host.tasks().stats(&spec.task).await.unwrap();
    let of = |name: &str| -> ContainerStats { stats.iter().find(|stats| stats.container == name).unwrap().clone() };
    let (busy, idle) = (of("busy"), of("idle"));
    assert!(busy.cpu_user.unwrap() > Duration::ZERO && busy.cpu_user > idle.cpu_user, "{busy:?} {idle:?}");
    assert!(busy.processes.unwrap() >= 2 && idle.processes == Some(1), "{busy:?} {idle:?}");
    assert!(busy.memory > 4096 && idle.memory > 4096, "{busy:?} {idle:?}");
    let written = |stats: &ContainerStats| stats.disks.iter().map(|disk| disk.written_bytes).sum::<u64>();
    assert!(written(&busy) >= 16384 && written(&idle) == 0, "{busy:?} {idle:?}");
    assert!(busy.host_cpu.unwrap() > busy.cpu && busy.host_cpus.unwrap() > 0, "{busy:?}");
}

#[tokio::test]
async fn what_has_ended_is_not_measured() {
    let host = Host::new().await;
    let spec = spec([shell("web", "exit 0")]);
    host.run_to_end(&spec).await;
    assert_eq!(host.tasks().stats(&spec.task).await.unwrap(), []);
    host.tasks().forget_task(&spec.task).await.unwrap();
    assert_eq!(host.tasks().stats(&spec.task).await.unwrap_err().kind(), ErrorKind::NotFound);
}
