//! ECS's rules where Kubernetes' are others.

use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::PersistentVolume;
use kecs_core::task_spec::{Condition, Mount, NetworkMode, Volume, VolumeSource};
use kecs_core::testing::container;
use kecs_core::{Health, LogQuery, StopCause, TaskManager, TaskPhase, TaskSpec};

use kube::api::{Api, PostParams};

use crate::support::{OnCluster, busybox, cluster, cluster_with, end_of, has_ended, running, shell, task};

#[tokio::test]
async fn a_container_that_ran_too_short_is_not_restarted() {
    let Some(cluster) = cluster("a_container_that_ran_too_short_is_not_restarted").await else { return };
    let short = running("short", "exit 6").essential(false).restarts(Duration::from_mins(1), &[]);
    let ignored = running("ignored", "sleep 3 & wait $!; exit 7").essential(false).restarts(Duration::from_secs(1), &[7]);
    let spec = task([short, ignored, running("app", "sleep 600 & wait")]);
    cluster.ensure(&spec).await;
    let both = |seen: &_| has_ended(seen, "short") && has_ended(seen, "ignored");
    let seen = cluster.until(&spec.task, "the end of both", both).await;
    assert_eq!((end_of(&seen, "short").0, end_of(&seen, "ignored").0), (Some(6), Some(7)));
    assert_eq!((seen.phase, seen.cause), (TaskPhase::Running, None));
    cluster.clean_up(&spec).await;
}

#[tokio::test]
async fn who_waited_for_what_did_not_come_in_time_is_over() {
    let Some(cluster) = cluster("who_waited_for_what_did_not_come_in_time_is_over").await else { return };
    let slow = running("slow", "sleep 600 & wait").essential(false).start_timeout(Duration::from_secs(2));
    let spec = task([running("app", "sleep 600 & wait").depends_on("slow", Condition::Complete), slow]);
    cluster.ensure(&spec).await;
    let seen = cluster.until_stopped(&spec).await;
    // The ECS agent's own text.
    let text = "CannotStartContainerError: dependency graph: container ordering dependency [slow] for target [app] has timed out.";
    assert_eq!(seen.cause, Some(StopCause::FailedToStart { reason: text.to_owned() }));
    assert_eq!((end_of(&seen, "slow").0, end_of(&seen, "app").0), (Some(143), None));
}

#[tokio::test]
async fn a_chain_starts_link_by_link() {
    let Some(cluster) = cluster("a_chain_starts_link_by_link").await else { return };
    let mark = |name: &str, line: &str| {
        let mount = Mount { volume: "order".to_owned(), path: "/order".to_owned(), read_only: false };
        let line = format!("echo {name} >> /order/log; {line}");
        container(name).program(shell(line)).with(|spec| spec.mounts.push(mount))
    };
    let volumes = vec![Volume { name: "order".to_owned(), source: VolumeSource::Task }];
    let last = mark("last", "cat /order/log").depends_on("middle", Condition::Start).depends_on("first", Condition::Complete);
    let middle = mark("middle", "sleep 600 & wait").essential(false).depends_on("first", Condition::Success);
    let first = mark("first", "sleep 1 & wait $!; exit 0").essential(false);
    let spec = TaskSpec { volumes, ..task([last, middle, first]) };
    cluster.ensure(&spec).await;
    let seen = cluster.until_stopped(&spec).await;
    assert_eq!((seen.cause.as_ref(), end_of(&seen, "last").0), (Some(&StopCause::EssentialContainerExited), Some(0)));
    let lines = cluster.tasks().logs(&spec.task, "last", LogQuery::all()).await.expect("the container is known");
    let lines: Vec<_> = lines.try_collect().await.expect("the lines can be read");
    let words: Vec<&[u8]> = lines.iter().map(|line| line.line.as_ref()).collect();
    assert_eq!(words, [b"first".as_slice(), b"middle", b"last"]);
}

