//! StartTask.

use std::collections::HashMap;
use std::sync::Arc;

use kecs_model::ecs::{Failure, LaunchType, StartTaskRequest, StartTaskResponse};
use kecs_model::{ApiError, RequestContext};

use super::{described, request};
use crate::api::container_instances;
use crate::capacity::{Capacity, Placer, Preferences, Wish};
use crate::engine::{ContainerInstanceRecord, Owner, Shared, Tx, World};
use crate::placement::Strategy;
use crate::task_life::{Launch, launch};

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
    let network = request::network(&definition, input.network_configuration)?;
    let overrides = request::overrides(&definition, input.overrides)?;
    let started_by = request::started_by(input.started_by)?;
    let managed = input.enable_ecs_managed_tags == Some(true);
    let tags = request::tags(&cluster, &definition, input.tags.as_deref(), input.propagate_tags.as_ref(), managed)?;
    let group = request::group(input.group, &definition)?;
    let enable_execute_command = request::execute_command(&definition, &overrides, input.enable_execute_command)?;
    // Constraints bind here too; strategies do not, for the instances are named.
    let preferences = Preferences::new(None, None, Strategy::Random)?;
    let wish = Wish::new(&definition.definition, &overrides, &group, &preferences)?;
    let mut placers = [LaunchType::Ec2, LaunchType::External].map(|launch_type| {
        let capacity = Capacity::LaunchType(launch_type);
        let runs_there = capacity.check_definition(&definition.definition);
        (Placer::new(world, &cluster.name, &capacity, wish.clone(), HashMap::new()), runs_there)
    });
    if let [(_, Err(_)), (_, Err(_))] = &placers {
        Capacity::LaunchType(LaunchType::Ec2).check_definition(&definition.definition)?;
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
        let record = launch(
            world,
            tx,
            Launch {
                cluster: world.cluster_ref(&cluster.name),
                definition: Arc::clone(&definition),
                overrides: overrides.clone(),
                group: group.clone(),
                started_by: started_by.clone(),
                owner: Owner::Caller,
                launch_type: place.launch_type.unwrap_or(LaunchType::Ec2),
                capacity_provider: None,
                platform_version: None,
                container_instance_arn: place.container_instance_arn,
                availability_zone: place.availability_zone,
                network: network.clone(),
                enable_execute_command,
                tags: tags.clone(),
                client_token: input.reference_id.clone(),
            },
        );
        tasks.push(described(&record, true));
    }
    Ok(StartTaskResponse { tasks: Some(tasks), failures: Some(failures) })
}

/// Places a task on an instance by the placer whose launch type the instance is of.
fn place_on(
    placers: &mut [(Placer, Result<(), ApiError>); 2],
    instance: &ContainerInstanceRecord,
) -> Result<crate::capacity::Place, String> {
    let placer = placers.iter_mut().find(|(placer, _)| placer.has(instance));
    match placer {
        None => Err("INACTIVE".to_owned()),
        Some((_, Err(error))) => Err(error.message().to_owned()),
        Some((placer, Ok(()))) => placer.place_on(instance).map_err(|reason| reason.as_str().to_owned()),
    }
}
