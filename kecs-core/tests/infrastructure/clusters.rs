//! Clusters.

use kecs_model::ErrorCode;
use kecs_model::ecs::{
    CapacityProviderStrategyItem, Cluster, ClusterConfiguration, ClusterField, ClusterServiceConnectDefaultsRequest,
    ClusterSetting, ClusterSettingName, CreateClusterRequest, DeleteClusterRequest, DescribeClustersRequest, EcsApi,
    ExecuteCommandConfiguration, LaunchType, ListClustersRequest, ManagedStorageConfiguration, PutClusterCapacityProvidersRequest,
    RunTaskRequest, StopTaskRequest, UpdateClusterRequest, UpdateClusterSettingsRequest,
};

use crate::support::{Ecs, assert_refused, container, text, texts};

fn named(name: &str) -> CreateClusterRequest {
    CreateClusterRequest { cluster_name: text(name), ..CreateClusterRequest::default() }
}

fn insights(value: &str) -> Option<Vec<ClusterSetting>> {
    Some(vec![ClusterSetting { name: Some(ClusterSettingName::ContainerInsights), value: text(value) }])
}

fn item(provider: &str, base: i32, weight: i32) -> CapacityProviderStrategyItem {
    CapacityProviderStrategyItem { capacity_provider: text(provider), base: Some(base), weight: Some(weight) }
}

fn put<const N: usize>(providers: [&str; N], strategy: Vec<CapacityProviderStrategyItem>) -> PutClusterCapacityProvidersRequest {
    PutClusterCapacityProvidersRequest {
        cluster: text("default"),
        capacity_providers: texts(providers),
        default_capacity_provider_strategy: Some(strategy),
    }
}

async fn delete(ecs: &Ecs, name: &str) -> Result<Cluster, kecs_model::ApiError> {
    let request = DeleteClusterRequest { cluster: text(name) };
    Ok(ecs.delete_cluster(&ecs.ctx, request).await?.cluster.unwrap())
}