#[tokio::test]
async fn health_is_lost_and_found() {
    let Some(cluster) = cluster("health_is_lost_and_found").await else { return };
    let check = kecs_core::task_spec::HealthCommand::Exec(vec!["test".to_owned(), "-e".to_owned(), "/tmp/well".to_owned()]);
    let line = "touch /tmp/well; sleep 5 & wait $!; rm /tmp/well; sleep 8 & wait $!; touch /tmp/well; sleep 600 & wait";
    let spec = task([running("app", line).health_check(check, Duration::from_secs(1))]);
    cluster.ensure(&spec).await;
    for health in [Health::Healthy, Health::Unhealthy, Health::Healthy] {
        let seen = cluster.until(&spec.task, &format!("{health:?}"), |seen| seen.containers[0].health == health).await;
        assert_eq!(seen.phase, TaskPhase::Running, "health ends nothing");
    }
    cluster.clean_up(&spec).await;
}

#[tokio::test]
async fn a_task_has_an_address_and_bridged_ports_are_told() {
    let Some(cluster) = cluster("a_task_has_an_address_and_bridged_ports_are_told").await else { return };
    let spec = task([running("app", "sleep 600 & wait")]);
    let bridged = TaskSpec {
        network_mode: NetworkMode::Bridge,
        ..task([busybox(container("web")).program(shell("sleep 600 & wait")).port(80, None).port(81, None)])
    };
    cluster.ensure(&spec).await;
    cluster.ensure(&bridged).await;
    let seen = cluster.until_running(&spec).await;
    assert_eq!(seen.addresses.len(), 1, "{seen:#?}");
    let seen = cluster.until_running(&bridged).await;
    assert_eq!(seen.addresses.len(), 1, "{seen:#?}");
    let bindings = &seen.containers[0].network_bindings;
    assert_eq!(bindings.iter().map(|binding| binding.container_port).collect::<Vec<_>>(), [80, 81]);
    assert_ne!(bindings[0].host_port, bindings[1].host_port);
    cluster.clean_up(&spec).await;
    cluster.clean_up(&bridged).await;
}

/// A volume of a class of its own, as an operator provides one where nothing provisions.
async fn provide(class: &str) {
    let volume: PersistentVolume = serde_json::from_value(serde_json::json!({
        "metadata": {"name": class},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "storageClassName": class,
            "hostPath": {"path": format!("/tmp/{class}"), "type": "DirectoryOrCreate"},
        },
    }))
    .expect("a volume");
    let volumes: Api<PersistentVolume> = Api::all(OnCluster::client().await);
    volumes.create(&PostParams::default(), &volume).await.expect("an operator may");
}

#[tokio::test]
async fn a_shared_volume_outlives_its_task() {
    let class = format!("class-{}", kecs_core::TaskId::random());
    let asked = class.clone();
    let Some(cluster) = cluster_with("a_shared_volume_outlives_its_task", |config| {
        config.shared_volumes.storage_class = Some(asked);
    })
    .await
    else {
        return;
    };
    provide(&class).await;
    let with_volume = |line: &str| {
        let source = VolumeSource::Docker {
            shared: true,
            autoprovision: true,
            driver: None,
            driver_options: std::collections::BTreeMap::default(),
            labels: std::collections::BTreeMap::default(),
        };
        let mount = Mount { volume: "data".to_owned(), path: "/data".to_owned(), read_only: false };
        let app = running("app", line).with(|spec| spec.mounts.push(mount));
        TaskSpec { volumes: vec![Volume { name: "data".to_owned(), source }], ..task([app]) }
    };
    for (line, code) in [("echo 12 > /data/kept", 0), ("exit $(cat /data/kept)", 12)] {
        let spec = with_volume(line);
        cluster.ensure(&spec).await;
        assert_eq!(end_of(&cluster.until_stopped(&spec).await, "app").0, Some(code));
        cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    }
}

#[tokio::test]
async fn a_helper_without_an_image_does_not_hold_up_the_others() {
    let Some(cluster) = cluster("a_helper_without_an_image_does_not_hold_up_the_others").await else { return };
    let helper = container("log").essential(false).with(|spec| "127.0.0.1:9/none:1".clone_into(&mut spec.image));
    let spec = task([running("app", "sleep 600 & wait"), helper]);
    cluster.ensure(&spec).await;
    let seen = cluster.until_running(&spec).await;
    let (code, reason) = end_of(&seen, "log");
    assert_eq!(code, None);
    assert!(reason.is_some_and(|reason| reason.starts_with("CannotPullContainerError: ")));
    cluster.clean_up(&spec).await;
}
