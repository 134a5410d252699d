//! ECS's operations, one file a group.
//!
//! An operation reads or changes the [`World`](crate::engine::World) of the caller's account and region; it waits for nothing but the change to be
//! durable. What is not listed in [`operations!`] answers the model's default: a typed error that says so.

mod account_settings;
mod agent;
mod attributes;
mod capacity_providers;
mod clusters;
mod container_instances;
mod coverage;
mod service_deployments;
mod services;
mod tags;
mod task_definitions;
mod task_sets;
mod tasks;

pub use coverage::{Coverage, coverage};

use async_trait::async_trait;
use kecs_model::ecs::{self, EcsApi};
use kecs_model::{ApiError, RequestContext};

use crate::Engine;

/// Forwards each operation to the function of its name.
macro_rules! operations {
    ($($group:ident { $($operation:ident($request:ident) -> $response:ident;)+ })+) => {
        #[async_trait]
        impl EcsApi for Engine {
            $($(
                async fn $operation(&self, ctx: &RequestContext, input: ecs::$request) -> Result<ecs::$response, ApiError> {
                    $group::$operation(self.shared(), ctx, input).await
                }
            )+)+
        }

        impl Engine {
            /// The operations that this engine serves, by their names in Rust case. The rest answers a typed error.
            pub const SERVED: &[&str] = &[$($(stringify!($operation),)+)+];
        }
    };
}

operations! {
    account_settings {
        delete_account_setting(DeleteAccountSettingRequest) -> DeleteAccountSettingResponse;
        list_account_settings(ListAccountSettingsRequest) -> ListAccountSettingsResponse;
        put_account_setting(PutAccountSettingRequest) -> PutAccountSettingResponse;
        put_account_setting_default(PutAccountSettingDefaultRequest) -> PutAccountSettingDefaultResponse;
    }
    agent {
        discover_poll_endpoint(DiscoverPollEndpointRequest) -> DiscoverPollEndpointResponse;
        submit_attachment_state_changes(SubmitAttachmentStateChangesRequest) -> SubmitAttachmentStateChangesResponse;
        submit_container_state_change(SubmitContainerStateChangeRequest) -> SubmitContainerStateChangeResponse;
        submit_task_state_change(SubmitTaskStateChangeRequest) -> SubmitTaskStateChangeResponse;
    }
    attributes {
        delete_attributes(DeleteAttributesRequest) -> DeleteAttributesResponse;
        list_attributes(ListAttributesRequest) -> ListAttributesResponse;
        put_attributes(PutAttributesRequest) -> PutAttributesResponse;
    }
    capacity_providers {
        create_capacity_provider(CreateCapacityProviderRequest) -> CreateCapacityProviderResponse;
        delete_capacity_provider(DeleteCapacityProviderRequest) -> DeleteCapacityProviderResponse;
        describe_capacity_providers(DescribeCapacityProvidersRequest) -> DescribeCapacityProvidersResponse;
        update_capacity_provider(UpdateCapacityProviderRequest) -> UpdateCapacityProviderResponse;
    }
    clusters {
        create_cluster(CreateClusterRequest) -> CreateClusterResponse;
        delete_cluster(DeleteClusterRequest) -> DeleteClusterResponse;
        describe_clusters(DescribeClustersRequest) -> DescribeClustersResponse;
        list_clusters(ListClustersRequest) -> ListClustersResponse;
        put_cluster_capacity_providers(PutClusterCapacityProvidersRequest) -> PutClusterCapacityProvidersResponse;
        update_cluster(UpdateClusterRequest) -> UpdateClusterResponse;
        update_cluster_settings(UpdateClusterSettingsRequest) -> UpdateClusterSettingsResponse;
    }
    service_deployments {
        describe_service_deployments(DescribeServiceDeploymentsRequest) -> DescribeServiceDeploymentsResponse;
        describe_service_revisions(DescribeServiceRevisionsRequest) -> DescribeServiceRevisionsResponse;
        list_service_deployments(ListServiceDeploymentsRequest) -> ListServiceDeploymentsResponse;
        stop_service_deployment(StopServiceDeploymentRequest) -> StopServiceDeploymentResponse;
    }
    services {
        create_service(CreateServiceRequest) -> CreateServiceResponse;
        delete_service(DeleteServiceRequest) -> DeleteServiceResponse;
        describe_services(DescribeServicesRequest) -> DescribeServicesResponse;
        list_services(ListServicesRequest) -> ListServicesResponse;
        list_services_by_namespace(ListServicesByNamespaceRequest) -> ListServicesByNamespaceResponse;
        update_service(UpdateServiceRequest) -> UpdateServiceResponse;
    }
    tags {
        list_tags_for_resource(ListTagsForResourceRequest) -> ListTagsForResourceResponse;
        tag_resource(TagResourceRequest) -> TagResourceResponse;
        untag_resource(UntagResourceRequest) -> UntagResourceResponse;
    }
    container_instances {
        deregister_container_instance(DeregisterContainerInstanceRequest) -> DeregisterContainerInstanceResponse;
        describe_container_instances(DescribeContainerInstancesRequest) -> DescribeContainerInstancesResponse;
        list_container_instances(ListContainerInstancesRequest) -> ListContainerInstancesResponse;
        register_container_instance(RegisterContainerInstanceRequest) -> RegisterContainerInstanceResponse;
        update_container_agent(UpdateContainerAgentRequest) -> UpdateContainerAgentResponse;
        update_container_instances_state(UpdateContainerInstancesStateRequest) -> UpdateContainerInstancesStateResponse;
    }
    task_definitions {
        delete_task_definitions(DeleteTaskDefinitionsRequest) -> DeleteTaskDefinitionsResponse;
        deregister_task_definition(DeregisterTaskDefinitionRequest) -> DeregisterTaskDefinitionResponse;
        describe_task_definition(DescribeTaskDefinitionRequest) -> DescribeTaskDefinitionResponse;
        list_task_definition_families(ListTaskDefinitionFamiliesRequest) -> ListTaskDefinitionFamiliesResponse;
        list_task_definitions(ListTaskDefinitionsRequest) -> ListTaskDefinitionsResponse;
        register_task_definition(RegisterTaskDefinitionRequest) -> RegisterTaskDefinitionResponse;
    }
    task_sets {
        create_task_set(CreateTaskSetRequest) -> CreateTaskSetResponse;
        delete_task_set(DeleteTaskSetRequest) -> DeleteTaskSetResponse;
        describe_task_sets(DescribeTaskSetsRequest) -> DescribeTaskSetsResponse;
        update_service_primary_task_set(UpdateServicePrimaryTaskSetRequest) -> UpdateServicePrimaryTaskSetResponse;
        update_task_set(UpdateTaskSetRequest) -> UpdateTaskSetResponse;
    }
    tasks {
        describe_tasks(DescribeTasksRequest) -> DescribeTasksResponse;
        execute_command(ExecuteCommandRequest) -> ExecuteCommandResponse;
        get_task_protection(GetTaskProtectionRequest) -> GetTaskProtectionResponse;
        list_tasks(ListTasksRequest) -> ListTasksResponse;
        run_task(RunTaskRequest) -> RunTaskResponse;
        start_task(StartTaskRequest) -> StartTaskResponse;
        stop_task(StopTaskRequest) -> StopTaskResponse;
        update_task_protection(UpdateTaskProtectionRequest) -> UpdateTaskProtectionResponse;
    }
}
