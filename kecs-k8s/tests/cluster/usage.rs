//! What pods use, as their kubelet says.

use std::time::Duration;

use kecs_core::{ContainerStats, ErrorKind, TaskManager, TaskRef};

use crate::support::{OnCluster, cluster, running, task};

/// Asks until it is so: a kubelet measures every ten seconds, and tells nobody when.
async fn measured(cluster: &OnCluster, task: &TaskRef, is_so: impl Fn(&[ContainerStats]) -> bool) -> Vec<ContainerStats> {
    let mut last = Vec::new();
    let search = async {
        loop {
            last = cluster.tasks().stats(task).await.expect("the task is known");
            if is_so(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_mins(1), search).await;
    assert!(found.is_ok(), "{last:#?}");
    last
}

#[tokio::test]
async fn each_container_of_a_pod_is_measured() {
    let Some(cluster) = cluster("each_container_of_a_pod_is_measured").await else { return };
    // 16 MiB of memory are the shell's own, and a core is its own for a while.
    let work = r"x=$(head -c 16777216 /dev/zero | tr '\0' x); i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
    let rest = "trap 'exit 0' TERM; sleep 1000 & wait";
    let spec = task([running("busy", &format!("{work}; {rest}")), running("idle", rest)]);
    cluster.ensure(&spec).await;
    cluster.until_running(&spec).await;
    let of = |stats: &[ContainerStats], name: &str| stats.iter().find(|stats| stats.container == name).cloned();
    let stats = measured(&cluster, &spec.task, |stats| {
        let (Some(busy), Some(idle)) = (of(stats, "busy"), of(stats, "idle")) else { return false };
        // The shell, and what it waits for. Disks are not to be seen here: kernels with the first version of cgroups count no bytes for containers as a rule.
        let processes = (busy.processes, idle.processes) == (Some(2), Some(2));
        processes
            && busy.cpu > idle.cpu
            && busy.cpu > Duration::from_millis(100)
            && busy.memory > 16 << 20
            && idle.memory < 16 << 20
    })
    .await;
    let (busy, idle) = (of(&stats, "busy").expect("it is measured"), of(&stats, "idle").expect("it is measured"));
    assert_eq!((busy.memory_limit, idle.memory_limit), (None, None), "they have none");
    assert!(busy.host_cpu > Some(busy.cpu) && busy.host_cpus == idle.host_cpus && busy.host_cpus > Some(0), "{busy:?}");
    assert_eq!(busy.networks, idle.networks, "they share one");
    assert!(busy.networks.iter().any(|network| network.interface == "eth0"), "{busy:?}");
    cluster.clean_up(&spec).await;
    assert_eq!(cluster.tasks().stats(&spec.task).await.expect_err("it is forgotten").kind(), ErrorKind::NotFound);
}
