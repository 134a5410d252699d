//! Capacity providers.

use kecs_model::ecs::{
    AutoScalingGroupProvider, AutoScalingGroupProviderUpdate, CapacityProvider, CapacityProviderStatus,
    CapacityProviderUpdateStatus, CreateCapacityProviderRequest, CreateManagedInstancesProviderConfiguration,
    DeleteCapacityProviderRequest, DeleteClusterRequest, DescribeCapacityProvidersRequest, EcsApi, InstanceLaunchTemplate,
    ManagedInstancesNetworkConfiguration, ManagedScaling, ManagedScalingStatus, ManagedTerminationProtection,
    PutClusterCapacityProvidersRequest, UpdateCapacityProviderRequest,
};
use kecs_model::{ApiError, ErrorCode};

use crate::support::{Ecs, assert_refused, text, texts};

fn group(name: &str) -> CreateCapacityProviderRequest {
    let group = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1:autoScalingGroupName/web";
    CreateCapacityProviderRequest {
        name: text(name),
        auto_scaling_group_provider: Some(AutoScalingGroupProvider {
            auto_scaling_group_arn: text(group),
            ..AutoScalingGroupProvider::default()
        }),
        ..CreateCapacityProviderRequest::default()
    }
}

fn managed(name: &str) -> CreateCapacityProviderRequest {
    CreateCapacityProviderRequest {
        name: text(name),
        cluster: text("default"),
        managed_instances_provider: Some(CreateManagedInstancesProviderConfiguration {
            infrastructure_role_arn: text("arn:aws:iam::000000000000:role/infrastructure"),
            instance_launch_template: Some(InstanceLaunchTemplate {
                ec2_instance_profile_arn: text("arn:aws:iam::000000000000:instance-profile/web"),
                network_configuration: Some(ManagedInstancesNetworkConfiguration::default()),
                ..InstanceLaunchTemplate::default()
            }),
            ..CreateManagedInstancesProviderConfiguration::default()
        }),
        ..CreateCapacityProviderRequest::default()
    }
}

async fn create(ecs: &Ecs, request: CreateCapacityProviderRequest) -> Result<CapacityProvider, ApiError> {
    Ok(ecs.create_capacity_provider(&ecs.ctx, request).await?.capacity_provider.unwrap())
}

async fn delete(ecs: &Ecs, name: &str) -> Result<CapacityProvider, ApiError> {
    let request = DeleteCapacityProviderRequest { capacity_provider: text(name), ..DeleteCapacityProviderRequest::default() };
    Ok(ecs.delete_capacity_provider(&ecs.ctx, request).await?.capacity_provider.unwrap())
}

async fn describe(ecs: &Ecs, name: &str) -> CapacityProvider {
    let request =
        DescribeCapacityProvidersRequest { capacity_providers: texts([name]), ..DescribeCapacityProvidersRequest::default() };
    ecs.describe_capacity_providers(&ecs.ctx, request).await.unwrap().capacity_providers.unwrap().remove(0)
}

async fn associate<const N: usize>(ecs: &Ecs, names: [&str; N]) {
    let request = PutClusterCapacityProvidersRequest {
        cluster: text("default"),
        capacity_providers: texts(names),
        default_capacity_provider_strategy: Some(Vec::new()),
    };
    ecs.put_cluster_capacity_providers(&ecs.ctx, request).await.unwrap();
}

async fn names(ecs: &Ecs, request: DescribeCapacityProvidersRequest) -> Vec<String> {
    let found = ecs.describe_capacity_providers(&ecs.ctx, request).await.unwrap().capacity_providers.unwrap();
    found.into_iter().filter_map(|provider| provider.name).collect()
}

