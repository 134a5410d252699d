//! AWS's worked examples: all that AWS shows must be understood, and nothing of it may be lost.

use std::fmt::Debug;

use kecs_model::ecs::{self, Operation};
use kecs_model::{ErrorCode, Timestamp, aws_json};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::answer;

fn examples() -> Map<String, Value> {
    serde_json::from_str(include_str!("../../models/ecs.examples.json")).unwrap()
}

fn in_and_out<T: DeserializeOwned + Serialize + Debug>(example: &Value) {
    let shape: T = aws_json::decode(example.to_string().as_bytes()).unwrap();
    let written: Value = serde_json::from_slice(&aws_json::encode(&shape).unwrap()).unwrap();
    assert_eq!(written, with_numbers_for_times(example.clone(), &written));
}

/// The examples have times as ISO 8601 strings, where the wire has numbers.
fn with_numbers_for_times(example: Value, written: &Value) -> Value {
    match example {
        Value::String(text) if written.is_number() => {
            serde_json::to_value(serde_json::from_value::<Timestamp>(Value::String(text)).unwrap()).unwrap()
        }
        Value::Array(items) => items.into_iter().enumerate().map(|(at, item)| with_numbers_for_times(item, &written[at])).collect(),
        Value::Object(members) => {
            let member = |(name, value)| {
                let written = &written[&name];
                (name, with_numbers_for_times(value, written))
            };
            members.into_iter().map(member).collect()
        }
        other => other,
    }
}

macro_rules! examples_of {
    ($($test:ident: $operation:ident $input:ident $output:ident;)+) => {
        const TESTED: &[Operation] = &[$(Operation::$operation),+];

        $(
            #[test]
            fn $test() {
                for example in examples()[Operation::$operation.name()].as_array().unwrap() {
                    if !example["input"].is_null() {
                        in_and_out::<ecs::$input>(&example["input"]);
                    }
                    if !example["output"].is_null() {
                        in_and_out::<ecs::$output>(&example["output"]);
                    }
                }
            }
        )+
    };
}

examples_of! {
    examples_of_create_cluster_survive: CreateCluster CreateClusterRequest CreateClusterResponse;
    examples_of_create_service_survive: CreateService CreateServiceRequest CreateServiceResponse;
    examples_of_delete_account_setting_survive: DeleteAccountSetting DeleteAccountSettingRequest DeleteAccountSettingResponse;
    examples_of_delete_cluster_survive: DeleteCluster DeleteClusterRequest DeleteClusterResponse;
    examples_of_delete_service_survive: DeleteService DeleteServiceRequest DeleteServiceResponse;
    examples_of_deregister_container_instance_survive: DeregisterContainerInstance DeregisterContainerInstanceRequest DeregisterContainerInstanceResponse;
    examples_of_describe_clusters_survive: DescribeClusters DescribeClustersRequest DescribeClustersResponse;
    examples_of_describe_container_instances_survive: DescribeContainerInstances DescribeContainerInstancesRequest DescribeContainerInstancesResponse;
    examples_of_describe_services_survive: DescribeServices DescribeServicesRequest DescribeServicesResponse;
    examples_of_describe_task_definition_survive: DescribeTaskDefinition DescribeTaskDefinitionRequest DescribeTaskDefinitionResponse;
    examples_of_describe_tasks_survive: DescribeTasks DescribeTasksRequest DescribeTasksResponse;
    examples_of_list_account_settings_survive: ListAccountSettings ListAccountSettingsRequest ListAccountSettingsResponse;
    examples_of_list_clusters_survive: ListClusters ListClustersRequest ListClustersResponse;
    examples_of_list_container_instances_survive: ListContainerInstances ListContainerInstancesRequest ListContainerInstancesResponse;
    examples_of_list_services_survive: ListServices ListServicesRequest ListServicesResponse;
    examples_of_list_tags_for_resource_survive: ListTagsForResource ListTagsForResourceRequest ListTagsForResourceResponse;
    examples_of_list_task_definition_families_survive: ListTaskDefinitionFamilies ListTaskDefinitionFamiliesRequest ListTaskDefinitionFamiliesResponse;
    examples_of_list_task_definitions_survive: ListTaskDefinitions ListTaskDefinitionsRequest ListTaskDefinitionsResponse;
    examples_of_list_tasks_survive: ListTasks ListTasksRequest ListTasksResponse;
    examples_of_put_account_setting_survive: PutAccountSetting PutAccountSettingRequest PutAccountSettingResponse;
    examples_of_put_account_setting_default_survive: PutAccountSettingDefault PutAccountSettingDefaultRequest PutAccountSettingDefaultResponse;
    examples_of_register_task_definition_survive: RegisterTaskDefinition RegisterTaskDefinitionRequest RegisterTaskDefinitionResponse;
    examples_of_run_task_survive: RunTask RunTaskRequest RunTaskResponse;
    examples_of_tag_resource_survive: TagResource TagResourceRequest TagResourceResponse;
    examples_of_untag_resource_survive: UntagResource UntagResourceRequest UntagResourceResponse;
    examples_of_update_service_survive: UpdateService UpdateServiceRequest UpdateServiceResponse;
}

#[test]
fn every_operation_with_examples_is_tested_here() {
    for operation in examples().keys() {
        assert!(TESTED.iter().any(|tested| tested.name() == operation), "{operation} has examples");
    }
}

#[tokio::test]
async fn every_example_reaches_its_operation() {
    for (operation, list) in examples() {
        let operation = Operation::from_name(&operation).unwrap();
        for example in list.as_array().unwrap() {
            let error = answer(operation, &example["input"]).await;
            assert_ne!(error.code(), ErrorCode::SerializationException, "{operation}: {error}");
        }
    }
}
