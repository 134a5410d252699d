//! The rules of [`TaskManager`](crate::TaskManager), one function each.
//!
//! Write a [`Harness`] for your backend and let [`task_manager_conformance!`](crate::task_manager_conformance) emit one test per rule:
//!
//! ```
//! use std::time::Duration;
//! use kecs_core::{memory::MemoryTaskManager, testing::task_manager::{Harness, Missing, Program}};
//!
//! struct InMemory(MemoryTaskManager);
//!
//! impl Harness for InMemory {
//!     type Backend = MemoryTaskManager;
//!     async fn start() -> Result<Self, Missing> {
//!         Ok(Self(MemoryTaskManager::new()))
//!     }
//!     fn backend(&self) -> &MemoryTaskManager {
//!         &self.0
//!     }
//!     fn sleeper(&self) -> Program {
//!         Program::new(|container| container)
//!     }
//!     fn exits_after(&self, after: Duration, code: i32) -> Program {
//!         Program::new(move |container| {
//!             let after = format!("{}ms", after.as_millis());
//!             container.label("kecs.io/memory.exit-after", &after).label("kecs.io/memory.exit-code", &code.to_string())
//!         })
//!     }
//!     fn ignores_sigterm(&self) -> Program {
//!         Program::new(|container| container.label("kecs.io/memory.ignore-sigterm", "true"))
//!     }
//!     fn prints(&self, lines: &[&str]) -> Program {
//!         let lines = lines.join("\n");
//!         Program::new(move |container| container.label("kecs.io/memory.log", &lines).label("kecs.io/memory.exit-code", "0"))
//!     }
//!     fn cannot_start(&self) -> Program {
//!         Program::new(|container| container.label("kecs.io/memory.start-failure", "CannotStartContainerError: no such program"))
//!     }
//!     fn checked(&self, healthy: bool) -> Program {
//!         let health = if healthy { "healthy" } else { "unhealthy" };
//!         Program::health_check(&[""]).and(move |container| container.label("kecs.io/memory.health", health))
//!     }
//! }
//!
//! kecs_core::task_manager_conformance!(InMemory);
//! ```
//!
//! A backend whose tasks go on without a control plane also implements [`RestartHarness`] and says
//! `task_manager_conformance!(MyHarness, survives_restart)`.

pub mod cases;
mod harness;
mod kit;

pub use harness::{Harness, Missing, Program, RestartHarness, ready};

/// Emits one `#[tokio::test]` for each rule that a [`TaskManager`](crate::TaskManager) must keep.
///
/// Takes a type that implements [`Harness`](crate::testing::task_manager::Harness); with `survives_restart` after it, one that implements
/// [`RestartHarness`](crate::testing::task_manager::RestartHarness). The crate that uses it needs `tokio` with `macros`, `rt` and `time`.
///
/// Where the environment is missing, each test prints `skipped: NAME: why` and passes; with `KECS_TEST_REQUIRE=1` it fails instead.
#[macro_export]
macro_rules! task_manager_conformance {
    ($harness:ty) => {
        $crate::task_manager_conformance! { @cases $harness;
            ensure_runs_the_task
            ensure_may_be_repeated
            ensure_from_several_sides_at_once_runs_the_task_once
            ensure_does_not_start_an_ended_task_again
            ensure_may_be_dropped_and_repeated
            a_task_that_cannot_start_is_observed_and_is_no_error
            many_tasks_run_side_by_side
            a_task_that_was_never_ensured_is_not_known
            a_dynamic_host_port_is_reported_or_refused
            environment_values_are_not_shown
            stop_ends_the_task
            stop_is_ok_for_a_task_that_was_never_known
            stop_is_ok_for_a_task_that_has_ended
            stop_may_be_repeated
            stop_gives_a_container_the_chance_to_end_by_itself
            stop_kills_a_container_after_its_stop_timeout
            a_repeated_stop_does_not_start_the_timeout_again
            forget_drops_an_ended_task
            forget_is_ok_for_a_task_that_is_not_known
            forget_refuses_a_task_that_has_not_ended
            an_exit_code_is_reported
            the_end_of_an_essential_container_ends_the_others
            the_end_of_a_non_essential_container_does_not_end_the_task
            a_dependency_on_success_is_waited_for
            a_dependency_that_failed_fails_the_start
            containers_stop_in_reverse_order
            a_container_with_a_restart_policy_is_restarted_in_place
            health_checks_tell_the_health
            a_dependency_on_health_is_waited_for
            list_knows_the_tasks_of_its_cluster_only
            list_keeps_ended_tasks_until_they_are_forgotten
            a_watch_begins_with_everything_there_is
            a_watch_tells_every_change_in_order
            a_watch_is_of_its_cluster_only
            watches_do_not_take_events_from_each_other
            logs_give_every_line_in_order
            logs_give_the_last_lines
            logs_follow_until_the_container_ends
            logs_of_what_is_not_known_are_not_found
            exec_gives_the_output_and_the_exit_code
            exec_takes_input_until_that_is_dropped
            exec_gives_a_terminal_of_the_size_asked_for
            exec_sessions_run_side_by_side
            exec_of_no_such_program_ends_the_session
            exec_needs_a_container_that_runs
            exec_ends_with_the_container
            a_role_is_let_go_and_comes_again
            a_role_that_is_not_held_may_be_let_go
            a_log_router_that_is_not_there_may_be_let_go
            only_a_log_router_is_connected_to
        }
    };
    ($harness:ty, survives_restart) => {
        $crate::task_manager_conformance!($harness);
        $crate::task_manager_conformance! { @restart_cases $harness;
            a_running_task_goes_on_across_a_restart
            a_task_that_is_ensured_after_a_restart_is_not_started_again
            an_end_during_a_restart_is_reported
            an_ended_task_is_known_after_a_restart
            a_stop_goes_on_across_a_restart
        }
    };
    (@cases $harness:ty; $($case:ident)+) => {
        $(
            #[::tokio::test]
            async fn $case() {
                if let Some(harness) = $crate::testing::task_manager::ready::<$harness>(stringify!($case)).await {
                    $crate::testing::task_manager::cases::$case(&harness).await;
                }
            }
        )+
    };
    (@restart_cases $harness:ty; $($case:ident)+) => {
        $(
            #[::tokio::test]
            async fn $case() {
                if let Some(harness) = $crate::testing::task_manager::ready::<$harness>(stringify!($case)).await {
                    $crate::testing::task_manager::cases::$case(harness).await;
                }
            }
        )+
    };
}
