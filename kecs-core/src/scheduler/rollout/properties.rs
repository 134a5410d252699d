//! What the rollout promises, whatever happens to the tasks in between.

use proptest::prelude::*;

use super::*;

/// A service whose tasks do what the test says.
#[derive(Clone, Debug)]
struct Model {
    bounds: Bounds,
    tasks: Vec<TaskView>,
    stopping: usize,
    clock: i64,
}

/// What happens to a task between two steps. The number chooses the task.
#[derive(Clone, Debug)]
enum Event {
    Advances(usize),
    Fails(usize),
    GetsUnhealthy(usize),
    IsProtected(usize, bool),
    HasStopped,
    Deployment,
}

impl Model {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, tasks: Vec::new(), stopping: 0, clock: 0 }
    }

    fn healthy(&self) -> usize {
        self.tasks.iter().filter(|task| task.health == TaskHealth::Healthy).count()
    }

    /// Takes one step, and checks what must hold around it. `false` when there was nothing to do.
    fn step(&mut self) -> bool {
        let scene =
            Scene { bounds: self.bounds, tasks: &self.tasks, stopping: self.stopping, launching: true, placeable: usize::MAX };
        let step = next_step(&scene);
        let healthy_before = self.healthy();
        for id in &step.stop {
            let at = self.tasks.iter().position(|task| task.id == *id).expect("only what runs is stopped, and once");
            let task = self.tasks.remove(at);
            assert!(!task.protected || task.health == TaskHealth::Unhealthy, "a protected task was stopped");
            self.stopping += 1;
        }
        if healthy_before >= self.bounds.minimum {
            assert!(self.healthy() >= self.bounds.minimum, "stopped below the minimum");
        } else {
            assert_eq!(self.healthy(), healthy_before, "stopped a healthy task below the minimum");
        }
        for _ in 0..step.start {
            self.clock += 1;
            self.tasks.push(TaskView {
                id: TaskId::random(),
                primary: true,
                health: TaskHealth::Pending,
                protected: false,
                zone: None,
                created_at: Timestamp::from_millis(self.clock),
            });
        }
        if step.start > 0 {
            let all = self.tasks.len() + self.stopping;
            assert!(all <= self.bounds.maximum, "started above the maximum");
        }
        step != Step::default() && !step.stuck
    }

    fn happens(&mut self, event: &Event) {
        let count = self.tasks.len();
        let task = |number: usize| (count > 0).then(|| number % count);
        match event {
            Event::Advances(number) => {
                if let Some(at) = task(*number) {
                    let health = &mut self.tasks[at].health;
                    *health = match *health {
                        TaskHealth::Pending => TaskHealth::Running,
                        _ => TaskHealth::Healthy,
                    };
                }
            }
            Event::Fails(number) => {
                if let Some(at) = task(*number) {
                    self.tasks.remove(at);
                }
            }
            Event::GetsUnhealthy(number) => {
                if let Some(at) = task(*number) {
                    self.tasks[at].health = TaskHealth::Unhealthy;
                }
            }
            Event::IsProtected(number, protected) => {
                if let Some(at) = task(*number) {
                    self.tasks[at].protected = *protected;
                }
            }
            Event::HasStopped => self.stopping = self.stopping.saturating_sub(1),
            Event::Deployment => self.tasks.iter_mut().for_each(|task| task.primary = false),
        }
    }

    /// Lets everything go well for as long as the rollout has something to do.
    fn goes_well(&mut self) {
        self.tasks.iter_mut().for_each(|task| task.protected = false);
        for _ in 0..1000 {
            self.stopping = 0;
            for task in self.tasks.iter_mut().filter(|task| task.health != TaskHealth::Unhealthy) {
                task.health = TaskHealth::Healthy;
            }
            if !self.step() {
                return;
            }
        }
        panic!("the rollout does not come to an end: {self:?}");
    }
}

fn bounds() -> impl Strategy<Value = Bounds> {
    // At least one task can be started or stopped, as CreateService sees to for 100 and 100.
    (0usize..12, 0i32..=100, 100i32..=300)
        .prop_map(|(desired, minimum, maximum)| Bounds::new(desired, minimum, maximum))
        .prop_filter("there is a way", |bounds| {
            bounds.minimum < bounds.desired || bounds.maximum > bounds.desired || bounds.desired == 0
        })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => any::<usize>().prop_map(Event::Advances),
        1 => any::<usize>().prop_map(Event::Fails),
        1 => any::<usize>().prop_map(Event::GetsUnhealthy),
        1 => any::<(usize, bool)>().prop_map(|(number, protected)| Event::IsProtected(number, protected)),
        3 => Just(Event::HasStopped),
        1 => Just(Event::Deployment),
    ];
    prop::collection::vec(event, 0..80)
}

proptest! {
    /// The bounds hold in every step (see [`Model::step`]), and once everything goes well the service has exactly the tasks that it should have,
    /// all of the PRIMARY deployment and healthy.
    #[test]
    fn the_bounds_hold_at_every_instant_and_the_service_gets_what_it_should_have(bounds in bounds(), events in events()) {
        let mut model = Model::new(bounds);
        model.step();
        for event in &events {
            model.happens(event);
            model.step();
        }
        model.goes_well();
        prop_assert_eq!(model.tasks.len(), bounds.desired);
        prop_assert!(model.tasks.iter().all(|task| task.primary && task.health == TaskHealth::Healthy));
    }

    /// Scaling is a rollout without a deployment.
    #[test]
    fn scaling_ends_with_the_desired_count(from in 0usize..12, to in 0usize..12) {
        let mut model = Model::new(Bounds::new(from, 100, 200));
        model.goes_well();
        model.bounds = Bounds::new(to, 100, 200);
        model.goes_well();
        prop_assert_eq!(model.tasks.len(), to);
    }
}

/// "Rounded up to the nearest integer", "rounded down to the nearest integer" (DeploymentConfiguration), with the examples of "Viewing Amazon ECS
/// service event messages".
#[test]
fn the_minimum_is_rounded_up_and_the_maximum_down() {
    let bounds = |desired, minimum, maximum| {
        let Bounds { minimum, maximum, .. } = Bounds::new(desired, minimum, maximum);
        (minimum, maximum)
    };
    assert_eq!(bounds(4, 50, 200), (2, 8));
    assert_eq!(bounds(2, 75, 100), (2, 2));
    assert_eq!(bounds(3, 100, 125), (3, 3));
}

/// "It attempts to maintain balance across the Availability Zones" (UpdateService).
#[test]
fn scale_in_takes_from_the_zone_with_the_most_tasks() {
    let tasks: Vec<_> = ["a", "a", "a", "b"]
        .into_iter()
        .enumerate()
        .map(|(number, zone)| TaskView {
            id: TaskId::random(),
            primary: true,
            health: TaskHealth::Healthy,
            protected: false,
            zone: Some(zone.to_owned()),
            created_at: Timestamp::from_millis(i64::try_from(number).unwrap()),
        })
        .collect();
    let scene = Scene { bounds: Bounds::new(2, 100, 200), tasks: &tasks, stopping: 0, launching: true, placeable: usize::MAX };
    let left: Vec<_> =
        tasks.iter().filter(|task| !next_step(&scene).stop.contains(&task.id)).filter_map(|task| task.zone.as_deref()).collect();
    assert_eq!(left, ["a", "b"]);
}
