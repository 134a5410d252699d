//! ExecuteCommand, and the agent of ECS Exec in DescribeTasks.

use futures::{StreamExt, TryStreamExt};
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{ExecOutput, LogSource, TaskAgentConfig, TerminalSize};
use kecs_model::ecs::{EcsApi, ExecuteCommandResponse, ManagedAgent, ManagedAgentName, Task};
use kecs_model::{ApiError, ErrorCode};
use serde_json::{Value, json};

use crate::ecs::{Ecs, Parts, arn, assert_invalid, assert_refused, clock, id, request};

/// AWS's text, from users' reports (keidarcy/e1s#206).
const NOT_ENABLED: &str = "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.";
/// The same (aws/amazon-ssm-agent#565).
const NOT_CONNECTED: &str = "The execute command failed due to an internal error. Try again later.";

const ROLE: &str = "arn:aws:iam::000000000000:role/app";
const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

async fn ecs() -> (Ecs, MemoryTaskManager) {
    let tasks = MemoryTaskManager::builder().clock(clock()).build();
    let agent = TaskAgentConfig { endpoint: Some("http://127.0.0.1:5373".to_owned()), ..TaskAgentConfig::default() };
    let ecs = Ecs::with(Parts { tasks: std::sync::Arc::new(tasks.clone()), agent, ..Parts::default() }).await;
    (ecs, tasks)
}

fn enabled() -> Value {
    json!({ "enableExecuteCommand": true, "overrides": { "taskRoleArn": ROLE } })
}

async fn execute(ecs: &Ecs, input: Value) -> Result<ExecuteCommandResponse, ApiError> {
    ecs.engine.execute_command(&ecs.ctx, request(input)).await
}

async fn execute_in(ecs: &Ecs, task: &Task, command: &str) -> Result<ExecuteCommandResponse, ApiError> {
    execute(ecs, json!({ "task": arn(task), "command": command, "interactive": true })).await
}

