//! One container's state in a running task.

use std::time::Duration;

use super::health::HealthMonitor;
use crate::ContainerState;
use crate::task_spec::HealthCheck;

/// Where a container is between its starts and its end.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) state: ContainerState,
    pub(super) health: HealthMonitor,
    pub(super) restarts: u32,
    /// How its last run ended, where it was or is to be started again.
    pub(super) last_code: Option<i32>,
    start: Start,
    stop: Stop,
    /// When it first ran.
    first_started: Option<Duration>,
    /// When its present or last run began.
    last_started: Option<Duration>,
}

/// Whether a start is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// None is: it waits, runs or has ended.
    Idle,
    /// It has ended and is to be started again.
    RestartDue,
    /// It was asked for and is not answered.
    UnderWay,
}

/// How far its end was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    NotAsked,
    /// Told to end, and killed at this time.
    Terminated(Duration),
    Killed,
}

impl Container {
    pub(super) fn new(check: Option<&HealthCheck>) -> Self {
        Self {
            state: ContainerState::Pending,
            health: HealthMonitor::new(check),
            restarts: 0,
            last_code: None,
            start: Start::Idle,
            stop: Stop::NotAsked,
            first_started: None,
            last_started: None,
        }
    }

    /// Its first start was not asked for yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.state == ContainerState::Pending && self.start == Start::Idle
    }

    pub(super) fn is_starting(&self) -> bool {
        self.start == Start::UnderWay
    }

    pub(super) fn is_restart_due(&self) -> bool {
        self.start == Start::RestartDue
    }

    /// Runs, or may run before we hear of it.
    pub(super) fn is_alive(&self) -> bool {
        self.is_starting() || (self.state == ContainerState::Running && self.start == Start::Idle)
    }

    pub(super) fn has_run(&self) -> bool {
        self.first_started.is_some()
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, ContainerState::Exited { .. })
    }

    pub(super) fn first_started(&self) -> Option<Duration> {
        self.first_started
    }

    pub(super) fn ran_for(&self, now: Duration) -> Duration {
        self.last_started.map_or(Duration::ZERO, |start| now.saturating_sub(start))
    }

    pub(super) fn begin_start(&mut self) {
        self.start = Start::UnderWay;
    }

    pub(super) fn started(&mut self, now: Duration) {
        if !self.is_starting() {
            return;
        }
        self.restarts += u32::from(self.has_run());
        self.start = Start::Idle;
        self.state = ContainerState::Running;
        self.first_started.get_or_insert(now);
        self.last_started = Some(now);
        self.health.started(now);
        // Whoever was told to end while it was being started did not get the signal.
        self.stop = Stop::NotAsked;
    }

    /// Has ended and is to be started again: it stays RUNNING, and what its health was no longer counts.
    pub(super) fn restart(&mut self, code: Option<i32>) {
        self.last_code = code;
        self.start = Start::RestartDue;
        self.health.ended();
    }

    pub(super) fn end(&mut self, code: Option<i32>, reason: Option<String>) {
        self.state = ContainerState::Exited { code, reason };
        self.start = Start::Idle;
        self.health.ended();
    }

    pub(super) fn may_be_terminated(&self) -> bool {
        self.is_alive() && self.stop == Stop::NotAsked
    }

    pub(super) fn terminate(&mut self, kill_at: Duration) {
        self.stop = Stop::Terminated(kill_at);
    }

    pub(super) fn kill(&mut self) {
        self.stop = Stop::Killed;
    }

    pub(super) fn kill_due(&self) -> Option<Duration> {
        match self.stop {
            Stop::Terminated(at) if self.is_alive() => Some(at),
            _ => None,
        }
    }
}
