//! Container instances that are hosts of the backend's.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::stream::BoxStream;
use kecs_core::{EventKind, EventNotice, HostEvent, HostInstance, Scope, TaskManager};
use kecs_model::ErrorCode;
use kecs_model::ecs::{
    ContainerInstance, ContainerInstanceStatus, CreateClusterRequest, DeleteClusterRequest, DescribeContainerInstancesRequest,
    EcsApi, PlacementConstraint, PlacementConstraintType, RunTaskRequest,
};
use serde_json::Value;

use crate::support::{Ecs, arn, container, number, text};

const ID: &str = "0123456789abcdef0123456789abcdef";

fn host() -> HostInstance {
    HostInstance {
        cluster: kecs_core::ClusterRef { scope: Scope::new("000000000000", "us-east-1"), name: "default".into() },
        id: ID.to_owned(),
        name: "worker-1".to_owned(),
        cpu: 2048,
        memory: 4096,
        gpus: Vec::new(),
        attributes: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
        agent_version: Some("1.2.3".to_owned()),
        runtime_version: None,
        available: true,
        drained: false,
    }
}

/// Changes something, and waits until an instance is told to be so.
async fn until(ecs: &Ecs, change: impl AsyncFnOnce(), is_so: impl Fn(&Value) -> bool) {
    let following = ecs.events();
    change().await;
    told(following, is_so).await;
}

async fn told(mut events: BoxStream<'static, EventNotice>, is_so: impl Fn(&Value) -> bool) {
    while let Some(notice) = events.next().await {
        let EventNotice::Event(event) = notice else { panic!("{notice:?}") };
        let is_instance = event.kind == EventKind::ContainerInstanceStateChange;
        if is_instance && is_so(&serde_json::to_value(&event).unwrap()["detail"]) {
            return;
        }
    }
    panic!("the engine has ended");
}

/// Waits until the backend keeps tasks off its host, or does not.
async fn until_drained(ecs: &Ecs, drained: bool) {
    let mut hosts = ecs.backend().watch_instances().unwrap();
    while let Some(told) = hosts.next().await {
        let HostEvent::Resynced(all) = told.unwrap() else { panic!("the memory backend tells of all") };
        if all[0].drained == drained {
            return;
        }
    }
}

async fn instance(ecs: &Ecs) -> ContainerInstance {
    let request = DescribeContainerInstancesRequest {
        container_instances: Some(vec![ID.to_owned()]),
        ..DescribeContainerInstancesRequest::default()
    };
    ecs.describe_container_instances(&ecs.ctx, request).await.unwrap().container_instances.unwrap().remove(0)
}

async fn with_host() -> Ecs {
    let ecs = Ecs::start().await;
    until(&ecs, async || ecs.backend().set_host(host()), |detail| detail["status"] == "ACTIVE").await;
    ecs
}

