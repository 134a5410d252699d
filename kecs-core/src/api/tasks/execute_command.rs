//! ExecuteCommand.

use std::sync::Arc;

use kecs_model::ecs::{Container, ExecuteCommandRequest, ExecuteCommandResponse, Session};
use kecs_model::{ApiError, ErrorCode, RequestContext};

use super::identifier;
use crate::engine::{Shared, TaskRecord, World};
use crate::exec::ExecTarget;
use crate::task_life::EXEC_AGENT;

/// AWS's text, for a task without the agent and for an agent that does not run yet (keidarcy/e1s#206).
const NOT_ENABLED: &str = "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.";

/// AWS's text where the agent cannot be reached (aws/amazon-ssm-agent#565).
const NOT_CONNECTED: &str = "The execute command failed due to an internal error. Try again later.";

pub(in crate::api) async fn execute_command(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ExecuteCommandRequest,
) -> Result<ExecuteCommandResponse, ApiError> {
    let ExecuteCommandRequest { cluster, command, container, interactive, task } = input;
    let task = task.filter(|task| !task.is_empty()).ok_or_else(|| ApiError::invalid_parameter("Task can not be blank."))?;
    let arguments = words(command.as_deref().unwrap_or_default())?;
    // "interactive … Required: Yes" (API reference). AWS refuses `false` ("Interactive is the only mode supported currently."); it is served here.
    let interactive = interactive.ok_or_else(|| ApiError::invalid_parameter("Interactive can not be blank."))?;
    let (record, container) = shared.read(ctx, |world| {
        let cluster = world.active_cluster(cluster.as_deref())?;
        let record = find(world, &cluster.name, &task)?;
        let container = choose(&record, container.as_deref())?.clone();
        Ok::<_, ApiError>((record, container))
    })?;
    check(&record, &container, shared)?;

    let stream = stream_origin(shared, ctx).ok_or_else(not_connected)?;
    let name = container.name.clone().unwrap_or_default();
    let target = ExecTarget { task: record.task_ref(), container: name, arguments, interactive };
    let (session_id, token) =
        shared.exec_promises.make(target).ok_or_else(|| ApiError::new(ErrorCode::ThrottlingException, "Rate exceeded"))?;
    Ok(ExecuteCommandResponse {
        cluster_arn: record.task.cluster_arn.clone(),
        container_arn: container.container_arn,
        container_name: container.name,
        interactive: Some(interactive),
        session: Some(Session {
            // The path and query are those of AWS's ssmmessages.<region>.amazonaws.com.
            stream_url: Some(format!("{stream}/v1/data-channel/{session_id}?role=publish_subscribe")),
            session_id: Some(session_id),
            token_value: Some(token.expose().to_owned()),
        }),
        task_arn: record.task.task_arn.clone(),
    })
}

/// The words of a command line as a POSIX shell would read them, without a shell: AWS's agent splits it so, and runs the first word.
fn words(command: &str) -> Result<Vec<String>, ApiError> {
    let words = shlex::split(command).ok_or_else(|| {
        // Ours.
        ApiError::invalid_parameter("The command has a quotation mark or a backslash that is not closed.")
    })?;
    if words.is_empty() {
        return Err(ApiError::invalid_parameter("Command can not be blank."));
    }
    Ok(words)
}

fn find(world: &World, cluster: &str, task: &str) -> Result<Arc<TaskRecord>, ApiError> {
    let id = identifier::task_id_called("task", &world.scope, cluster, task)?;
    let record = id.and_then(|id| world.tasks.get(id)).filter(|record| &*record.cluster.name == cluster);
    // The AWS CLI has this text for a task that went away between two of its calls.
    record.cloned().ok_or_else(|| ApiError::invalid_parameter("The task provided in the request was not found."))
}

/// "A container name only needs to be specified for tasks containing multiple containers" (API reference). The texts are ours.
fn choose<'a>(record: &'a TaskRecord, name: Option<&str>) -> Result<&'a Container, ApiError> {
    let containers = record.task.containers.as_deref().unwrap_or_default();
    match (name.filter(|name| !name.is_empty()), containers) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let names = containers.iter().filter_map(|container| container.name.as_deref()).collect::<Vec<_>>().join(", ");
            let message = format!("The task has more than one container. Specify the name of a container: {names}");
            Err(ApiError::invalid_parameter(message))
        }
        (Some(name), _) => containers
            .iter()
            .find(|container| container.name.as_deref() == Some(name))
            .ok_or_else(|| ApiError::invalid_parameter(format!("The task has no container {name}."))),
    }
}

fn check(record: &TaskRecord, container: &Container, shared: &Shared) -> Result<(), ApiError> {
    let agents = container.managed_agents.iter().flatten();
    let agent = agents.clone().find(|agent| agent.name.as_ref() == Some(&EXEC_AGENT));
    let Some(agent) = agent.filter(|_| shared.tasks.capabilities().exec) else {
        return Err(ApiError::invalid_parameter(NOT_ENABLED));
    };
    match agent.last_status.as_deref() {
        Some("RUNNING") if record.wanted() => Ok(()),
        Some("PENDING") if record.wanted() => Err(ApiError::invalid_parameter(NOT_ENABLED)),
        _ => Err(not_connected()),
    }
}

fn not_connected() -> ApiError {
    ApiError::new(ErrorCode::TargetNotConnectedException, NOT_CONNECTED)
}

/// Where the session is opened: there, where the client came to, by the scheme of WebSockets.
fn stream_origin(shared: &Shared, ctx: &RequestContext) -> Option<String> {
    let endpoint = ctx.endpoint.as_deref().or(shared.services.agent.endpoint.as_deref())?;
    let (scheme, rest) = endpoint.split_once("://")?;
    Some(format!("{}://{}", if scheme == "https" { "wss" } else { "ws" }, rest.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_command_is_split_as_a_shell_would_and_given_to_none() {
        for (command, expected) in [
            ("/bin/sh", &["/bin/sh"][..]),
            ("sh -c 'echo $HOME; exit 3'", &["sh", "-c", "echo $HOME; exit 3"]),
            // ECS Exec takes the first word for the program, whatever it looks like.
            ("DRY_RUN=true rake", &["DRY_RUN=true", "rake"]),
            (r#"printf "%s\n" a\ b"#, &["printf", "%s\\n", "a b"]),
        ] {
            assert_eq!(words(command).unwrap(), expected, "{command}");
        }
    }

    #[test]
    fn a_command_without_words_or_without_an_end_is_refused() {
        for command in ["", "  ", "echo 'a", "echo \\"] {
            assert!(words(command).is_err(), "{command:?}");
        }
    }
}
