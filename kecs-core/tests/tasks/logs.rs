//! `Engine::logs`: the output of a task for whoever asks.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kecs_core::memory::{ContainerScript, MemoryTaskManager, TaskScript};
use kecs_core::{ErrorKind, LogQuery, TaskLogs};
use serde_json::json;

use crate::ecs::{Ecs, arn, clock, id};

async fn two_containers() -> (Ecs, MemoryTaskManager) {
    let backend =
        MemoryTaskManager::builder().clock(clock()).default_script(TaskScript::all(ContainerScript::new().prints(["one"]))).build();
    let ecs = Ecs::on(backend.clone()).await;
    let container = |name: &str| json!({ "name": name, "image": "app:1", "memory": 128 });
    let mut second = container("second");
    second["dependsOn"] = json!([{ "containerName": "first", "condition": "SUCCESS" }]);
    let mut first = container("first");
    first["essential"] = json!(false);
    ecs.register(json!({ "family": "two", "containerDefinitions": [first, second] })).await;
    (ecs, backend)
}

async fn texts(logs: TaskLogs) -> Vec<String> {
    let shown = logs.lines.map_ok(|line| format!("{}: {}", line.container, String::from_utf8_lossy(&line.line.line)));
    shown.try_collect().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn lines_of_all_containers_come_by_their_time() {
    let (ecs, backend) = two_containers().await;
    let running = ecs.engine.task_when(|task| task.containers.as_ref().unwrap()[0].last_status.as_deref() == Some("RUNNING"));
    ecs.run(json!({ "taskDefinition": "two" })).await;
    let task = running.await.unwrap();
    let all = ecs.when("RUNNING");
    tokio::time::sleep(Duration::from_secs(1)).await;
    backend.print(&ecs.task_ref(&task), "first", "two").unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    backend.exit(&ecs.task_ref(&task), "first", 0).unwrap();
    all.await;
    for name in [id(&task), arn(&task)] {
        let logs = ecs.engine.logs(&name, None, LogQuery::all()).await.unwrap();
        assert_eq!(logs.containers.iter().map(|name| &**name).collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!(texts(logs).await, ["first: one", "first: two", "second: one"]);
    }
    let tail = ecs.engine.logs(&id(&task), None, LogQuery::all().with_tail(1)).await.unwrap();
    assert_eq!(texts(tail).await, ["first: two", "second: one"]);
    let one = ecs.engine.logs(&id(&task), Some("second"), LogQuery::all()).await.unwrap();
    assert_eq!(texts(one).await, ["second: one"]);
}

#[tokio::test(start_paused = true)]
async fn following_waits_for_containers_that_have_not_started_and_ends_with_the_last() {
    let (ecs, backend) = two_containers().await;
    let task = ecs.run(json!({ "taskDefinition": "two" })).await.remove(0);
    let logs = ecs.engine.logs(&arn(&task), None, LogQuery::follow()).await.unwrap();
    let user = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        backend.exit(&ecs.task_ref(&task), "first", 0).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        backend.print(&ecs.task_ref(&task), "second", "two").unwrap();
        ecs.stop(&task).await;
    };
    assert_eq!(tokio::join!(texts(logs), user).0, ["first: one", "second: one", "second: two"]);
}

#[tokio::test(start_paused = true)]
async fn a_line_is_not_held_back_by_a_container_that_writes_nothing() {
    let (ecs, backend) = two_containers().await;
    let task = ecs.run(json!({ "taskDefinition": "two" })).await.remove(0);
    let mut logs = ecs.engine.logs(&id(&task), None, LogQuery::follow()).await.unwrap();
    assert_eq!(logs.lines.next().await.unwrap().unwrap().line.line, "one");
    backend.print(&ecs.task_ref(&task), "first", "two").unwrap();
    assert_eq!(logs.lines.next().await.unwrap().unwrap().line.line, "two");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_did_not_start_is_not_said_to_have_lost_its_output() {
    let ecs = Ecs::on(MemoryTaskManager::builder().clock(clock()).build()).await;
    let container = json!({ "name": "web", "image": "app:1", "memory": 128, "secrets": [{ "name": "A", "valueFrom": "/none" }] });
    ecs.register(json!({ "family": "secret", "executionRoleArn": "role", "containerDefinitions": [container] })).await;
    let stopped = ecs.when("STOPPED");
    ecs.run(json!({ "taskDefinition": "secret" })).await;
    let task = stopped.await;
    let error = ecs.engine.logs(&id(&task), None, LogQuery::all()).await.err().unwrap();
    let said = "the task wrote nothing, since it did not start: its stoppedReason says why";
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotFound, said.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_said() {
    let (ecs, _) = two_containers().await;
    let task = ecs.running(json!({})).await;
    let refused = async |name: String, container| {
        let error = ecs.engine.logs(&name, container, LogQuery::all()).await.unwrap_err();
        (error.kind(), error.to_string())
    };
    let none = (ErrorKind::NotFound, "the task has no container db; it has web".to_owned());
    assert_eq!(refused(id(&task), Some("db")).await, none);
    assert_eq!(refused("web".to_owned(), None).await.0, ErrorKind::Invalid);
    assert_eq!(refused("0".repeat(32), None).await.0, ErrorKind::NotFound);
}
