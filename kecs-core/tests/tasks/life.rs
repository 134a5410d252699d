//! What DescribeTasks shows of a task's life.

use std::collections::BTreeMap;
use std::time::Duration;

use kecs_core::memory::{ContainerScript, MemoryTaskManager, TaskScript};
use kecs_model::ecs::{Attachment, Connectivity, Task};
use serde_json::{Value, json};

use crate::ecs::{Ecs, clock};

const SUBNET: &str = "subnet-0123";

/// An engine with a definition `vpc` in network mode awsvpc.
async fn start() -> Ecs {
    let ecs = Ecs::start().await;
    let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
    ecs.register(json!({ "family": "vpc", "networkMode": "awsvpc", "containerDefinitions": containers })).await;
    ecs
}

fn vpc() -> Value {
    json!({ "taskDefinition": "vpc", "networkConfiguration": { "awsvpcConfiguration": { "subnets": [SUBNET, "subnet-2"] } } })
}

fn interface(task: &Task) -> (String, BTreeMap<String, String>) {
    let [Attachment { r#type, status, details, .. }] = task.attachments.as_deref().unwrap() else { panic!("one attachment") };
    assert_eq!(r#type.as_deref(), Some("ElasticNetworkInterface"));
    let details = details.iter().flatten().map(|detail| (detail.name.clone().unwrap(), detail.value.clone().unwrap()));
    (status.clone().unwrap(), details.collect())
}

#[tokio::test(start_paused = true)]
async fn a_network_interface_is_made_attached_and_deleted() {
    // Attachment: its statuses, and "the network interface ID, the MAC address, the subnet ID, and the private IPv4 address".
    let ecs = start().await;
    let running = ecs.when("RUNNING");
    let task = ecs.run(vpc()).await.remove(0);
    let (status, details) = interface(&task);
    assert_eq!((status.as_str(), details), ("PRECREATED", BTreeMap::from([("subnetId".to_owned(), SUBNET.to_owned())])));
    let task = running.await;
    let (status, details) = interface(&task);
    assert_eq!(status, "ATTACHED");
    let names: Vec<&str> = details.keys().map(String::as_str).collect();
    assert_eq!(names, ["macAddress", "networkInterfaceId", "privateDnsName", "privateIPv4Address", "subnetId"]);
    assert_eq!(details["subnetId"], SUBNET);
    assert!(details["networkInterfaceId"].strip_prefix("eni-").is_some_and(|digits| digits.len() == 17));
    assert_eq!(details["macAddress"].split(':').count(), 6);
    let address = &details["privateIPv4Address"];
    // Amazon VPC user guide, "DNS attributes for your VPC".
    assert_eq!(details["privateDnsName"], format!("ip-{}.ec2.internal", address.replace('.', "-")));
    let of_container = task.containers.as_ref().unwrap()[0].network_interfaces.as_ref().unwrap();
    assert_eq!(of_container[0].private_ipv4_address.as_ref(), Some(address));
    assert_eq!(of_container[0].attachment_id, task.attachments.as_ref().unwrap()[0].id);
    let (status, after) = interface(&ecs.stopped(&task).await);
    assert_eq!((status.as_str(), after), ("DELETED", details));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_never_started_has_no_address_and_its_interface_is_deleted() {
    let ecs = start().await;
    let secret = json!([{ "name": "PASSWORD", "valueFrom": "/nobody/knows" }]);
    let containers = json!([{ "name": "web", "image": "app:1", "memory": 128, "secrets": secret }]);
    let role = "arn:aws:iam::000000000000:role/start";
    let definition =
        json!({ "family": "vpc", "networkMode": "awsvpc", "executionRoleArn": role, "containerDefinitions": containers });
    ecs.register(definition).await;
    let stopped = ecs.when("STOPPED");
    ecs.run(vpc()).await;
    let (status, details) = interface(&stopped.await);
    assert_eq!((status.as_str(), details.len()), ("DELETED", 1));
}

#[tokio::test(start_paused = true)]
async fn without_awsvpc_there_is_no_interface() {
    let ecs = start().await;
    let task = ecs.running(json!({})).await;
    assert_eq!(task.attachments, Some(Vec::new()));
    assert_eq!(task.containers.unwrap()[0].network_interfaces, Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn stamps_come_in_the_order_of_a_life_even_if_the_backends_clock_is_behind() {
    let slow = kecs_core::TokioClock::starting_at(kecs_model::Timestamp::from_millis(1_600_000_000_000));
    let script = TaskScript::all(ContainerScript::new().start_delay(Duration::from_secs(2)).exit(Duration::from_secs(3), 0));
    for clock in [clock(), slow] {
        let ecs = Ecs::on(MemoryTaskManager::builder().clock(clock).default_script(script.clone()).build()).await;
        let stopped = ecs.when("STOPPED");
        ecs.run_one().await;
        let task = stopped.await;
        let stamps = [task.created_at, task.connectivity_at, task.started_at, task.execution_stopped_at, task.stopped_at];
        assert!(stamps.iter().all(Option::is_some) && stamps.is_sorted(), "{stamps:?}");
        assert!(task.stopping_at <= task.stopped_at && task.created_at <= task.stopping_at);
        assert_eq!(task.connectivity, Some(Connectivity::Connected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_says_why_it_ended() {
    let script = ContainerScript::new().start_failure("CannotPullContainerError: no such image");
    let backend = MemoryTaskManager::builder().clock(clock()).default_script(TaskScript::all(script)).build();
    let ecs = Ecs::on(backend).await;
    let stopped = ecs.when("STOPPED");
    ecs.run_one().await;
    let container = stopped.await.containers.unwrap().remove(0);
    assert_eq!(container.reason.as_deref(), Some("CannotPullContainerError: no such image"));
    assert_eq!((container.exit_code, container.last_status.as_deref()), (None, Some("STOPPED")));
}

#[tokio::test(start_paused = true)]
async fn a_task_can_be_stopped_while_it_is_pending() {
    let script = ContainerScript::new().start_delay(Duration::from_mins(10));
    let backend = MemoryTaskManager::builder().clock(clock()).default_script(TaskScript::all(script)).build();
    let ecs = Ecs::on(backend).await;
    let pending = ecs.when("PENDING");
    ecs.run_one().await;
    let task = ecs.stopped(&pending.await).await;
    assert_eq!((task.started_at, task.execution_stopped_at), (None, None));
    assert_eq!(task.stopped_reason.as_deref(), Some("Task stopped by user"));
}
