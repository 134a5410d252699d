//! The conformance kit of the task manager finds what it is there for: each backend here breaks one rule, and that rule's case fails.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::task_manager::{Harness, Missing, Program, cases};
use kecs_core::{
    BackendError, ClusterRef, ContainerState, ErrorKind, ExecCommand, ExecOutput, ExecSession, LogQuery, LogStream,
    TaskCapabilities, TaskEvent, TaskManager, TaskObservation, TaskPhase, TaskRef, TaskSpec,
};

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    StartsEndedTasksAgain,
    FailsWhereATaskCannotStart,
    ShowsTheEnvironment,
    InventsExitCodes,
    KillsAtOnce,
    StopsKnownTasksOnly,
    ForgetsRunningTasks,
    ListsLivingTasksOnly,
    ListsMoreThanThereIs,
    WatchesWithoutResync,
    ForgetsNothing,
    HasNoLogsForAnybody,
    TakesNoInput,
    OutlivesContainers,
    PlacesWithoutSayingSo,
}

/// Does what the memory backend does, but for one fault.
struct Faulty {
    inner: MemoryTaskManager,
    fault: Fault,
    shown: Mutex<String>,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown.lock().expect("no test panics with it"))
    }
}

impl Faulty {
    fn twist(fault: Fault, mut seen: TaskObservation) -> TaskObservation {
        for container in &mut seen.containers {
            if let ContainerState::Exited { code: code @ None, .. } = &mut container.state {
                *code = (fault == Fault::InventsExitCodes).then_some(1);
            }
        }
        if fault == Fault::PlacesWithoutSayingSo && seen.phase == TaskPhase::Starting {
            seen.phase = TaskPhase::Provisioning;
        }
        seen
    }
}

#[async_trait]
impl TaskManager for Faulty {
    fn capabilities(&self) -> TaskCapabilities {
        self.inner.capabilities()
    }

    async fn ensure_task(&self, spec: &TaskSpec) -> Result<(), BackendError> {
        if self.fault == Fault::StartsEndedTasksAgain {
            // It is refused for a task that has not ended.
            drop(self.inner.forget_task(&spec.task).await);
        }
        if self.fault == Fault::ShowsTheEnvironment {
            let values: Vec<&str> = spec.containers[0].environment.iter().map(|(_, value)| value.expose()).collect();
            *self.shown.lock().expect("no test panics with it") = values.concat();
        }
        self.inner.ensure_task(spec).await?;
        let seen = self.inner.observe_task(&spec.task).await?.expect("it was just ensured");
        if self.fault == Fault::FailsWhereATaskCannotStart && seen.phase == TaskPhase::Stopped {
            return Err(BackendError::new(ErrorKind::Invalid, "it cannot start"));
        }
        Ok(())
    }

    async fn stop_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        match self.inner.observe_task(task).await? {
            None if self.fault == Fault::StopsKnownTasksOnly => return Err(BackendError::new(ErrorKind::NotFound, "no such task")),
            Some(seen) if self.fault == Fault::KillsAtOnce => {
                for container in seen.containers {
                    drop(self.inner.exit(task, &container.name, 137));
                }
            }
            _ => {}
        }
        self.inner.stop_task(task).await
    }

    async fn forget_task(&self, task: &TaskRef) -> Result<(), BackendError> {
        match self.fault {
            Fault::ForgetsNothing => Ok(()),
            Fault::ForgetsRunningTasks => self.inner.remove(task),
            _ => self.inner.forget_task(task).await,
        }
    }

    async fn observe_task(&self, task: &TaskRef) -> Result<Option<TaskObservation>, BackendError> {
        Ok(self.inner.observe_task(task).await?.map(|seen| Self::twist(self.fault, seen)))
    }

    async fn list_tasks(&self, cluster: &ClusterRef) -> Result<Vec<TaskObservation>, BackendError> {
        let mut all = self.inner.list_tasks(cluster).await?;
        if self.fault == Fault::ListsLivingTasksOnly {
            all.retain(|seen| seen.phase != TaskPhase::Stopped);
        }
        if self.fault == Fault::ListsMoreThanThereIs {
            all.extend(all.clone());
        }
        Ok(all)
    }

    fn watch_tasks(&self, cluster: &ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
        let fault = self.fault;
        let events = self.inner.watch_tasks(cluster).map(move |event| match event {
            Ok(TaskEvent::Observed(seen)) => Ok(TaskEvent::Observed(Self::twist(fault, seen))),
            Ok(TaskEvent::Resynced(all)) => Ok(TaskEvent::Resynced(all.into_iter().map(|seen| Self::twist(fault, seen)).collect())),
            other => other,
        });
        let skipped = usize::from(fault == Fault::WatchesWithoutResync);
        events.skip(skipped).boxed()
    }

    async fn logs(&self, task: &TaskRef, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        if self.fault == Fault::HasNoLogsForAnybody {
            return Ok(futures::stream::empty().boxed());
        }
        self.inner.logs(task, container, query).await
    }

    async fn exec(&self, task: &TaskRef, container: &str, command: ExecCommand) -> Result<ExecSession, BackendError> {
        let session = self.inner.exec(task, container, command).await?;
        Ok(match self.fault {
            Fault::TakesNoInput => ExecSession { input: tokio::sync::mpsc::channel(1).0, ..session },
            Fault::OutlivesContainers => {
                let output = session.output.filter(|item| {
                    let killed = matches!(item, Ok(ExecOutput::Exited(Some(137))));
                    async move { !killed }
                });
                ExecSession { output: output.chain(futures::stream::pending()).boxed(), ..session }
            }
            _ => session,
        })
    }
}

