//! Container instances.

use std::time::Duration;

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    Attribute, ContainerInstanceField, ContainerInstanceStatus, DeleteClusterRequest, DeregisterContainerInstanceRequest,
    DescribeContainerInstancesRequest, EcsApi, InstanceHealthCheckState, ListContainerInstancesRequest, PlatformDevice,
    PlatformDeviceType, RegisterContainerInstanceRequest, RunTaskRequest, UpdateContainerAgentRequest,
    UpdateContainerInstancesStateRequest, VersionInfo,
};

use crate::support::{Ecs, arn, assert_refused, container, instance, number, text, texts};

async fn listed(ecs: &Ecs, request: ListContainerInstancesRequest) -> Vec<String> {
    ecs.list_container_instances(&ecs.ctx, request).await.unwrap().container_instance_arns.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_registered_instance_is_active_and_connected() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    assert_eq!((registered.status.as_deref(), registered.agent_connected), (Some("ACTIVE"), Some(true)));
    assert!(arn(&registered).starts_with("arn:aws:ecs:us-east-1:000000000000:container-instance/default/"));
    assert_eq!(registered.remaining_resources, registered.registered_resources);
    let ecs = ecs.restarted().await;
    assert_eq!(ecs.again(&registered).await.registered_resources, registered.registered_resources);
    assert_eq!(ecs.cluster("default").await.registered_container_instances_count, Some(1));
}

/// "Amazon ECS container instance attributes": ecs.ami-id, ecs.availability-zone, ecs.instance-type and ecs.os-type are automatic.
#[tokio::test(start_paused = true)]
async fn the_identity_document_tells_of_the_ec2_instance() {
    let ecs = Ecs::start().await;
    let document =
        r#"{"instanceId":"i-1","instanceType":"m5.large","imageId":"ami-1","availabilityZone":"us-east-1c","accountId":"0"}"#;
    let request = RegisterContainerInstanceRequest {
        instance_identity_document: text(document),
        ..RegisterContainerInstanceRequest::default()
    };
    let registered = ecs.register_container_instance(&ecs.ctx, request).await.unwrap().container_instance.unwrap();
    assert_eq!(registered.ec2_instance_id.as_deref(), Some("i-1"));
    let attributes = registered.attributes.unwrap();
    let value = |name: &str| attributes.iter().find(|it| it.name.as_deref() == Some(name)).and_then(|it| it.value.as_deref());
    assert_eq!(value("ecs.instance-type"), Some("m5.large"));
    assert_eq!(value("ecs.ami-id"), Some("ami-1"));
    assert_eq!(value("ecs.availability-zone"), Some("us-east-1c"));
    assert_eq!(value("ecs.os-type"), Some("linux"));
    let broken = RegisterContainerInstanceRequest { instance_identity_document: text("{"), ..instance("a") };
    assert_eq!(ecs.register_container_instance(&ecs.ctx, broken).await.unwrap_err().code(), ErrorCode::ClientException);
}

