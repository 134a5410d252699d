//! RunTask.

use std::collections::HashMap;
use std::sync::Arc;

use kecs_model::ecs::{RunTaskRequest, RunTaskResponse, Task};
use kecs_model::{ApiError, RequestContext, Timestamp};
use uuid::Uuid;

use super::described;
use super::request::{self, Asked};
use crate::TaskId;
use crate::capacity::{self, Capacity, NotPlaced, Placer, Preferences, Wish};
use crate::engine::{Effect, RunTokenRecord, Shared, Tx, Wake, World};
use crate::placement::Strategy;
use crate::task_life::{self, Launch};

/// How long a client token is remembered ("Ensuring idempotency" of the API reference: 24 hours for RunTask).
const TOKEN_KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// "Up to 64 ASCII characters in the range of 33 to 126 (inclusive) are allowed" (Ensuring idempotency).
const TOKEN_LENGTH: usize = 64;

pub(in crate::api) async fn run_task(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: RunTaskRequest,
) -> Result<RunTaskResponse, ApiError> {
    shared.write(ctx, |world, tx| run(world, tx, input)).await
}

fn run(world: &mut World, tx: &mut Tx, input: RunTaskRequest) -> Result<RunTaskResponse, ApiError> {
    let cluster = Arc::clone(world.active_cluster(input.cluster.as_deref())?);
    let token = token(world, &cluster.name, &input)?;
    if let Some(Token::Repeat(tasks)) = token {
        return Ok(RunTaskResponse { tasks: Some(tasks), failures: Some(Vec::new()) });
    }
    let count = request::count(input.count)?;
    let definition = request::definition(world, input.task_definition.as_deref())?;
    let capacity = Capacity::resolve(&cluster, input.launch_type, input.capacity_provider_strategy)?;
    capacity.check_definition(&definition.definition)?;
    let platform_version = capacity::platform_version(&capacity, input.platform_version.as_deref())?;
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
        client_token: input.client_token,
    };
    let launch = Launch { platform_version, ..asked.launch(&cluster, definition)? };
    let constraints = input.placement_constraints.as_deref();
    let preferences = Preferences::new(Some(&capacity), constraints, input.placement_strategy.as_deref(), Strategy::Random)?;
    let wish = Wish::new(&launch.definition.definition, &launch.overrides, &launch.group, &preferences)?;

    let mut tasks = Vec::new();
    let mut ids = Vec::new();
    let mut failures = Vec::new();
    let mut placer = Placer::new(world, &cluster.name, &capacity, wish, HashMap::new());
    for _ in 0..count {
        let place = match placer.place() {
            Ok(place) => place,
            Err(NotPlaced::Unplaceable(unplaceable)) => {
                // The others need the same.
                failures = placer.failures(&unplaceable);
                break;
            }
            Err(not_placed) if tasks.is_empty() => {
                return Err(not_placed.error().expect("only an unplaceable task is no error"));
            }
            Err(_) => break,
        };
        let record = task_life::launch(world, tx, &cluster.name, &launch, place);
        ids.push(record.id);
        tasks.push(described(&record, true));
    }
    if let Some(Token::First { key, request }) = token {
        remember(world, tx, key, request, ids);
    }
    Ok(RunTaskResponse { tasks: Some(tasks), failures: Some(failures) })
}

/// What a client token says of a request.
enum Token {
    /// It was not seen before.
    First { key: String, request: Uuid },
    /// The same request was answered already, with these tasks.
    Repeat(Vec<Task>),
}

fn token(world: &World, cluster: &str, input: &RunTaskRequest) -> Result<Option<Token>, ApiError> {
    let Some(token) = input.client_token.as_deref().filter(|token| !token.is_empty()) else { return Ok(None) };
    if token.len() > TOKEN_LENGTH || !token.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Err(ApiError::invalid_parameter("The clientToken must be 1 to 64 ASCII characters in the range of 33 to 126."));
    }
    let key = format!("{cluster}/{token}");
    let canonical = serde_json::to_vec(input).expect("a request is plain data");
    let request = Uuid::new_v5(&Uuid::NAMESPACE_OID, &canonical);
    match world.run_tokens.get(&key) {
        None => Ok(Some(Token::First { key, request })),
        Some(seen) if seen.request == request => Ok(Some(Token::Repeat(
            seen.tasks.iter().filter_map(|id| world.tasks.get(*id)).map(|task| described(task, true)).collect(),
        ))),
        Some(seen) => {
            let arns = seen.tasks.iter().map(|id| world.scope.task_arn(cluster, *id));
            let message = "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use with a different RunTask request.";
            Err(ApiError::conflict(message).with_resource_ids(arns))
        }
    }
}

fn remember(world: &mut World, tx: &mut Tx, key: String, request: Uuid, tasks: Vec<TaskId>) {
    let expires_at = Timestamp::from_millis(tx.now.as_millis() + TOKEN_KEPT_MILLIS);
    tx.then(Effect::Later(expires_at, Wake::RunToken { scope: world.scope.clone(), key: key.clone() }));
    world.run_tokens.put(tx, RunTokenRecord { key, request, tasks, expires_at });
}
