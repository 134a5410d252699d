//! What holds for the life of every task, whatever happens to it: stops, exits, losses, broken watches, restarts of the engine.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kecs_core::memory::{ContainerScript, MemoryTaskManager, TaskScript};
use kecs_core::{ClusterRef, Engine, EngineConfig, MemoryStore, Scope, StateStore, TaskChange, TaskRef, TokioClock};
use kecs_model::ecs::{
    ContainerDefinition, CreateClusterRequest, DescribeTasksRequest, EcsApi, RegisterTaskDefinitionRequest, RunTaskRequest,
    StopTaskRequest, Task,
};
use kecs_model::{RequestContext, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

/// The states in their order: "Amazon ECS task lifecycle", developer guide.
const STATES: [&str; 8] =
    ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"];

/// "Stopped tasks appear in the returned results for at least one hour" (DescribeTasks); we keep them no longer.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60 + 1);

/// One thing that happens. Tasks are picked among those that were started so far.
#[derive(Clone, Debug)]
enum Step {
    Run,
    Stop(Index),
    Exit(Index, bool, i32),
    Lose(Index),
    Remove(Index),
    BreakWatches,
    Restart,
    /// Time passes, so that everything under way arrives.
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Run),
        3 => any::<Index>().prop_map(Step::Stop),
        3 => (any::<Index>(), any::<bool>(), 0..2).prop_map(|(task, web, code)| Step::Exit(task, web, code)),
        1 => any::<Index>().prop_map(Step::Lose),
        1 => any::<Index>().prop_map(Step::Remove),
        1 => Just(Step::BreakWatches),
        1 => Just(Step::Restart),
        6 => (0u64..4000).prop_map(Step::Pass),
    ]
}

/// How the containers behave: slow or quick to start, obedient or not.
fn script() -> impl Strategy<Value = ContainerScript> {
    (0u64..2000, any::<bool>()).prop_map(|(delay, ignores)| {
        let script = ContainerScript::new().start_delay(Duration::from_millis(delay));
        if ignores { script.ignores_sigterm() } else { script }
    })
}

/// An engine whose every change is checked.
struct Watched {
    engine: Arc<Engine>,
    backend: MemoryTaskManager,
    store: Arc<MemoryStore>,
    clock: TokioClock,
    changes: BoxStream<'static, TaskChange>,
    /// The last that was seen of each task.
    seen: HashMap<String, Task>,
    started: Vec<String>,
}