fn agents(task: &Task) -> Vec<ManagedAgent> {
    task.containers.iter().flatten().flat_map(|container| container.managed_agents.clone().unwrap_or_default()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_session_is_opened_by_its_token_once_and_runs_the_command() {
    let (ecs, _) = ecs().await;
    let task = ecs.running(enabled()).await;
    let response = execute_in(&ecs, &task, "echo 'hello  world'").await.unwrap();
    assert_eq!((response.task_arn, response.container_name.as_deref()), (task.task_arn.clone(), Some("web")));
    assert_eq!((response.cluster_arn, response.interactive), (task.cluster_arn.clone(), Some(true)));
    assert_eq!(response.container_arn, task.containers.unwrap()[0].container_arn);
    let session = response.session.unwrap();
    let session_id = session.session_id.unwrap();
    // As AWS has them: "Starting session with SessionId: ecs-execute-command-0f138402d3067db5a".
    assert_eq!(session_id.len(), "ecs-execute-command-0f138402d3067db5a".len());
    assert!(session_id.starts_with("ecs-execute-command-0"), "{session_id}");
    let expected = format!("ws://127.0.0.1:5373/v1/data-channel/{session_id}?role=publish_subscribe");
    assert_eq!(session.stream_url.as_deref(), Some(expected.as_str()));

    let (sessions, token) = (ecs.engine.exec_sessions(), session.token_value.unwrap());
    assert!(sessions.open(&session_id, "another token").is_none());
    let promised = sessions.open(&session_id, &token).unwrap();
    assert!(sessions.open(&session_id, &token).is_none());
    let output: Vec<_> = promised.start(SIZE).await.unwrap().output.try_collect().await.unwrap();
    assert_eq!(output, [ExecOutput::Data(LogSource::Stdout, "hello  world\n".into()), ExecOutput::Exited(Some(0))]);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_the_engine() {
    let (ecs, _) = ecs().await;
    let task = ecs.running(enabled()).await;
    let session = execute_in(&ecs, &task, "sleep 600").await.unwrap().session.unwrap();
    let promised = ecs.engine.exec_sessions().open(&session.session_id.unwrap(), &session.token_value.unwrap()).unwrap();
    let mut output = promised.start(SIZE).await.unwrap().output;
    ecs.engine.shutdown().await;
    assert!(output.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_opens_its_session_where_it_came_to() {
    let (ecs, _) = ecs().await;
    let task = ecs.running(enabled()).await;
    let ctx = kecs_model::RequestContext { endpoint: Some("https://kecs.example.org".into()), ..ecs.ctx.clone() };
    let input = request(json!({ "task": id(&task), "command": "ls", "interactive": true }));
    let session = ecs.engine.execute_command(&ctx, input).await.unwrap().session.unwrap();
    let url = session.stream_url.unwrap();
    assert!(url.starts_with("wss://kecs.example.org/v1/data-channel/ecs-execute-command-0"), "{url}");
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_terminal_is_served_although_aws_refuses_it() {
    let (ecs, _) = ecs().await;
    let task = ecs.running(enabled()).await;
    let response = execute(&ecs, json!({ "task": id(&task), "command": "stty size", "interactive": false })).await.unwrap();
    let session = response.session.unwrap();
    let promised = ecs.engine.exec_sessions().open(&session.session_id.unwrap(), &session.token_value.unwrap()).unwrap();
    assert!(!promised.is_interactive());
    let output: Vec<_> = promised.start(SIZE).await.unwrap().output.try_collect().await.unwrap();
    assert_eq!(output, [ExecOutput::Exited(Some(1))], "without a terminal there is no size");
}

#[tokio::test(start_paused = true)]
async fn the_agent_of_a_container_runs_when_the_container_does() {
    // "managedAgents": [{"lastStartedAt": …, "name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}], developer guide, "Using Amazon ECS Exec to debug".
    let (ecs, _) = ecs().await;
    let agent = |status: &str, started| ManagedAgent {
        name: Some(ManagedAgentName::ExecuteCommandAgent),
        last_status: Some(status.to_owned()),
        last_started_at: started,
        reason: None,
    };
    let running = ecs.when("RUNNING");
    let task = ecs.run(enabled()).await.remove(0);
    assert_eq!(agents(&task), [agent("PENDING", None)]);
    let task = running.await;
    let started = agents(&task)[0].last_started_at;
    assert!(started.is_some());
    assert_eq!(agents(&task), [agent("RUNNING", started)]);
    assert!(task.containers.as_ref().unwrap()[0].runtime_id.is_some(), "the AWS CLI asks for it");
    assert_eq!(agents(&ecs.stopped(&task).await), [agent("STOPPED", started)]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_not_enabled_has_no_agent_and_no_session() {
    let (ecs, _) = ecs().await;
    let task = ecs.running(json!({})).await;
    assert_eq!(agents(&task), []);
    assert_invalid(execute_in(&ecs, &task, "ls").await, NOT_ENABLED);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_run_yet_or_any_more_has_no_session() {
    let (ecs, _) = ecs().await;
    let slow = json!({ "family": "slow", "taskRoleArn": ROLE, "containerDefinitions": [
        { "name": "web", "image": "app:1", "memory": 128, "dockerLabels": { "kecs.io/memory.start-delay": "60s" } },
    ] });
    ecs.register(slow).await;
    let pending = ecs.run(json!({ "taskDefinition": "slow", "enableExecuteCommand": true })).await.remove(0);
    assert_invalid(execute_in(&ecs, &pending, "ls").await, NOT_ENABLED);
    let task = ecs.running(enabled()).await;
    ecs.stopped(&task).await;
    assert_refused(execute_in(&ecs, &task, "ls").await, ErrorCode::TargetNotConnectedException, NOT_CONNECTED);
}

#[tokio::test(start_paused = true)]
async fn the_container_is_named_unless_it_is_the_only_one() {
    let (ecs, _) = ecs().await;
    let two = json!({ "family": "two", "taskRoleArn": ROLE, "containerDefinitions": [
        { "name": "web", "image": "app:1", "memory": 128 }, { "name": "proxy", "image": "app:1", "memory": 128 },
    ] });
    ecs.register(two).await;
    let task = ecs.running(json!({ "taskDefinition": "two", "enableExecuteCommand": true })).await;
    // The texts are KECS's own.
    let unnamed = "The task has more than one container. Specify the name of a container: web, proxy";
    assert_invalid(execute_in(&ecs, &task, "ls").await, unnamed);
    let named = |name: &str| json!({ "task": arn(&task), "command": "ls", "interactive": true, "container": name });
    assert_invalid(execute(&ecs, named("db")).await, "The task has no container db.");
    assert_eq!(execute(&ecs, named("proxy")).await.unwrap().container_name.as_deref(), Some("proxy"));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_or_not_there_is_refused() {
    let (ecs, _) = ecs().await;
    let unknown = "0".repeat(32);
    let input = |task: &str, command: &str| json!({ "task": task, "command": command, "interactive": true });
    assert_invalid(execute(&ecs, input("", "ls")).await, "Task can not be blank.");
    assert_invalid(execute(&ecs, input(&unknown, " ")).await, "Command can not be blank.");
    // aws/aws-cli#10057.
    assert_invalid(execute(&ecs, input("abc", "ls")).await, "task length should be one of [32,36]");
    assert_invalid(execute(&ecs, input(&unknown, "ls")).await, "The task provided in the request was not found.");
    let elsewhere = json!({ "cluster": "nowhere", "task": unknown, "command": "ls", "interactive": true });
    assert_refused(execute(&ecs, elsewhere).await, ErrorCode::ClusterNotFoundException, "Cluster not found.");
    assert_invalid(execute(&ecs, json!({ "task": unknown, "command": "ls" })).await, "Interactive can not be blank.");
}
