//! How a service comes from the tasks that it has to the tasks that it should have: a pure function, one step at a time.
//!
//! Whatever happens in between, two bounds hold at every instant ("DeploymentConfiguration" of the API reference): no more than
//! `maximumPercent` of the desired count, rounded down, run or start; and of those that count as healthy, none is stopped below
//! `minimumHealthyPercent`, rounded up. A task that was told to stop takes room until it has stopped: its ports and memory are still taken.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use kecs_model::Timestamp;

use crate::TaskId;
use crate::engine::ServiceRecord;

/// A task that is to run, as far as the rollout looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskView {
    pub(super) id: TaskId,
    /// Whether it is one of the PRIMARY deployment's.
    pub(super) primary: bool,
    /// What it does.
    pub(super) health: TaskHealth,
    /// Whether it is protected from scale-in.
    pub(super) protected: bool,
    /// Its Availability Zone.
    pub(super) zone: Option<String>,
    /// When it was created.
    pub(super) created_at: Timestamp,
}

/// What a task does, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TaskHealth {
    /// It failed its health checks.
    Unhealthy,
    /// It does not run yet.
    Pending,
    /// It runs, and does not count as healthy yet.
    Running,
    /// It counts as healthy.
    Healthy,
}

/// How many tasks a service may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How many it should have.
    pub(super) desired: usize,
    /// How many healthy ones must be left.
    pub(super) minimum: usize,
    /// How many there may be.
    pub(super) maximum: usize,
}

impl Bounds {
    /// The bounds that a service's deployment configuration makes of a desired count, its own or that of one of its task sets.
    pub(super) fn of(service: &ServiceRecord, desired: usize) -> Self {
        let configuration = service.service.deployment_configuration.as_ref();
        let minimum = configuration.and_then(|configuration| configuration.minimum_healthy_percent).unwrap_or(100);
        let maximum = configuration.and_then(|configuration| configuration.maximum_percent).unwrap_or(200);
        Self::new(desired, minimum, maximum)
    }

    /// The bounds that the percentages make of a desired count.
    pub(super) fn new(desired: usize, minimum_healthy_percent: i32, maximum_percent: i32) -> Self {
        let percent = |percent: i32| usize::try_from(percent).unwrap_or(0);
        Self {
            desired,
            minimum: (desired * percent(minimum_healthy_percent)).div_ceil(100),
            maximum: (desired * percent(maximum_percent) / 100).max(desired),
        }
    }
}

/// What the rollout looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) bounds: Bounds,
    /// All tasks that are to run.
    pub(super) tasks: &'a [TaskView],
    /// How many more have been told to stop, and have not stopped.
    pub(super) stopping: usize,
    /// Whether tasks may be launched at all: not by a failed deployment, and not while launches are slowed down.
    pub(super) launching: bool,
    /// How many can be placed.
    pub(super) placeable: usize,
}

/// The next step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// How many tasks of the PRIMARY deployment to start.
    pub(super) start: usize,
    /// Which tasks to stop.
    pub(super) stop: Vec<TaskId>,
    /// How many of those that are started replace unhealthy ones.
    pub(super) replaced: usize,
    /// Whether the bounds allow neither starting nor stopping a task, although there is something to do.
    pub(super) stuck: bool,
}

/// Finds the next step.
pub(super) fn next_step(scene: &Scene<'_>) -> Step {
    let Scene { bounds, tasks, stopping, launching, placeable } = *scene;
    let unhealthy = |task: &&TaskView| task.health == TaskHealth::Unhealthy;
    let good = tasks.iter().filter(|task| task.primary && !unhealthy(task)).count();
    let needed = if launching { bounds.desired.saturating_sub(good) } else { 0 };
    let room = bounds.maximum.saturating_sub(tasks.len() + stopping);
    let start = needed.min(room).min(placeable);
    let short = needed - start;

    let mut choice = Choice::new(scene);
    choice.stop_unhealthy(good + start, short);
    choice.stop_old(short);
    choice.stop_excess();
    let stop = choice.stop;

    let failing = tasks.iter().filter(|task| task.primary && unhealthy(task)).count();
    Step { start, replaced: failing.min(start), stuck: room == 0 && short > 0 && stopping == 0 && stop.is_empty(), stop }
}

/// Gathers the tasks to stop, and what the bounds leave.
struct Choice<'a> {
    scene: &'a Scene<'a>,
    /// How many healthy tasks may still be stopped.
    spare: usize,
    stop: Vec<TaskId>,
    /// The same, to be looked up in.
    stopped: HashSet<TaskId>,
}

