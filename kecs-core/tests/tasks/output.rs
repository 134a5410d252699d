//! What becomes of the output of containers whose log driver is served.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use kecs_core::memory::{ContainerScript, MemoryTaskManager, TaskScript};
use kecs_core::{ContainerOutput, LogDriver, LogError, LogStream, MemoryStore, StateStore, TaskSpec};
use kecs_model::ecs::{EcsApi, PutAccountSettingDefaultRequest, SettingName, Task, TaskStopCode};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::ecs::{Ecs, Parts, arn, clock};

/// Serves `awslogs`: takes lines until they end, and is done with a container when a permit lets it be.
#[derive(Debug)]
struct Driver {
    /// What is answered to `prepare`, in turn; then success.
    answers: Mutex<Vec<LogError>>,
    prepared: Mutex<Vec<ContainerOutput>>,
    shipped: Mutex<Vec<ContainerOutput>>,
    /// `container: line`, in the order in which they came.
    lines: watch::Sender<Vec<String>>,
    done: Semaphore,
}

impl Driver {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            prepared: Mutex::default(),
            shipped: Mutex::default(),
            lines: watch::Sender::default(),
            done: Semaphore::new(permits),
        })
    }

    /// Waits until so many lines have come.
    async fn lines(&self, count: usize) -> Vec<String> {
        self.lines.subscribe().wait_for(|lines| lines.len() >= count).await.unwrap().clone()
    }
}

#[async_trait]
impl LogDriver for Driver {
    fn handles(&self, driver: &str) -> bool {
        driver == "awslogs"
    }

    async fn prepare(&self, output: &ContainerOutput) -> Result<(), LogError> {
        self.prepared.lock().unwrap().push(output.clone());
        self.answers.lock().unwrap().pop().map_or(Ok(()), Err)
    }

    fn is_blocking(&self, output: &ContainerOutput) -> bool {
        output.configuration.options["mode"] == "blocking"
    }

    async fn ship(&self, output: &ContainerOutput, mut lines: LogStream) {
        self.shipped.lock().unwrap().push(output.clone());
        while let Some(line) = lines.next().await {
            let line = format!("{}: {}", output.container, String::from_utf8_lossy(&line.unwrap().line));
            self.lines.send_modify(|lines| lines.push(line));
        }
        self.done.acquire().await.unwrap().forget();
    }
}

fn logging(name: &str) -> Value {
    let options = json!({ "awslogs-group": "app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs" });
    let log = json!({ "logDriver": "awslogs", "options": options });
    json!({ "name": name, "image": "app:1", "memory": 128, "logConfiguration": log })
}

async fn start(backend: &MemoryTaskManager, driver: &Arc<Driver>) -> Ecs {
    let store = Arc::new(MemoryStore::new());
    let ecs = on(backend, &store, driver).await;
    ecs.cluster("default").await;
    let role = "arn:aws:iam::000000000000:role/start";
    ecs.register(json!({ "family": "app", "executionRoleArn": role, "containerDefinitions": [logging("web")] })).await;
    ecs
}

async fn on(backend: &MemoryTaskManager, store: &Arc<MemoryStore>, driver: &Arc<Driver>) -> Ecs {
    let store: Arc<dyn StateStore> = Arc::clone(store) as _;
    let driver: Arc<dyn LogDriver> = Arc::clone(driver) as _;
    Ecs::bare(Parts { tasks: Arc::new(backend.clone()), store, logs: vec![driver], ..Parts::default() }).await
}

fn backend(script: ContainerScript) -> MemoryTaskManager {
    MemoryTaskManager::builder().clock(clock()).default_script(TaskScript::all(script)).build()
}

fn short_lived() -> ContainerScript {
    ContainerScript::new().prints(["one", "two"]).exit(Duration::from_secs(5), 0)
}