/// CreateCluster, clusterName: "If you don't specify a name for your cluster, you create a cluster that's named default."
#[tokio::test(start_paused = true)]
async fn a_cluster_without_a_name_is_the_default_one() {
    let ecs = Ecs::empty().await;
    let cluster = ecs.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap().cluster.unwrap();
    assert_eq!(cluster.cluster_name.as_deref(), Some("default"));
    assert_eq!(cluster.cluster_arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:cluster/default"));
    assert_eq!(cluster.status.as_deref(), Some("ACTIVE"));
}

/// CreateCluster, clusterName: "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens"; the text is AWS's
/// (awslabs/amazon-ecs-nodejs-microservices#18).
#[tokio::test(start_paused = true)]
async fn a_name_must_have_the_form_that_aws_asks_for() {
    let ecs = Ecs::empty().await;
    let longest = "Aa0-_".repeat(51);
    assert!(ecs.create_cluster(&ecs.ctx, named(&longest)).await.is_ok());
    for name in ["a.b", "a b", "é", &"a".repeat(256)] {
        let result = ecs.create_cluster(&ecs.ctx, named(name)).await;
        assert_refused(result, ErrorCode::InvalidParameterException, r"Cluster must match ^[a-zA-Z0-9\-_]{1,255}$");
    }
}

/// ClusterSetting, value: "The supported values are enhanced, enabled, and disabled."
#[tokio::test(start_paused = true)]
async fn container_insights_has_three_values() {
    let ecs = Ecs::empty().await;
    for value in ["enhanced", "enabled", "disabled"] {
        let request = CreateClusterRequest { settings: insights(value), ..named(value) };
        let cluster = ecs.create_cluster(&ecs.ctx, request).await.unwrap().cluster.unwrap();
        assert_eq!(cluster.settings, insights(value));
    }
    let request = CreateClusterRequest { settings: insights("on"), ..named("other") };
    assert_eq!(ecs.create_cluster(&ecs.ctx, request).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
}

#[tokio::test(start_paused = true)]
async fn creating_a_cluster_twice_answers_the_first() {
    let ecs = Ecs::start().await;
    let first = ecs.cluster("default").await;
    let again = ecs.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap().cluster.unwrap();
    assert_eq!(again.cluster_arn, first.cluster_arn);
    assert_eq!(again.settings, first.settings);
}

/// The text is AWS's, as users quote it (hashicorp/terraform-provider-aws#12749).
#[tokio::test(start_paused = true)]
async fn creating_it_again_with_other_settings_is_refused() {
    let ecs = Ecs::start().await;
    let other = CreateClusterRequest { settings: insights("enhanced"), ..CreateClusterRequest::default() };
    let message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
    assert_refused(ecs.create_cluster(&ecs.ctx, other).await, ErrorCode::InvalidParameterException, message);
}

/// DescribeClusters, include: "If STATISTICS is specified, the task and service count is included, separated by launch type."
#[tokio::test(start_paused = true)]
async fn only_what_is_asked_for_is_included() {
    let ecs = Ecs::start().await;
    let request = DescribeClustersRequest::default();
    let bare = ecs.describe_clusters(&ecs.ctx, request).await.unwrap().clusters.unwrap().remove(0);
    assert_eq!((bare.settings, bare.statistics, bare.tags), (Some(vec![]), Some(vec![]), Some(vec![])));
    let full = ecs.cluster("default").await;
    assert_eq!(full.settings, insights("disabled"));
    assert_eq!(full.statistics.unwrap().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn statistics_count_tasks_by_launch_type() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let running = ecs.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    ecs.run(RunTaskRequest { launch_type: Some(LaunchType::Ec2), ..RunTaskRequest::default() }).await.unwrap();
    running.await.unwrap();
    let cluster = ecs.cluster("default").await;
    assert_eq!(cluster.running_tasks_count, Some(1));
    let counted: Vec<_> = cluster.statistics.unwrap().into_iter().filter(|pair| pair.value.as_deref() != Some("0")).collect();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].name.as_deref(), Some("runningEC2TasksCount"));
}

/// The text is AWS's, as users quote it (hashicorp/terraform-provider-aws#23342, there of a region without CONFIGURATIONS).
#[tokio::test(start_paused = true)]
async fn an_unknown_field_to_include_is_refused() {
    let ecs = Ecs::start().await;
    let request =
        DescribeClustersRequest { include: Some(vec![ClusterField::from("SECRETS")]), ..DescribeClustersRequest::default() };
    let message = "include should be one of [ATTACHMENTS,CONFIGURATIONS,SETTINGS,STATISTICS,TAGS]";
    assert_refused(ecs.describe_clusters(&ecs.ctx, request).await, ErrorCode::InvalidParameterException, message);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_never_was_is_a_failure_of_describe() {
    let ecs = Ecs::empty().await;
    let request = DescribeClustersRequest { clusters: texts(["ghost"]), ..DescribeClustersRequest::default() };
    let failures = ecs.describe_clusters(&ecs.ctx, request).await.unwrap().failures.unwrap();
    assert_eq!(failures[0].reason.as_deref(), Some("MISSING"));
    assert_eq!(failures[0].arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:cluster/ghost"));
}

/// DeleteCluster: "The cluster transitions to the INACTIVE state. Clusters with an INACTIVE status might remain discoverable".
#[tokio::test(start_paused = true)]
async fn a_deleted_cluster_is_inactive_describable_and_can_be_created_again() {
    let ecs = Ecs::start().await;
    assert_eq!(delete(&ecs, "default").await.unwrap().status.as_deref(), Some("INACTIVE"));
    let ecs = ecs.restarted().await;
    assert_eq!(ecs.cluster("default").await.status.as_deref(), Some("INACTIVE"));
    let listed = ecs.list_clusters(&ecs.ctx, ListClustersRequest::default()).await.unwrap();
    assert_eq!(listed.cluster_arns, Some(vec![]));
    assert_refused(delete(&ecs, "default").await, ErrorCode::ClusterNotFoundException, "The referenced cluster was inactive.");
    let request = CreateClusterRequest { settings: insights("enhanced"), ..CreateClusterRequest::default() };
    let again = ecs.create_cluster(&ecs.ctx, request).await.unwrap().cluster.unwrap();
    assert_eq!((again.status.as_deref(), again.settings), (Some("ACTIVE"), insights("enhanced")));
}

/// The text is AWS's, as users quote it.
#[tokio::test(start_paused = true)]
async fn a_cluster_with_tasks_cannot_be_deleted() {
    let ecs = Ecs::start().await;
    ecs.register(container()).await;
    let running = ecs.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    let task = ecs.run(RunTaskRequest::default()).await.unwrap();
    running.await.unwrap();
    let message = "The Cluster cannot be deleted while Tasks are active.";
    assert_refused(delete(&ecs, "default").await, ErrorCode::ClusterContainsTasksException, message);
    let stopped = ecs.task_when(|task| task.last_status.as_deref() == Some("STOPPED"));
    ecs.stop_task(&ecs.ctx, StopTaskRequest { task: task.task_arn, ..StopTaskRequest::default() }).await.unwrap();
    stopped.await.unwrap();
    assert!(delete(&ecs, "default").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_what_it_does_not_name() {
    let ecs = Ecs::start().await;
    let execute = ExecuteCommandConfiguration { kms_key_id: text("key"), ..ExecuteCommandConfiguration::default() };
    let storage = ManagedStorageConfiguration { kms_key_id: text("disk"), ..ManagedStorageConfiguration::default() };
    let first = ClusterConfiguration { execute_command_configuration: Some(execute.clone()), ..ClusterConfiguration::default() };
    let second = ClusterConfiguration { managed_storage_configuration: Some(storage.clone()), ..ClusterConfiguration::default() };
    for configuration in [first, second] {
        let request = UpdateClusterRequest {
            cluster: text("default"),
            configuration: Some(configuration),
            ..UpdateClusterRequest::default()
        };
        ecs.update_cluster(&ecs.ctx, request).await.unwrap();
    }
    let request = UpdateClusterSettingsRequest { cluster: text("default"), settings: insights("enabled") };
    ecs.update_cluster_settings(&ecs.ctx, request).await.unwrap();
    let cluster = ecs.restarted().await.cluster("default").await;
    let both = ClusterConfiguration { execute_command_configuration: Some(execute), managed_storage_configuration: Some(storage) };
    assert_eq!((cluster.configuration, cluster.settings), (Some(both), insights("enabled")));
}

/// ClusterServiceConnectDefaultsRequest, namespace: "If you update the cluster with an empty string "" for the namespace name, the cluster
/// configuration for Service Connect is removed."
#[tokio::test(start_paused = true)]
async fn an_empty_namespace_removes_the_service_connect_defaults() {
    let ecs = Ecs::start().await;
    for namespace in ["shop", ""] {
        let defaults = ClusterServiceConnectDefaultsRequest { namespace: text(namespace) };
        let request = UpdateClusterRequest {
            cluster: text("default"),
            service_connect_defaults: Some(defaults),
            ..UpdateClusterRequest::default()
        };
        let cluster = ecs.update_cluster(&ecs.ctx, request).await.unwrap().cluster.unwrap();
        let there = cluster.service_connect_defaults.and_then(|defaults| defaults.namespace).unwrap_or_default();
        assert_eq!(there, namespace);
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_strategy_is_associated_with_its_providers() {
    let ecs = Ecs::start().await;
    let request = put(["FARGATE", "FARGATE_SPOT"], vec![item("FARGATE_SPOT", 0, 1)]);
    let cluster = ecs.put_cluster_capacity_providers(&ecs.ctx, request).await.unwrap().cluster.unwrap();
    assert_eq!(cluster.capacity_providers, texts(["FARGATE", "FARGATE_SPOT"]));
    assert_eq!(cluster.default_capacity_provider_strategy, Some(vec![item("FARGATE_SPOT", 0, 1)]));
}

/// The texts are AWS's, as users and the CDK quote them; the limits are those of CapacityProviderStrategyItem.
#[tokio::test(start_paused = true)]
async fn a_default_strategy_must_be_one_that_can_be_followed() {
    let ecs = Ecs::start().await;
    let not_associated = "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.";
    let result = ecs.put_cluster_capacity_providers(&ecs.ctx, put(["FARGATE"], vec![item("FARGATE_SPOT", 0, 1)])).await;
    assert_refused(result, ErrorCode::InvalidParameterException, not_associated);
    for strategy in [
        vec![item("FARGATE", 1, 1), item("FARGATE_SPOT", 1, 1)],
        vec![item("FARGATE", 0, 1001)],
        vec![item("FARGATE", -1, 1)],
        vec![item("FARGATE", 0, 1), item("FARGATE", 0, 1)],
    ] {
        let result = ecs.put_cluster_capacity_providers(&ecs.ctx, put(["FARGATE", "FARGATE_SPOT"], strategy)).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::InvalidParameterException);
    }
}

/// The text is AWS's, as the Terraform provider quotes it.
#[tokio::test(start_paused = true)]
async fn a_capacity_provider_must_exist_to_be_associated() {
    let ecs = Ecs::start().await;
    let message = "The specified capacity provider does not exist. Specify a valid name or ARN and try again.";
    let result = ecs.put_cluster_capacity_providers(&ecs.ctx, put(["ghost"], vec![])).await;
    assert_refused(result, ErrorCode::ClientException, message);
}

#[tokio::test(start_paused = true)]
async fn listings_come_in_pages() {
    let ecs = Ecs::empty().await;
    for name in ["a", "b", "c"] {
        ecs.create_cluster(&ecs.ctx, named(name)).await.unwrap();
    }
    let mut token = None;
    let mut seen = Vec::new();
    loop {
        let request = ListClustersRequest { max_results: Some(2), next_token: token };
        let page = ecs.list_clusters(&ecs.ctx, request).await.unwrap();
        seen.extend(page.cluster_arns.unwrap());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c"].map(|name| format!("arn:aws:ecs:us-east-1:000000000000:cluster/{name}")));
}
