//! StartTask.

use std::collections::HashMap;
use std::sync::Arc;

use kecs_model::ecs::{Failure, LaunchType, StartTaskRequest, StartTaskResponse};
use kecs_model::{ApiError, RequestContext};

use super::described;
use super::request::{self, Asked};
use crate::api::container_instances;
use crate::capacity::{Capacity, Place, Placer, Preferences, Wish};
use crate::engine::{ContainerInstanceRecord, Shared, Tx, World};
use crate::placement::Strategy;
use crate::task_life;

/// "You can specify up to 10 container instances" (StartTask).
const MOST_INSTANCES: usize = 10;

pub(in crate::api) async fn start_task(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: StartTaskRequest,
) -> Result<StartTaskResponse, ApiError> {
    shared.write(ctx, |world, tx| start(world, tx, input)).await
}

fn start(world: &mut World, tx: &mut Tx, input: StartTaskRequest) -> Result<StartTaskResponse, ApiError> {
    let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
    let definition = request::definition(world, input.task_definition.as_deref())?;
    let named = input.container_instances.unwrap_or_default();
    if named.is_empty() {
        return Err(ApiError::client("Container Instances cannot be empty."));
    }
    if named.len() > MOST_INSTANCES {
        return Err(ApiError::invalid_parameter("Container Instances cannot have more than 10 elements."));
    }
    let asked = Asked {
        overrides: input.overrides,
        group: input.group,
        started_by: input.started_by,
        network: input.network_configuration,
        volumes: input.volume_configurations,
        enable_execute_command: input.enable_execute_command,
        tags: input.tags,
        propagate_tags: input.propagate_tags,
        enable_ecs_managed_tags: input.enable_ecs_managed_tags,
        client_token: input.reference_id,
    };
    let launch = asked.launch(&cluster, definition)?;
    let definition = &launch.definition.definition;
    // Constraints bind here too; strategies do not, for the instances are named.
    let preferences = Preferences::new(None, None, None, Strategy::Random)?;
    let wish = Wish::new(definition, &launch.overrides, &launch.group, &preferences)?;
    let mut placers = [LaunchType::Ec2, LaunchType::External].map(|launch_type| {
        let capacity = Capacity::LaunchType(launch_type);
        let runs_there = capacity.check_definition(definition);
        (Placer::new(world, &cluster.name, &capacity, wish.clone(), HashMap::new()), runs_there)
    });
    if let [(_, Err(_)), (_, Err(_))] = &placers {
        Capacity::LaunchType(LaunchType::Ec2).check_definition(definition)?;
    }

    let mut tasks = Vec::new();
    let mut failures = Vec::new();
    for name in named {
        let Some(instance) = container_instances::find(world, &cluster.name, &name).cloned() else {
            failures.push(container_instances::failure(world, &cluster.name, &name, "MISSING"));
            continue;
        };
        let place = match place_on(&mut placers, &instance) {
            Ok(place) => place,
            Err(reason) => {
                failures.push(Failure { arn: Some(instance.arn().to_owned()), reason: Some(reason), detail: None });
                continue;
            }
        };
        let record = task_life::launch(world, tx, &cluster.name, &launch, place);
        tasks.push(described(&record, true));
    }
    Ok(StartTaskResponse { tasks: Some(tasks), failures: Some(failures) })
}

/// Places a task on an instance by the placer whose launch type the instance is of.
fn place_on(placers: &mut [(Placer, Result<(), ApiError>); 2], instance: &ContainerInstanceRecord) -> Result<Place, String> {
    let placer = placers.iter_mut().find(|(placer, _)| placer.has(instance));
    match placer {
        None => Err("INACTIVE".to_owned()),
        Some((_, Err(error))) => Err(error.message().to_owned()),
        Some((placer, Ok(()))) => placer.place_on(instance).map_err(|reason| reason.as_str().to_owned()),
    }
}