#[tokio::test(start_paused = true)]
async fn a_host_is_an_instance_with_its_resources_and_attributes_and_takes_tasks() {
    let ecs = with_host().await;
    let registered = instance(&ecs).await;
    assert_eq!(arn(&registered), format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{ID}"));
    assert_eq!((registered.ec2_instance_id.as_deref(), registered.agent_connected), (Some("worker-1"), Some(true)));
    assert_eq!(number(registered.registered_resources.as_ref(), "CPU"), Some(2048));
    assert_eq!(number(registered.registered_resources.as_ref(), "MEMORY"), Some(4096));
    ecs.register(container()).await;
    let on = |expression: &str| RunTaskRequest {
        placement_constraints: Some(vec![PlacementConstraint {
            r#type: Some(PlacementConstraintType::MemberOf),
            expression: text(expression),
        }]),
        ..RunTaskRequest::default()
    };
    let task = ecs.run(on("attribute:disk == ssd")).await.unwrap();
    assert_eq!(task.container_instance_arn, registered.container_instance_arn);
}

#[tokio::test(start_paused = true)]
async fn a_host_waits_for_its_cluster() {
    let ecs = Ecs::empty().await;
    ecs.backend().set_host(host());
    let create = async || drop(ecs.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap());
    until(&ecs, create, |detail| detail["status"] == "ACTIVE").await;
    assert_eq!(instance(&ecs).await.ec2_instance_id.as_deref(), Some("worker-1"));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_available_is_not_connected_and_gets_no_tasks() {
    let ecs = with_host().await;
    ecs.register(container()).await;
    let away = async || ecs.backend().set_host(HostInstance { available: false, ..host() });
    until(&ecs, away, |detail| detail["agentConnected"] == false).await;
    let failed =
        ecs.run_task(&ecs.ctx, RunTaskRequest { task_definition: text("app"), ..RunTaskRequest::default() }).await.unwrap();
    // "AGENT (container instance ID)": API failure reasons.
    assert_eq!(failed.failures.unwrap()[0].reason.as_deref(), Some("AGENT"));
}

/// "Draining Amazon ECS container instances".
#[tokio::test(start_paused = true)]
async fn an_instance_that_drains_is_drained_at_its_backend_until_it_is_active() {
    let ecs = with_host().await;
    let registered = instance(&ecs).await;
    for (status, drained) in [(ContainerInstanceStatus::Draining, true), (ContainerInstanceStatus::Active, false)] {
        ecs.set(&registered, status).await;
        until_drained(&ecs, drained).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_while_the_backend_did_not_know_is_made_good() {
    let ecs = with_host().await;
    let registered = instance(&ecs).await;
    ecs.set(&registered, ContainerInstanceStatus::Draining).await;
    until_drained(&ecs, true).await;
    // Somebody else lets tasks there again.
    ecs.backend().set_host(host());
    until_drained(&ecs, true).await;
    assert_eq!(instance(&ecs).await.status.as_deref(), Some("DRAINING"));
}

/// DeregisterContainerInstance: "If you terminate a running container instance …, Amazon ECS automatically deregisters the container instance".
#[tokio::test(start_paused = true)]
async fn a_host_that_is_gone_is_deregistered() {
    let ecs = with_host().await;
    let refused = ecs.delete_cluster(&ecs.ctx, DeleteClusterRequest { cluster: text("default") }).await;
    assert_eq!(refused.unwrap_err().code(), ErrorCode::ClusterContainsContainerInstancesException);
    until(&ecs, async || ecs.backend().remove_host(ID), |detail| detail["status"] == "INACTIVE").await;
    ecs.delete_cluster(&ecs.ctx, DeleteClusterRequest { cluster: text("default") }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_went_while_nobody_looked_is_deregistered_and_one_that_stayed_is_the_same() {
    let ecs = with_host().await.restarted().await;
    let first = instance(&ecs).await;
    assert_eq!(first.status.as_deref(), Some("ACTIVE"));
    until(&ecs, async || ecs.backend().set_host(HostInstance { cpu: 4096, ..host() }), |detail| detail["version"] == 2).await;
    ecs.shutdown().await;
    ecs.backend().remove_host(ID);
    let ecs = ecs.restarted().await;
    let (before, following) = ecs.recent_events();
    let before = futures::stream::iter(before).map(|event| EventNotice::Event(Box::new(event)));
    told(before.chain(following).boxed(), |detail| detail["status"] == "INACTIVE").await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_deregistered_stays_so() {
    let ecs = with_host().await;
    ecs.deregister(&instance(&ecs).await).await;
    ecs.backend().set_host(HostInstance { cpu: 1024, ..host() });
    let other = HostInstance { id: "f".repeat(32), ..host() };
    until(&ecs, async || ecs.backend().set_host(other), |detail| detail["status"] == "ACTIVE").await;
    assert_eq!(instance(&ecs).await.status.as_deref(), Some("INACTIVE"));
    let again = kecs_model::ecs::UpdateContainerInstancesStateRequest {
        container_instances: Some(vec![ID.to_owned()]),
        status: Some(ContainerInstanceStatus::Active),
        ..kecs_model::ecs::UpdateContainerInstancesStateRequest::default()
    };
    let failures = ecs.update_container_instances_state(&ecs.ctx, again).await.unwrap().failures.unwrap();
    assert_eq!(failures[0].reason.as_deref(), Some("INACTIVE"));
}