impl Harness for Faulty {
    type Backend = Self;

    async fn start() -> Result<Self, Missing> {
        Ok(faulty(Fault::None))
    }

    fn backend(&self) -> &Self {
        self
    }

    fn sleeper(&self) -> Program {
        Program::new(|container| container)
    }

    fn exits_after(&self, after: Duration, code: i32) -> Program {
        let (after, code) = (format!("{}ms", after.as_millis()), code.to_string());
        Program::new(move |container| container.label("kecs.io/memory.exit-after", &after).label("kecs.io/memory.exit-code", &code))
    }

    fn ignores_sigterm(&self) -> Program {
        Program::new(|container| container.label("kecs.io/memory.ignore-sigterm", "true"))
    }

    fn prints(&self, lines: &[&str]) -> Program {
        let lines = lines.join("\n");
        self.exits_with(0).and(move |container| container.label("kecs.io/memory.log", &lines))
    }

    fn cannot_start(&self) -> Program {
        Program::new(|container| container.label("kecs.io/memory.start-failure", "CannotStartContainerError: no"))
    }

    fn checked(&self, _: bool) -> Program {
        Program::health_check(&["true"])
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
}

fn faulty(fault: Fault) -> Faulty {
    Faulty { inner: MemoryTaskManager::new(), fault, shown: Mutex::default() }
}

/// A backend with the fault fails the case; the same one without it passes.
macro_rules! catches {
    ($($name:ident: $fault:ident by $case:ident;)+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                cases::$case(&faulty(Fault::None)).await;
                let outcome = AssertUnwindSafe(cases::$case(&faulty(Fault::$fault))).catch_unwind().await;
                assert!(outcome.is_err(), "the kit did not notice");
            }
        )+
    };
}

catches! {
    a_backend_that_starts_ended_tasks_again: StartsEndedTasksAgain by ensure_does_not_start_an_ended_task_again;
    a_backend_that_fails_where_a_task_cannot_start: FailsWhereATaskCannotStart by a_task_that_cannot_start_is_observed_and_is_no_error;
    a_backend_that_shows_the_environment: ShowsTheEnvironment by environment_values_are_not_shown;
    a_backend_that_invents_exit_codes: InventsExitCodes by a_task_that_cannot_start_is_observed_and_is_no_error;
    a_backend_that_kills_at_once: KillsAtOnce by stop_gives_a_container_the_chance_to_end_by_itself;
    a_backend_that_kills_before_the_timeout: KillsAtOnce by stop_kills_a_container_after_its_stop_timeout;
    a_backend_that_stops_known_tasks_only: StopsKnownTasksOnly by stop_is_ok_for_a_task_that_was_never_known;
    a_backend_that_forgets_running_tasks: ForgetsRunningTasks by forget_refuses_a_task_that_has_not_ended;
    a_backend_that_forgets_nothing: ForgetsNothing by forget_drops_an_ended_task;
    a_backend_that_lists_living_tasks_only: ListsLivingTasksOnly by list_keeps_ended_tasks_until_they_are_forgotten;
    a_backend_that_lists_more_than_there_is: ListsMoreThanThereIs by list_knows_the_tasks_of_its_cluster_only;
    a_backend_that_watches_without_resync: WatchesWithoutResync by a_watch_begins_with_everything_there_is;
    a_backend_that_places_tasks_and_does_not_say_so: PlacesWithoutSayingSo by a_watch_tells_every_change_in_order;
    a_backend_that_has_no_logs: HasNoLogsForAnybody by logs_give_every_line_in_order;
    a_backend_whose_commands_get_no_input: TakesNoInput by exec_takes_input_until_that_is_dropped;
    a_backend_whose_commands_outlive_their_container: OutlivesContainers by exec_ends_with_the_container;
    a_backend_that_has_logs_for_anybody: HasNoLogsForAnybody by logs_of_what_is_not_known_are_not_found;
}