#[tokio::test(start_paused = true)]
async fn what_a_container_writes_reaches_its_driver_while_it_runs() {
    let (driver, backend) = (Driver::new(1), backend(ContainerScript::new().prints(["one"])));
    let ecs = start(&backend, &driver).await;
    let task = ecs.running(json!({})).await;
    assert_eq!(driver.lines(1).await, ["web: one"]);
    backend.print(&ecs.task_ref(&task), "web", "two").unwrap();
    assert_eq!(driver.lines(2).await, ["web: one", "web: two"]);
    let output = driver.shipped.lock().unwrap()[0].clone();
    assert_eq!((&*output.container, output.task), ("web", ecs.task_ref(&task)));
    assert_eq!(output.configuration.options["awslogs-group"], "app");
    let labels = ["family", "revision", "taskArn", "launchType"].map(|label| output.labels[label].clone());
    assert_eq!(labels, ["app".to_owned(), "1".to_owned(), arn(&task), "EC2".to_owned()]);
    assert_eq!(output.labels.get("runtimeId"), task.containers.unwrap()[0].runtime_id.as_ref());
}

#[tokio::test(start_paused = true)]
async fn the_drivers_mode_is_the_accounts_unless_the_container_says_one() {
    // LogConfiguration, `mode`: "If you don't specify the mode option or configure the account setting, Amazon ECS will default to the non-blocking mode."
    let (driver, blocking) = (Driver::new(9), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&blocking);
    let tell = move |spec: &TaskSpec| {
        told.lock().unwrap().push(spec.containers[0].blocking_output);
        None
    };
    let backend = MemoryTaskManager::builder().clock(clock()).script(tell).build();
    let ecs = start(&backend, &driver).await;
    ecs.running(json!({})).await;
    let setting =
        PutAccountSettingDefaultRequest { name: Some(SettingName::DefaultLogDriverMode), value: Some("blocking".to_owned()) };
    ecs.engine.put_account_setting_default(&ecs.ctx, setting).await.unwrap();
    ecs.running(json!({})).await;
    let mut container = logging("web");
    container["logConfiguration"]["options"]["mode"] = json!("non-blocking");
    ecs.register(json!({ "family": "own", "containerDefinitions": [container] })).await;
    ecs.running(json!({ "taskDefinition": "own" })).await;
    let prepared = driver.prepared.lock().unwrap();
    let modes: Vec<&str> = prepared.iter().map(|output| output.configuration.options["mode"].as_str()).collect();
    assert_eq!(modes, ["non-blocking", "blocking", "non-blocking"]);
    assert_eq!(*blocking.lock().unwrap(), [false, true, false], "what the backend is told");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_not_stopped_before_its_output_is_shipped() {
    let (driver, backend) = (Driver::new(0), backend(short_lived()));
    let ecs = start(&backend, &driver).await;
    let held = ecs.when("DEPROVISIONING");
    ecs.run_one().await;
    let task = held.await;
    assert_eq!(task.containers.as_ref().unwrap()[0].exit_code, Some(0));
    assert_eq!(driver.lines(2).await, ["web: one", "web: two"]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(ecs.describe(&task).await.last_status.as_deref(), Some("DEPROVISIONING"));
    let stopped = ecs.when("STOPPED");
    driver.done.add_permits(1);
    let task = stopped.await;
    assert_eq!(task.stop_code, Some(TaskStopCode::EssentialContainerExited));
    assert!(task.stopped_at.unwrap().as_millis() - task.execution_stopped_at.unwrap().as_millis() >= 20_000);
}

#[tokio::test(start_paused = true)]
async fn output_that_cannot_be_shipped_holds_its_task_for_half_a_minute_and_is_not_forgotten() {
    let (driver, backend) = (Driver::new(0), backend(short_lived()));
    let ecs = start(&backend, &driver).await;
    let stopped = ecs.when("STOPPED");
    ecs.run_one().await;
    let task = stopped.await;
    assert_eq!(task.stopped_at.unwrap().as_millis() - task.execution_stopped_at.unwrap().as_millis(), 30_000);
    tokio::time::sleep(Duration::from_mins(70)).await;
    assert_eq!(backend.task_count(), 1, "its log is still being shipped");
    driver.done.add_permits(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(backend.task_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn output_of_a_container_that_waits_for_another_is_shipped_once_it_runs() {
    let (driver, backend) = (Driver::new(9), backend(short_lived()));
    let ecs = start(&backend, &driver).await;
    let mut second = logging("second");
    second["dependsOn"] = json!([{ "containerName": "first", "condition": "SUCCESS" }]);
    let mut first = logging("first");
    first["essential"] = json!(false);
    ecs.register(json!({ "family": "two", "containerDefinitions": [first, second] })).await;
    let stopped = ecs.when("STOPPED");
    ecs.run(json!({ "taskDefinition": "two" })).await;
    stopped.await;
    assert_eq!(driver.lines(4).await, ["first: one", "first: two", "second: one", "second: two"]);
}

#[tokio::test(start_paused = true)]
async fn the_next_control_plane_ships_on_and_holds_what_has_ended_meanwhile() {
    let (driver, backend) = (Driver::new(0), backend(ContainerScript::new().prints(["one"])));
    let store = Arc::new(MemoryStore::new());
    let first = on(&backend, &store, &driver).await;
    first.cluster("default").await;
    first.register(json!({ "family": "app", "containerDefinitions": [logging("web")] })).await;
    let task = first.running(json!({})).await;
    driver.lines(1).await;
    // A driver that does not end does not keep the engine from stopping.
    first.engine.shutdown().await;
    backend.print(&first.task_ref(&task), "web", "two").unwrap();
    backend.exit(&first.task_ref(&task), "web", 3).unwrap();

    let next = Driver::new(0);
    let second = on(&backend, &store, &next).await;
    assert_eq!(next.lines(2).await, ["web: one", "web: two"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(second.describe(&task).await.last_status.as_deref(), Some("DEPROVISIONING"));
    let stopped = second.when("STOPPED");
    next.done.add_permits(1);
    assert_eq!(stopped.await.containers.unwrap()[0].exit_code, Some(3));
    assert_eq!(next.prepared.lock().unwrap().len(), 0);
}

async fn stopped_with(answers: Vec<LogError>) -> (Task, Arc<Driver>, MemoryTaskManager) {
    let (driver, backend) = (Driver::new(9), backend(short_lived()));
    *driver.answers.lock().unwrap() = answers;
    let ecs = start(&backend, &driver).await;
    let stopped = ecs.when("STOPPED");
    ecs.run_one().await;
    (stopped.await, driver, backend)
}

fn unavailable() -> LogError {
    LogError::Unavailable { message: "nobody is there".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_driver_refuses_its_configuration_does_not_start() {
    let (task, _, backend) = stopped_with(vec![LogError::Invalid { message: "no such group".to_owned() }]).await;
    assert_eq!((task.stop_code, task.stopped_reason.as_deref()), (Some(TaskStopCode::TaskFailedToStart), Some("no such group")));
    assert_eq!(backend.task_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_driver_whose_service_is_away_for_a_moment_is_asked_again() {
    let (task, driver, _) = stopped_with(vec![unavailable(), unavailable()]).await;
    assert_eq!(task.stop_code, Some(TaskStopCode::EssentialContainerExited));
    assert_eq!(driver.prepared.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_drivers_service_stays_away_does_not_start() {
    let (task, driver, _) = stopped_with(std::iter::repeat_with(unavailable).take(9).collect()).await;
    assert_eq!((task.stop_code, task.stopped_reason.as_deref()), (Some(TaskStopCode::TaskFailedToStart), Some("nobody is there")));
    assert_eq!(driver.prepared.lock().unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_lost_waits_for_nothing() {
    let (driver, backend) = (Driver::new(0), backend(ContainerScript::new()));
    let ecs = start(&backend, &driver).await;
    let task = ecs.running(json!({})).await;
    let stopped = ecs.when("STOPPED");
    backend.remove(&ecs.task_ref(&task)).unwrap();
    let task = stopped.await;
    assert_eq!(task.stop_code, Some(TaskStopCode::TerminationNotice));
}
