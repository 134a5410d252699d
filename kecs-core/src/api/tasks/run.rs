//! RunTask.

use std::sync::Arc;

use kecs_model::ecs::{LaunchType, RunTaskRequest, RunTaskResponse};
use kecs_model::{ApiError, RequestContext};

use super::described;
use crate::engine::{Owner, Shared};
use crate::task_life::{Launch, launch};

pub(in crate::api) async fn run_task(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: RunTaskRequest,
) -> Result<RunTaskResponse, ApiError> {
    let named = input.task_definition.ok_or_else(|| ApiError::client("TaskDefinition can not be blank."))?;
    let tasks = shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let definition = world
                .task_definitions
                .find(&world.scope, &named)
                .cloned()
                .ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
            let tasks = (0..input.count.unwrap_or(1))
                .map(|_| {
                    let task = Launch {
                        cluster: world.cluster_ref(&cluster),
                        definition: Arc::clone(&definition),
                        overrides: input.overrides.clone().unwrap_or_default(),
                        group: input.group.clone().unwrap_or_else(|| format!("family:{}", definition.family)),
                        started_by: input.started_by.clone(),
                        owner: Owner::Caller,
                        launch_type: input.launch_type.clone().unwrap_or(LaunchType::Ec2),
                        capacity_provider: None,
                        platform_version: None,
                        container_instance_arn: None,
                        availability_zone: None,
                        network: input.network_configuration.clone(),
                        enable_execute_command: input.enable_execute_command == Some(true),
                        tags: input.tags.clone().unwrap_or_default(),
                        client_token: input.client_token.clone(),
                    };
                    described(&launch(world, tx, task), true)
                })
                .collect();
            Ok(tasks)
        })
        .await?;
    Ok(RunTaskResponse { tasks: Some(tasks), failures: Some(Vec::new()) })
}