/// PutClusterCapacityProviders: "The Fargate capacity providers are available to all accounts".
#[tokio::test(start_paused = true)]
async fn those_of_fargate_are_always_there() {
    let ecs = Ecs::empty().await;
    assert_eq!(names(&ecs, DescribeCapacityProvidersRequest::default()).await, ["FARGATE", "FARGATE_SPOT"]);
    let fargate = describe(&ecs, "FARGATE").await;
    assert_eq!(fargate.status, Some(CapacityProviderStatus::Active));
    assert_eq!(fargate.capacity_provider_arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:capacity-provider/FARGATE"));
}

/// DeleteCapacityProvider: "The FARGATE and FARGATE_SPOT capacity providers are reserved and can't be deleted."
#[tokio::test(start_paused = true)]
async fn those_of_fargate_stay() {
    let ecs = Ecs::empty().await;
    assert_eq!(delete(&ecs, "FARGATE_SPOT").await.unwrap_err().code(), ErrorCode::InvalidParameterException);
}

/// The defaults are those of ManagedScaling and AutoScalingGroupProvider.
#[tokio::test(start_paused = true)]
async fn a_new_one_has_the_documented_defaults() {
    let ecs = Ecs::empty().await;
    let provider = create(&ecs, group("web")).await.unwrap();
    assert_eq!(provider.status, Some(CapacityProviderStatus::Active));
    let group = provider.auto_scaling_group_provider.unwrap();
    assert_eq!(group.managed_termination_protection, Some(ManagedTerminationProtection::Disabled));
    let scaling = group.managed_scaling.unwrap();
    assert_eq!((scaling.minimum_scaling_step_size, scaling.maximum_scaling_step_size), (Some(1), Some(10_000)));
    assert_eq!((scaling.target_capacity, scaling.instance_warmup_period), (Some(100), Some(300)));
}

/// The text is AWS's, as users quote it.
#[tokio::test(start_paused = true)]
async fn a_reserved_or_malformed_name_is_refused() {
    let ecs = Ecs::empty().await;
    let message = "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters (upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with \"aws\", \"ecs\", or \"fargate\". Specify a valid name and try again.";
    for name in ["aws-web", "ECS-web", "fargate2", "a.b", "", &"a".repeat(256)] {
        assert_refused(create(&ecs, group(name)).await, ErrorCode::ClientException, message);
    }
}

/// The text is AWS's (aws/containers-roadmap#688).
#[tokio::test(start_paused = true)]
async fn a_name_is_taken_while_its_provider_lives() {
    let ecs = Ecs::empty().await;
    create(&ecs, group("web")).await.unwrap();
    let message = "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.";
    assert_refused(create(&ecs, group("web")).await, ErrorCode::ClientException, message);
    delete(&ecs, "web").await.unwrap();
    assert!(create(&ecs, group("web")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_what_it_does_not_name() {
    let ecs = Ecs::empty().await;
    create(&ecs, group("web")).await.unwrap();
    let scaling =
        ManagedScaling { status: Some(ManagedScalingStatus::Enabled), target_capacity: Some(90), ..ManagedScaling::default() };
    let request = UpdateCapacityProviderRequest {
        name: text("web"),
        auto_scaling_group_provider: Some(AutoScalingGroupProviderUpdate {
            managed_scaling: Some(scaling),
            ..AutoScalingGroupProviderUpdate::default()
        }),
        ..UpdateCapacityProviderRequest::default()
    };
    let answer = ecs.update_capacity_provider(&ecs.ctx, request).await.unwrap().capacity_provider.unwrap();
    assert_eq!(answer.update_status, Some(CapacityProviderUpdateStatus::UpdateComplete));
    let ecs = ecs.restarted().await;
    let group = describe(&ecs, "web").await.auto_scaling_group_provider.unwrap();
    assert!(group.auto_scaling_group_arn.is_some());
    let scaling = group.managed_scaling.unwrap();
    assert_eq!((scaling.target_capacity, scaling.instance_warmup_period), (Some(90), Some(300)));
}

/// CapacityProvider, status: "When a capacity provider is successfully deleted, it has an INACTIVE status."
#[tokio::test(start_paused = true)]
async fn a_deleted_one_is_inactive_and_out_of_listings() {
    let ecs = Ecs::empty().await;
    create(&ecs, group("web")).await.unwrap();
    assert_eq!(delete(&ecs, "web").await.unwrap().update_status, Some(CapacityProviderUpdateStatus::DeleteInProgress));
    let gone = describe(&ecs, "web").await;
    assert_eq!(gone.status, Some(CapacityProviderStatus::Inactive));
    assert_eq!(gone.update_status, Some(CapacityProviderUpdateStatus::DeleteComplete));
    assert_eq!(names(&ecs, DescribeCapacityProvidersRequest::default()).await, ["FARGATE", "FARGATE_SPOT"]);
    let message = "The specified capacity provider does not exist. Specify a valid name or ARN and try again.";
    assert_refused(delete(&ecs, "web").await, ErrorCode::ClientException, message);
}

/// "It enters DELETE_FAILED if you try to delete the capacity provider whilst it is attached to the ECS cluster" (ekristen/aws-nuke#542); the
/// text is AWS's, as users quote it.
#[tokio::test(start_paused = true)]
async fn one_that_a_cluster_has_is_not_deleted() {
    let ecs = Ecs::start().await;
    create(&ecs, group("web")).await.unwrap();
    associate(&ecs, ["web"]).await;
    let refused = delete(&ecs, "web").await.unwrap();
    assert_eq!(refused.update_status, Some(CapacityProviderUpdateStatus::DeleteFailed));
    let reason = "The capacity provider cannot be deleted because it is associated with cluster: default. Remove the capacity provider from the cluster and try again.";
    assert_eq!(refused.update_status_reason.as_deref(), Some(reason));
    associate(&ecs, []).await;
    delete(&ecs, "web").await.unwrap();
    assert_eq!(describe(&ecs, "web").await.status, Some(CapacityProviderStatus::Inactive));
}

/// DescribeCapacityProviders, maxResults: "between 1 and 10. If this parameter is not used, … up to 10 results".
#[tokio::test(start_paused = true)]
async fn listings_come_in_pages_of_ten() {
    let ecs = Ecs::empty().await;
    for number in 0..9 {
        create(&ecs, group(&format!("web-{number}"))).await.unwrap();
    }
    let first = ecs.describe_capacity_providers(&ecs.ctx, DescribeCapacityProvidersRequest::default()).await.unwrap();
    assert_eq!(first.capacity_providers.unwrap().len(), 10);
    let rest = DescribeCapacityProvidersRequest { next_token: first.next_token, ..DescribeCapacityProvidersRequest::default() };
    assert_eq!(names(&ecs, rest).await, ["web-8"]);
    let too_many = DescribeCapacityProvidersRequest { max_results: Some(11), ..DescribeCapacityProvidersRequest::default() };
    assert!(ecs.describe_capacity_providers(&ecs.ctx, too_many).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_one_is_a_failure() {
    let ecs = Ecs::empty().await;
    let request =
        DescribeCapacityProvidersRequest { capacity_providers: texts(["ghost"]), ..DescribeCapacityProvidersRequest::default() };
    let failures = ecs.describe_capacity_providers(&ecs.ctx, request).await.unwrap().failures.unwrap();
    assert_eq!(failures[0].reason.as_deref(), Some("MISSING"));
    assert_eq!(failures[0].arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:capacity-provider/ghost"));
}

/// CreateCapacityProvider, cluster: "it becomes available only within the specified cluster"; ClusterContainsCapacityProviderException: "You must
/// first delete all capacity providers from the cluster before you can delete the cluster itself."
#[tokio::test(start_paused = true)]
async fn managed_instances_belong_to_their_cluster() {
    let ecs = Ecs::start().await;
    create(&ecs, managed("web")).await.unwrap();
    assert_eq!(ecs.cluster("default").await.capacity_providers, texts(["web"]));
    let request = DeleteClusterRequest { cluster: text("default") };
    let error = ecs.delete_cluster(&ecs.ctx, request).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ClusterContainsCapacityProviderException);
    delete(&ecs, "web").await.unwrap();
    assert_eq!(ecs.cluster("default").await.capacity_providers, Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn managed_instances_need_a_cluster() {
    let ecs = Ecs::start().await;
    let request = CreateCapacityProviderRequest { cluster: None, ..managed("web") };
    assert_eq!(create(&ecs, request).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
}
