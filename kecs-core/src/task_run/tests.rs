//! The rules, one by one. Where a rule is not obvious, the comment names where AWS states it.

use std::time::Duration;

use super::{Action, Input, TaskRun};
use crate::testing::{container, spec};
use crate::{StopCause, TaskPhase};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn started(container: usize) -> Input {
    Input::ContainerStarted { container }
}

fn exited(container: usize, code: i32) -> Input {
    Input::ContainerExited { container, code: Some(code), reason: None }
}

#[test]
fn a_task_runs_once_its_container_has_started() {
    let mut run = TaskRun::new(&spec([container("app")]));
    assert_eq!(run.begin(seconds(0)), [Action::Start { container: 0 }]);
    assert_eq!(run.phase(), TaskPhase::Starting);
    assert_eq!(run.handle(seconds(1), started(0)), []);
    assert_eq!(run.phase(), TaskPhase::Running);
    assert_eq!(run.next_deadline(), None);
}

// ContainerDefinition.essential: "if that container fails or stops for any reason, all other containers … are stopped".
#[test]
fn the_end_of_an_essential_container_ends_the_task_even_with_exit_code_0() {
    let mut run = TaskRun::new(&spec([container("app"), container("sidecar").essential(false)]));
    run.begin(seconds(0));
    run.handle(seconds(0), started(0));
    run.handle(seconds(0), started(1));
    assert_eq!(run.handle(seconds(5), exited(0, 0)), [Action::Terminate { container: 1 }]);
    assert_eq!(run.phase(), TaskPhase::Stopping);
    run.handle(seconds(6), exited(1, 143));
    assert_eq!(run.phase(), TaskPhase::Stopped);
    assert_eq!(run.cause(), Some(&StopCause::EssentialContainerExited));
}