impl Watched {
    async fn new(script: ContainerScript) -> Self {
        let clock = TokioClock::starting_at(Timestamp::from_millis(1_700_000_000_000));
        let backend = MemoryTaskManager::builder().default_script(TaskScript::all(script)).clock(clock).build();
        let store = Arc::new(MemoryStore::new());
        let engine = start(&backend, &store, &clock).await;
        let ctx = RequestContext::local();
        engine.create_cluster(&ctx, CreateClusterRequest::default()).await.unwrap();
        let container = |name: &str, essential| ContainerDefinition {
            name: Some(name.to_owned()),
            image: Some("app:1".to_owned()),
            memory: Some(64),
            essential: Some(essential),
            ..ContainerDefinition::default()
        };
        let definition = RegisterTaskDefinitionRequest {
            family: Some("app".to_owned()),
            container_definitions: Some(vec![container("web", true), container("side", false)]),
            ..RegisterTaskDefinitionRequest::default()
        };
        engine.register_task_definition(&ctx, definition).await.unwrap();
        let changes = engine.task_changes();
        Self { engine, backend, store, clock, changes, seen: HashMap::new(), started: Vec::new() }
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let ctx = RequestContext::local();
        match step {
            Step::Run => {
                let request = RunTaskRequest { task_definition: Some("app".to_owned()), ..RunTaskRequest::default() };
                let task = self.engine.run_task(&ctx, request).await.unwrap().tasks.unwrap().remove(0);
                self.started.push(task.task_arn.unwrap());
            }
            Step::Stop(task) => {
                if let Some(arn) = self.pick(task) {
                    let request = StopTaskRequest { task: Some(arn), ..StopTaskRequest::default() };
                    self.engine.stop_task(&ctx, request).await.unwrap();
                }
            }
            // The backend refuses what makes no sense, such as the exit of what does not run: then nothing happens.
            Step::Exit(task, web, code) => {
                let container = if web { "web" } else { "side" };
                drop(self.pick(task).map(|arn| self.backend.exit(&task_ref(&arn), container, code)));
            }
            Step::Lose(task) => drop(self.pick(task).map(|arn| self.backend.lose(&task_ref(&arn)))),
            Step::Remove(task) => drop(self.pick(task).map(|arn| self.backend.remove(&task_ref(&arn)))),
            Step::BreakWatches => self.backend.disconnect_watches(),
            Step::Restart => {
                self.engine.shutdown().await;
                self.see_changes()?;
                self.engine = start(&self.backend, &self.store, &self.clock).await;
                self.changes = self.engine.task_changes();
                self.see_all().await?;
            }
            Step::Pass(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
        self.see_changes()
    }

    fn pick(&self, task: Index) -> Option<String> {
        (!self.started.is_empty()).then(|| task.get(&self.started).clone())
    }

    /// Checks the changes that were told since.
    fn see_changes(&mut self) -> Result<(), TestCaseError> {
        while let Some(Some(change)) = self.changes.next().now_or_never() {
            let TaskChange::Changed(task) = change else { return Err(TestCaseError::fail("changes were missed")) };
            self.see(*task, true)?;
        }
        Ok(())
    }

    /// Checks what DescribeTasks says of all tasks.
    async fn see_all(&mut self) -> Result<(), TestCaseError> {
        if self.started.is_empty() {
            return Ok(());
        }
        let request = DescribeTasksRequest { tasks: Some(self.started.clone()), ..DescribeTasksRequest::default() };
        let answer = self.engine.describe_tasks(&RequestContext::local(), request).await.unwrap();
        prop_assert!(answer.failures.unwrap_or_default().is_empty(), "a task is gone too early");
        for task in answer.tasks.unwrap() {
            self.see(task, false)?;
        }
        Ok(())
    }

    fn see(&mut self, task: Task, changed: bool) -> Result<(), TestCaseError> {
        check(&task)?;
        let arn = task.task_arn.clone().unwrap();
        if let Some(before) = self.seen.get(&arn) {
            check_change(before, &task, changed)?;
        }
        self.seen.insert(arn, task);
        Ok(())
    }
}

async fn start(backend: &MemoryTaskManager, store: &Arc<MemoryStore>, clock: &TokioClock) -> Arc<Engine> {
    let config = EngineConfig {
        clock: Arc::new(*clock),
        ..EngineConfig::new(Arc::new(backend.clone()), Arc::clone(store) as Arc<dyn StateStore>)
    };
    Engine::start(config).await.unwrap()
}

fn task_ref(arn: &str) -> TaskRef {
    let ctx = RequestContext::local();
    let cluster = ClusterRef { scope: Scope::new(ctx.account, ctx.region), name: "default".into() };
    TaskRef { cluster, id: arn.rsplit('/').next().unwrap().parse().unwrap() }
}

fn rank(task: &Task) -> usize {
    let status = task.last_status.as_deref().unwrap();
    STATES.iter().position(|state| *state == status).unwrap_or_else(|| panic!("{status} is no state of a task"))
}

/// What holds for a task at any time.
fn check(task: &Task) -> Result<(), TestCaseError> {
    let stamps = [task.created_at, task.started_at, task.execution_stopped_at, task.stopped_at];
    let given: Vec<Timestamp> = stamps.into_iter().flatten().collect();
    prop_assert!(given.is_sorted(), "{stamps:?}");
    let stamps = [task.created_at, task.pull_started_at, task.pull_stopped_at, task.started_at];
    prop_assert!(stamps.into_iter().flatten().is_sorted(), "{stamps:?}");
    let stamps = [task.created_at, task.stopping_at, task.stopped_at];
    prop_assert!(stamps.into_iter().flatten().is_sorted(), "{stamps:?}");
    let wanted = task.desired_status.as_deref() == Some("RUNNING");
    prop_assert_eq!(wanted, task.stopping_at.is_none(), "{:?}", task);
    prop_assert_eq!(wanted, task.stop_code.is_none(), "{:?}", task);
    prop_assert!(!wanted || rank(task) <= 3, "{:?} is to run", task.last_status);
    if rank(task) == 7 {
        prop_assert!(task.stopped_at.is_some() && task.stopped_reason.is_some(), "{:?}", task);
        for container in task.containers.iter().flatten() {
            prop_assert_eq!(container.last_status.as_deref(), Some("STOPPED"));
        }
    } else {
        prop_assert!(task.stopped_at.is_none());
    }
    Ok(())
}

/// What holds from one sight of a task to the next. `changed` says that this is the very next version.
fn check_change(before: &Task, after: &Task, changed: bool) -> Result<(), TestCaseError> {
    prop_assert!(rank(after) >= rank(before), "{:?} after {:?}", after.last_status, before.last_status);
    let (version, last) = (after.version.unwrap(), before.version.unwrap());
    prop_assert!(if changed { version > last } else { version >= last }, "version {version} after {last}");
    prop_assert!(rank(before) < 7 || version == last, "a stopped task changed");
    prop_assert!(before.desired_status.as_deref() != Some("STOPPED") || after.desired_status.as_deref() == Some("STOPPED"));
    let stays = |before: Option<Timestamp>, after: Option<Timestamp>| before.is_none() || before == after;
    prop_assert!(stays(before.created_at, after.created_at) && stays(before.started_at, after.started_at));
    prop_assert!(stays(before.stopping_at, after.stopping_at) && stays(before.stopped_at, after.stopped_at));
    prop_assert!(
        before.stop_code.is_none() || (before.stop_code == after.stop_code && before.stopped_reason == after.stopped_reason)
    );
    Ok(())
}

async fn live(script: ContainerScript, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut ecs = Watched::new(script).await;
    for step in steps {
        ecs.take(step).await?;
    }
    ecs.see_all().await?;
    for at in 0..ecs.started.len() {
        let request = StopTaskRequest { task: Some(ecs.started[at].clone()), ..StopTaskRequest::default() };
        ecs.engine.stop_task(&RequestContext::local(), request).await.unwrap();
    }
    // Longer than any start, stop timeout, or pause before a broken watch is taken up again.
    tokio::time::sleep(Duration::from_mins(2)).await;
    ecs.see_changes()?;
    ecs.see_all().await?;
    for task in ecs.seen.values() {
        prop_assert_eq!(rank(task), 7, "{:?} was told to stop", task);
    }
    tokio::time::sleep(FORGOTTEN).await;
    ecs.see_changes()?;
    for arn in &ecs.started {
        let request = DescribeTasksRequest { tasks: Some(vec![arn.clone()]), ..DescribeTasksRequest::default() };
        let answer = ecs.engine.describe_tasks(&RequestContext::local(), request).await.unwrap();
        prop_assert_eq!(answer.tasks.unwrap().len(), 0, "still there an hour after its end");
    }
    prop_assert_eq!(ecs.backend.task_count(), 0, "the backend remembers what nobody asks for");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_task_only_ever_moves_on(script in script(), steps in prop::collection::vec(step(), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(live(script, steps))?;
    }
}
