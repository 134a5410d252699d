//! When a container's health is checked and what the results make of it.

use std::time::Duration;

use crate::Health;
use crate::task_spec::HealthCheck;

/// The health of one container. Without a health check it is `Unknown` for ever.
#[derive(Clone, Debug)]
pub(super) struct HealthMonitor {
    rules: Option<Rules>,
    status: Health,
    /// Counted failures in a row.
    streak: u32,
    started: Duration,
    check: Check,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    interval: Duration,
    retries: u32,
    start_period: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// The container does not run.
    Off,
    Due(Duration),
    UnderWay,
}

impl HealthMonitor {
    pub(super) fn new(check: Option<&HealthCheck>) -> Self {
        let rules = check.map(|check| Rules {
            interval: check.interval,
            // ECS takes 1 to 10; 0 would make a container unhealthy that was never checked.
            retries: check.retries.max(1),
            start_period: check.start_period,
        });
        Self { rules, status: Health::Unknown, streak: 0, started: Duration::ZERO, check: Check::Off }
    }

    pub(super) fn status(&self) -> Health {
        self.status
    }

    /// Whether there is a health check at all.
    pub(super) fn is_watched(&self) -> bool {
        self.rules.is_some()
    }

    pub(super) fn set(&mut self, status: Health) {
        self.status = status;
        self.streak = 0;
    }

    /// A run of the container begins, and its health with it.
    pub(super) fn started(&mut self, now: Duration) {
        let Some(rules) = self.rules else { return };
        self.status = Health::Unknown;
        self.streak = 0;
        self.started = now;
        self.check = Check::Due(now.saturating_add(rules.interval));
    }

    /// The run is over. What was last known stays known.
    pub(super) fn ended(&mut self) {
        self.check = Check::Off;
    }

    pub(super) fn due(&self) -> Option<Duration> {
        match self.check {
            Check::Due(at) => Some(at),
            Check::Off | Check::UnderWay => None,
        }
    }

    /// Whether a check is to be run now; it then is under way.
    pub(super) fn begin_check(&mut self, now: Duration) -> bool {
        let is_due = self.due().is_some_and(|at| at <= now);
        if is_due {
            self.check = Check::UnderWay;
        }
        is_due
    }

    pub(super) fn checked(&mut self, now: Duration, passed: bool) {
        let (Some(rules), Check::UnderWay) = (self.rules, self.check) else { return };
        self.check = Check::Due(now.saturating_add(rules.interval));
        if passed {
            self.streak = 0;
            self.status = Health::Healthy;
            return;
        }
        let is_starting = self.status == Health::Unknown && now < self.started.saturating_add(rules.start_period);
        if is_starting {
            return;
        }
        self.streak = self.streak.saturating_add(1);
        if self.streak >= rules.retries {
            self.status = Health::Unhealthy;
        }
    }
}
