//! What containers used when it was last asked, so that who asks again can tell how much they used in between.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::{ContainerStats, TaskId};

/// How many tasks are remembered before those that ask no more are forgotten.
const ROOM: usize = 64;
/// For how long a measurement is compared with the next one, in milliseconds.
const KEPT_MILLIS: i64 = 10 * 60 * 1000;

/// What a container uses, and what it used when it was measured before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredContainer {
    /// The newest measurement.
    pub now: ContainerStats,
    /// The one before that somebody asked for, within ten minutes; `None` if there was none.
    pub before: Option<ContainerStats>,
}

/// The latest measurements of the tasks that ask for them.
#[derive(Debug, Default)]
pub(super) struct Measurements(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    tasks: HashMap<TaskId, Vec<MeasuredContainer>>,
    /// Beyond it is looked for what can be forgotten.
    room: usize,
}

impl Measurements {
    /// Remembers what was measured, and tells it with what was measured before. Who asks sooner than a backend measures is told the same again.
    pub(super) fn take(&self, task: TaskId, measured: Vec<ContainerStats>) -> Vec<MeasuredContainer> {
        // What a panic left behind is a table all the same.
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = remembered.tasks.remove(&task).unwrap_or_default();
        let measured: Vec<MeasuredContainer> = measured.into_iter().map(|now| followed(&known, now)).collect();
        if !measured.is_empty() {
            remembered.tasks.insert(task, measured.clone());
            remembered.forget();
        }
        measured
    }
}

fn followed(known: &[MeasuredContainer], now: ContainerStats) -> MeasuredContainer {
    let of_it = |known: &&MeasuredContainer| {
        let (then, cpu) = (&known.now, now.cpu);
        // One that was started again counts anew.
        then.container == now.container && then.cpu <= cpu && is_recent(then, &now)
    };
    match known.iter().find(of_it).cloned() {
        Some(known) if known.now.at == now.at => MeasuredContainer { now, before: known.before },
        known => MeasuredContainer { now, before: known.map(|known| known.now) },
    }
}

fn is_recent(then: &ContainerStats, now: &ContainerStats) -> bool {
    now.at.as_millis().saturating_sub(then.at.as_millis()) <= KEPT_MILLIS
}

impl Remembered {
    fn forget(&mut self) {
        if self.tasks.len() <= self.room.max(ROOM) {
            return;
        }
        let newest = self.tasks.values().flatten().map(|measured| measured.now.at).max();
        let is_kept = |measured: &MeasuredContainer| {
            newest.is_none_or(|newest| newest.as_millis().saturating_sub(measured.now.at.as_millis()) <= KEPT_MILLIS)
        };
        self.tasks.retain(|_, measured| measured.iter().any(is_kept));
        // So that each that is remembered pays for a look or two, however many there are.
        self.room = self.tasks.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kecs_model::Timestamp;

    use super::*;

    fn stats(seconds: i64, cpu: u64) -> ContainerStats {
        ContainerStats {
            container: "app".to_owned(),
            at: Timestamp::from_millis(seconds * 1000),
            cpu: Duration::from_secs(cpu),
            cpu_user: None,
            cpu_kernel: None,
            host_cpu: None,
            host_cpus: None,
            memory: 0,
            memory_limit: None,
            processes: None,
            disks: Vec::new(),
            networks: Vec::new(),
        }
    }

    /// What was measured before, by its processor time.
    fn before(measurements: &Measurements, task: TaskId, now: ContainerStats) -> Option<u64> {
        measurements.take(task, vec![now]).remove(0).before.map(|before| before.cpu.as_secs())
    }

    #[test]
    fn a_measurement_comes_with_the_one_before() {
        let (measurements, task) = (Measurements::default(), TaskId::random());
        assert_eq!(before(&measurements, task, stats(100, 1)), None);
        assert_eq!(before(&measurements, task, stats(110, 2)), Some(1));
        // The same measurement, asked for again.
        assert_eq!(before(&measurements, task, stats(110, 2)), Some(1));
        assert_eq!(before(&measurements, task, stats(120, 3)), Some(2));
        assert_eq!(before(&measurements, TaskId::random(), stats(120, 3)), None, "of another task");
        assert_eq!(before(&measurements, task, stats(130, 0)), None, "it was started again");
        assert_eq!(before(&measurements, task, stats(130 + 601, 1)), None, "it was long ago");
    }

    #[test]
    fn tasks_that_ask_no_more_are_forgotten() {
        let measurements = Measurements::default();
        for _ in 0..ROOM {
            measurements.take(TaskId::random(), vec![stats(0, 1)]);
        }
        let asks = TaskId::random();
        measurements.take(asks, vec![stats(601, 1)]);
        let remembered = measurements.0.lock().unwrap();
        assert_eq!(remembered.tasks.keys().collect::<Vec<_>>(), [&asks]);
    }
}