impl<'a> Choice<'a> {
    fn new(scene: &'a Scene<'a>) -> Self {
        let healthy = scene.tasks.iter().filter(|task| task.health == TaskHealth::Healthy).count();
        Self { scene, spare: healthy.saturating_sub(scene.bounds.minimum), stop: Vec::new(), stopped: HashSet::new() }
    }

    fn left(&self) -> impl Iterator<Item = &'a TaskView> {
        self.scene.tasks.iter().filter(|task| !self.stopped.contains(&task.id))
    }

    fn take(&mut self, candidates: Vec<TaskView>, most: usize) {
        for task in candidates.into_iter().take(most) {
            if task.health == TaskHealth::Healthy {
                if self.spare == 0 {
                    return;
                }
                self.spare -= 1;
            }
            self.stop.push(task.id);
            self.stopped.insert(task.id);
        }
    }

    /// Unhealthy tasks of the PRIMARY deployment go once their replacements are under way; one by one where there is no room for any ("the
    /// scheduler stops the unhealthy tasks one-by-one"). Protection does not keep an unhealthy task.
    fn stop_unhealthy(&mut self, good: usize, short: usize) {
        let mut unhealthy: Vec<_> =
            self.left().filter(|task| task.primary && task.health == TaskHealth::Unhealthy).cloned().collect();
        unhealthy.sort_by_key(|task| task.created_at);
        let unreplaced = self.scene.bounds.desired.saturating_sub(good);
        let mut most = unhealthy.len().saturating_sub(unreplaced);
        if most == 0 && short > 0 && self.scene.stopping == 0 {
            most = 1;
        }
        self.take(unhealthy, most);
    }

    /// Tasks of older deployments: those that do not serve go at once, the others as they are replaced, or earlier to make room, as far as the
    /// minimum lets them.
    fn stop_old(&mut self, short: usize) {
        let idle: Vec<_> = self
            .left()
            .filter(|task| !task.primary)
            .filter(|task| task.health == TaskHealth::Unhealthy || (task.health == TaskHealth::Pending && !task.protected))
            .cloned()
            .collect();
        self.take(idle, usize::MAX);

        let ready = self.left().filter(|task| task.primary && task.health == TaskHealth::Healthy).count();
        let serving = self.left().filter(|task| !task.primary).count();
        let surplus = (ready + serving).saturating_sub(self.scene.bounds.desired);
        let making_room = short.saturating_sub(self.scene.stopping + self.stop.len());
        let mut old: Vec<_> = self.left().filter(|task| !task.primary && !task.protected).cloned().collect();
        order(&mut old, self.scene.tasks);
        self.take(old, surplus.max(making_room));
    }

    /// Scale-in of the PRIMARY deployment.
    fn stop_excess(&mut self) {
        let have = self.left().filter(|task| task.primary).count();
        let excess = have.saturating_sub(self.scene.bounds.desired);
        let mut candidates: Vec<_> = self.left().filter(|task| task.primary && !task.protected).cloned().collect();
        order(&mut candidates, self.scene.tasks);
        self.take(candidates, excess);
    }
}

/// Puts those first that are to be stopped first: what is worst off, then, zone after zone, from the zone with the most tasks of the service
/// ("it attempts to maintain balance across the Availability Zones", UpdateService), then the newest; age is nothing that AWS documents.
fn order(candidates: &mut [TaskView], all: &[TaskView]) {
    let in_zone = |zone: &Option<String>| all.iter().filter(|task| task.zone == *zone).count();
    candidates.sort_by(|a, b| {
        let worst = a.health.cmp(&b.health);
        worst.then_with(|| b.created_at.cmp(&a.created_at)).then_with(|| a.id.cmp(&b.id))
    });
    let mut sizes: HashMap<Option<String>, usize> = HashMap::new();
    for task in candidates.iter() {
        sizes.entry(task.zone.clone()).or_insert_with(|| in_zone(&task.zone));
    }
    if sizes.len() < 2 {
        return;
    }
    for at in 0..candidates.len() {
        let health = candidates[at].health;
        let same = candidates[at..].iter().take_while(|task| task.health == health).count();
        let next = (at..at + same).max_by_key(|index| (sizes.get(&candidates[*index].zone).copied(), Reverse(*index)));
        if let Some(next) = next {
            candidates[at..=next].rotate_right(1);
            if let Some(size) = sizes.get_mut(&candidates[at].zone) {
                *size -= 1;
            }
        }
    }
}

#[cfg(test)]
mod properties;