#[tokio::test(start_paused = true)]
async fn gpus_among_the_devices_are_a_resource() {
    let ecs = Ecs::start().await;
    let device = PlatformDevice { id: text("gpu-0"), r#type: Some(PlatformDeviceType::Gpu) };
    let request = RegisterContainerInstanceRequest { platform_devices: Some(vec![device]), ..instance("us-east-1a") };
    let registered = ecs.register_container_instance(&ecs.ctx, request).await.unwrap().container_instance.unwrap();
    let resources = registered.registered_resources.unwrap();
    let gpu = resources.iter().find(|resource| resource.name.as_deref() == Some("GPU")).unwrap();
    assert_eq!(gpu.string_set_value, texts(["gpu-0"]));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_registers_again_keeps_its_instance() {
    let ecs = Ecs::start().await;
    let first = ecs.instance("us-east-1a").await;
    ecs.set(&first, ContainerInstanceStatus::Draining).await;
    let request = RegisterContainerInstanceRequest {
        container_instance_arn: Some(arn(&first)),
        version_info: Some(VersionInfo { agent_version: text("1.91.0"), ..VersionInfo::default() }),
        ..instance("us-east-1a")
    };
    let again = ecs.register_container_instance(&ecs.ctx, request).await.unwrap().container_instance.unwrap();
    assert_eq!(arn(&again), arn(&first));
    assert_eq!(again.status.as_deref(), Some("DRAINING"));
    assert_eq!(again.version_info.unwrap().agent_version.as_deref(), Some("1.91.0"));
    assert!(again.version > first.version);
}

/// The text is AWS's, as users quote it; a deregistered instance has to register anew.
#[tokio::test(start_paused = true)]
async fn an_agent_whose_instance_was_deregistered_is_told_so() {
    let ecs = Ecs::start().await;
    let first = ecs.instance("us-east-1a").await;
    ecs.deregister(&first).await;
    let request = RegisterContainerInstanceRequest { container_instance_arn: Some(arn(&first)), ..instance("us-east-1a") };
    let id = arn(&first).rsplit('/').next().unwrap().to_owned();
    let message = format!("Referenced container instance {id} not registered.");
    assert_refused(ecs.register_container_instance(&ecs.ctx, request).await, ErrorCode::ClientException, &message);
}

/// The text is the one that the ECS agent looks for.
#[tokio::test(start_paused = true)]
async fn the_instance_type_cannot_change() {
    let ecs = Ecs::start().await;
    let typed = |name: &str| {
        let attribute = Attribute { name: text("ecs.instance-type"), value: text(name), ..Attribute::default() };
        RegisterContainerInstanceRequest { attributes: Some(vec![attribute]), ..instance("us-east-1a") }
    };
    let first = ecs.register_container_instance(&ecs.ctx, typed("m5.large")).await.unwrap().container_instance.unwrap();
    let other = RegisterContainerInstanceRequest { container_instance_arn: Some(arn(&first)), ..typed("m5.xlarge") };
    let message = "Container instance type changes are not supported.";
    assert_refused(ecs.register_container_instance(&ecs.ctx, other).await, ErrorCode::InvalidParameterException, message);
}

/// ContainerInstance, remainingResources: numbers shrink by what tasks take, and ports are those that are taken.
#[tokio::test(start_paused = true)]
async fn what_tasks_take_is_counted_until_they_stop() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    ecs.register(container()).await;
    let running = ecs.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    let task = ecs.run(RunTaskRequest::default()).await.unwrap();
    assert_eq!(task.container_instance_arn, registered.container_instance_arn);
    running.await.unwrap();
    let busy = ecs.again(&registered).await;
    assert_eq!((busy.running_tasks_count, busy.pending_tasks_count), (Some(1), Some(0)));
    assert_eq!(number(busy.remaining_resources.as_ref(), "CPU"), Some(1024 - 256));
    assert_eq!(number(busy.remaining_resources.as_ref(), "MEMORY"), Some(1024 - 128));
    assert_eq!(number(busy.registered_resources.as_ref(), "CPU"), Some(1024));
    let stopped = ecs.task_when(|task| task.last_status.as_deref() == Some("STOPPED"));
    let request = kecs_model::ecs::StopTaskRequest { task: task.task_arn, ..kecs_model::ecs::StopTaskRequest::default() };
    ecs.stop_task(&ecs.ctx, request).await.unwrap();
    stopped.await.unwrap();
    assert_eq!(ecs.again(&registered).await.remaining_resources, registered.remaining_resources);
}

/// DescribeContainerInstances, include: "If CONTAINER_INSTANCE_HEALTH is specified, the container instance health is included".
#[tokio::test(start_paused = true)]
async fn health_is_included_on_request() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    assert_eq!(ecs.again(&registered).await.health_status, None);
    let request = DescribeContainerInstancesRequest {
        container_instances: Some(vec![arn(&registered)]),
        include: Some(vec![ContainerInstanceField::ContainerInstanceHealth]),
        ..DescribeContainerInstancesRequest::default()
    };
    let found = ecs.describe_container_instances(&ecs.ctx, request).await.unwrap().container_instances.unwrap();
    assert_eq!(found[0].health_status.as_ref().unwrap().overall_status, Some(InstanceHealthCheckState::Ok));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_instance_is_a_failure() {
    let ecs = Ecs::start().await;
    let request =
        DescribeContainerInstancesRequest { container_instances: texts(["ghost"]), ..DescribeContainerInstancesRequest::default() };
    let failures = ecs.describe_container_instances(&ecs.ctx, request).await.unwrap().failures.unwrap();
    assert_eq!(failures[0].reason.as_deref(), Some("MISSING"));
    assert_eq!(failures[0].arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:container-instance/default/ghost"));
    let none = DescribeContainerInstancesRequest::default();
    let result = ecs.describe_container_instances(&ecs.ctx, none).await;
    assert_refused(result, ErrorCode::ClientException, "Container Instances cannot be empty.");
}

/// ListContainerInstances: "The default is to include container instances set to all states other than INACTIVE"; the filter is of the cluster
/// query language.
#[tokio::test(start_paused = true)]
async fn instances_are_listed_by_state_and_expression() {
    let ecs = Ecs::start().await;
    let (a, b, c) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await, ecs.instance("us-east-1c").await);
    ecs.set(&b, ContainerInstanceStatus::Draining).await;
    ecs.deregister(&c).await;
    assert_eq!(listed(&ecs, ListContainerInstancesRequest::default()).await.len(), 2);
    let draining = ListContainerInstancesRequest {
        status: Some(ContainerInstanceStatus::Draining),
        ..ListContainerInstancesRequest::default()
    };
    assert_eq!(listed(&ecs, draining).await, [arn(&b)]);
    let filter = text("attribute:ecs.availability-zone == us-east-1a");
    let in_a = ListContainerInstancesRequest { filter, ..ListContainerInstancesRequest::default() };
    assert_eq!(listed(&ecs, in_a).await, [arn(&a)]);
    let broken = ListContainerInstancesRequest { filter: text("attribute:"), ..ListContainerInstancesRequest::default() };
    assert_eq!(ecs.list_container_instances(&ecs.ctx, broken).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
}

#[tokio::test(start_paused = true)]
async fn listings_come_in_pages() {
    let ecs = Ecs::start().await;
    let mut all = [arn(&ecs.instance("us-east-1a").await), arn(&ecs.instance("us-east-1a").await)];
    all.sort_unstable();
    let first = ListContainerInstancesRequest { max_results: Some(1), ..ListContainerInstancesRequest::default() };
    let first = ecs.list_container_instances(&ecs.ctx, first).await.unwrap();
    assert_eq!(first.container_instance_arns, Some(vec![all[0].clone()]));
    let rest = ListContainerInstancesRequest { next_token: first.next_token, ..ListContainerInstancesRequest::default() };
    assert_eq!(listed(&ecs, rest).await, [all[1].clone()]);
}

/// UpdateContainerInstancesState: "The only valid values for this action are ACTIVE and DRAINING", "up to 10 container instance IDs".
#[tokio::test(start_paused = true)]
async fn only_active_and_draining_can_be_asked_for() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    let request = |status, instances| UpdateContainerInstancesStateRequest {
        container_instances: Some(instances),
        status: Some(status),
        ..UpdateContainerInstancesStateRequest::default()
    };
    for refused in [
        request(ContainerInstanceStatus::Registering, vec![arn(&registered)]),
        request(ContainerInstanceStatus::Active, vec![arn(&registered); 11]),
    ] {
        let error = ecs.update_container_instances_state(&ecs.ctx, refused).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    }
    ecs.deregister(&registered).await;
    let gone = request(ContainerInstanceStatus::Draining, vec![arn(&registered), "ghost".to_owned()]);
    let failures = ecs.update_container_instances_state(&ecs.ctx, gone).await.unwrap().failures.unwrap();
    assert_eq!(failures.iter().filter_map(|it| it.reason.as_deref()).collect::<Vec<_>>(), ["INACTIVE", "MISSING"]);
}

/// DeregisterContainerInstance, force: "If you have tasks running on the container instance when you deregister it with the force option, these
/// tasks remain running"; the text without it is AWS's.
#[tokio::test(start_paused = true)]
async fn an_instance_with_tasks_is_deregistered_by_force_only() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    ecs.register(container()).await;
    ecs.run(RunTaskRequest::default()).await.unwrap();
    let gently = DeregisterContainerInstanceRequest {
        container_instance: Some(arn(&registered)),
        ..DeregisterContainerInstanceRequest::default()
    };
    let result = ecs.deregister_container_instance(&ecs.ctx, gently).await;
    assert_refused(result, ErrorCode::InvalidParameterException, "Found running tasks on the instance.");
    let gone = ecs.deregister(&registered).await;
    assert_eq!((gone.status.as_deref(), gone.agent_connected), (Some("INACTIVE"), Some(false)));
    let cluster = ecs.cluster("default").await;
    assert_eq!(
        (cluster.registered_container_instances_count, cluster.running_tasks_count.unwrap() + cluster.pending_tasks_count.unwrap()),
        (Some(0), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_deregistered_instance_is_forgotten_after_an_hour() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    ecs.deregister(&registered).await;
    let ecs = ecs.restarted().await;
    assert_eq!(ecs.again(&registered).await.status.as_deref(), Some("INACTIVE"));
    tokio::time::sleep(Duration::from_hours(2)).await;
    let request = DescribeContainerInstancesRequest {
        container_instances: Some(vec![arn(&registered)]),
        ..DescribeContainerInstancesRequest::default()
    };
    assert_eq!(ecs.describe_container_instances(&ecs.ctx, request).await.unwrap().container_instances, Some(vec![]));
}

/// The text is AWS's, as users quote it.
#[tokio::test(start_paused = true)]
async fn a_cluster_with_instances_cannot_be_deleted() {
    let ecs = Ecs::start().await;
    let registered = ecs.instance("us-east-1a").await;
    ecs.set(&registered, ContainerInstanceStatus::Draining).await;
    let request = || DeleteClusterRequest { cluster: text("default") };
    let message = "The Cluster cannot be deleted while Container Instances are active or draining.";
    let result = ecs.delete_cluster(&ecs.ctx, request()).await;
    assert_refused(result, ErrorCode::ClusterContainsContainerInstancesException, message);
    ecs.deregister(&registered).await;
    assert!(ecs.delete_cluster(&ecs.ctx, request()).await.is_ok());
}

/// NoUpdateAvailableException: "the agent is already running the latest version"; MissingVersionException: "can't determine the current version".
#[tokio::test(start_paused = true)]
async fn there_is_no_agent_to_update_to() {
    let ecs = Ecs::start().await;
    let known = ecs.instance("us-east-1a").await;
    let request = RegisterContainerInstanceRequest { version_info: None, ..instance("us-east-1a") };
    let unknown = ecs.register_container_instance(&ecs.ctx, request).await.unwrap().container_instance.unwrap();
    for (instance, code) in [(known, ErrorCode::NoUpdateAvailableException), (unknown, ErrorCode::MissingVersionException)] {
        let request =
            UpdateContainerAgentRequest { container_instance: Some(arn(&instance)), ..UpdateContainerAgentRequest::default() };
        assert_eq!(ecs.update_container_agent(&ecs.ctx, request).await.unwrap_err().code(), code);
    }
}
