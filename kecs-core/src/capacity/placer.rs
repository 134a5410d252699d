//! Finds places for tasks, one after the other.

use std::collections::{BTreeMap, HashMap};

use kecs_model::ApiError;
use kecs_model::ecs::{Failure, LaunchType};
use uuid::Uuid;

use super::candidates::{candidate, of_launch_type, take};
use super::{Capacity, Place, Wish, is_fargate, strategy};
use crate::Scope;
use crate::engine::{ContainerInstanceRecord, World};
use crate::placement::{self, Candidate, NO_CONTAINER_INSTANCES, PlacedTask, PlacementFailure, Reason, Unplaceable};

/// Capabilities of the agent that runs containers.
const CAPABILITIES: [&str; 2] = ["com.amazonaws.ecs.capability.", "ecs.capability."];

/// Places tasks of one kind, and remembers those that it placed: what is full after three of them takes no fourth, though none is launched
/// yet.
#[derive(Debug)]
pub(crate) struct Placer {
    scope: Scope,
    cluster: String,
    capacity: Capacity,
    wish: Wish,
    /// How many tasks each capacity provider has.
    have: HashMap<String, u32>,
    /// The instances for EC2 and those for EXTERNAL tasks.
    candidates: BTreeMap<LaunchType, Vec<Candidate>>,
}

/// Why a task has no place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NotPlaced {
    /// No provider of the strategy may take it.
    NoProvider,
    /// It needs a container instance, and none takes tasks.
    NoInstances,
    /// There are such, and each has its reason.
    Unplaceable(Unplaceable),
}

impl NotPlaced {
    /// The error of RunTask, where the whole request is wrong and not only one instance in the way.
    pub(crate) fn error(&self) -> Option<ApiError> {
        match self {
            Self::NoProvider => {
                let message = "The capacity provider strategy must have at least one provider with a weight.";
                Some(ApiError::invalid_parameter(message))
            }
            Self::NoInstances => Some(ApiError::invalid_parameter(NO_CONTAINER_INSTANCES)),
            Self::Unplaceable(_) => None,
        }
    }

    /// Its reason in a word, and the id of the instance that came closest.
    pub(crate) fn reason(&self) -> (&'static str, Option<String>) {
        match self {
            Self::NoProvider => ("The capacity provider strategy must have at least one provider with a weight.", None),
            Self::NoInstances => (NO_CONTAINER_INSTANCES, None),
            Self::Unplaceable(unplaceable) => unplaceable.closest().map_or((NO_CONTAINER_INSTANCES, None), |closest| {
                (closest.reason.as_str(), Some(closest.container_instance.clone()))
            }),
        }
    }

    /// The service's event.
    pub(crate) fn service_event(&self, service: &str) -> String {
        match self {
            Self::NoProvider => format!(
                "(service {service}) was unable to place a task. Reason: The capacity provider strategy must have at least one provider with a weight."
            ),
            Self::NoInstances => Unplaceable { failures: Vec::new() }.service_event(service),
            Self::Unplaceable(unplaceable) => unplaceable.service_event(service),
        }
    }
}

impl Placer {
    /// A placer for a cluster. `have` counts the tasks that the same request or service already has on each capacity provider.
    pub(crate) fn new(world: &World, cluster: &str, capacity: &Capacity, wish: Wish, have: HashMap<String, u32>) -> Self {
        let candidates = [LaunchType::Ec2, LaunchType::External]
            .into_iter()
            .filter(|launch_type| capacity.may_use(launch_type))
            .map(|launch_type| {
                let found = of_launch_type(world, cluster, &launch_type).map(|instance| ready(world, instance, &wish)).collect();
                (launch_type, found)
            })
            .collect();
        Self { scope: world.scope.clone(), cluster: cluster.to_owned(), capacity: capacity.clone(), wish, have, candidates }
    }

    /// A place for the next task.
    pub(crate) fn place(&mut self) -> Result<Place, NotPlaced> {
        let (launch_type, provider) = match &self.capacity {
            Capacity::LaunchType(launch_type) => (launch_type.clone(), None),
            Capacity::Strategy(strategy) => {
                let provider = strategy::next(strategy, &self.have).ok_or(NotPlaced::NoProvider)?;
                (if is_fargate(&provider) { LaunchType::Fargate } else { LaunchType::Ec2 }, Some(provider))
            }
        };
        let chosen = self.choose(&launch_type)?;
        if let Some(provider) = &provider {
            *self.have.entry(provider.clone()).or_insert(0) += 1;
        }
        Ok(self.placed(launch_type, provider, chosen))
    }

    /// A place on this very instance, for StartTask and DAEMON services.
    pub(crate) fn place_on(&mut self, instance: &ContainerInstanceRecord) -> Result<Place, Reason> {
        let at = self.candidates.iter().find_map(|(launch_type, candidates)| {
            Some((launch_type.clone(), candidates.iter().position(|it| it.id == instance.id)?))
        });
        let (launch_type, index) = at.ok_or(Reason::Inactive)?;
        let candidates = self.candidates.get(&launch_type).expect("found a moment ago");
        placement::check(&self.wish.request, &candidates[index])?;
        Ok(self.placed(launch_type, None, Some(index)))
    }

    /// Whether this instance is one of those that it places tasks on.
    pub(crate) fn has(&self, instance: &ContainerInstanceRecord) -> bool {
        self.candidates.values().flatten().any(|candidate| candidate.id == instance.id)
    }

    /// The failures that RunTask lists where no instance can take the task.
    pub(crate) fn failures(&self, unplaceable: &Unplaceable) -> Vec<Failure> {
        let failure = |PlacementFailure { container_instance, reason }: &PlacementFailure| Failure {
            arn: Some(self.scope.container_instance_arn(&self.cluster, container_instance)),
            reason: Some(reason.as_str().to_owned()),
            detail: None,
        };
        unplaceable.failures.iter().map(failure).collect()
    }

    /// Chooses an instance; `None` is the backend's own host.
    fn choose(&self, launch_type: &LaunchType) -> Result<Option<usize>, NotPlaced> {
        let candidates = self.candidates.get(launch_type).map(Vec::as_slice).unwrap_or_default();
        if candidates.is_empty() {
            let needs_instances = self.wish.constrained && matches!(launch_type, LaunchType::Ec2 | LaunchType::External);
            return if needs_instances { Err(NotPlaced::NoInstances) } else { Ok(None) };
        }
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        match placement::place(&self.wish.request, candidates, seed) {
            Ok(index) => Ok(Some(index)),
            Err(unplaceable) if unplaceable.failures.is_empty() => Err(NotPlaced::NoInstances),
            Err(unplaceable) => Err(NotPlaced::Unplaceable(unplaceable)),
        }
    }

    fn placed(&mut self, launch_type: LaunchType, provider: Option<String>, chosen: Option<usize>) -> Place {
        let instance = match chosen {
            None => None,
            Some(index) => self.candidates.get_mut(&launch_type).and_then(|candidates| candidates.get_mut(index)),
        };
        let mut place = Place {
            launch_type: Some(launch_type),
            capacity_provider: provider,
            container_instance_arn: None,
            availability_zone: Some(format!("{}a", self.scope.region)),
        };
        if let Some(instance) = instance {
            place.container_instance_arn = Some(self.scope.container_instance_arn(&self.cluster, &instance.id));
            if let Some(zone) = instance.attributes.get("ecs.availability-zone") {
                place.availability_zone = Some(zone.clone());
            }
            let task = PlacedTask { group: self.wish.request.group.clone(), is_running: false };
            take(instance, &self.wish.request.needs, task);
        }
        place
    }
}

impl Capacity {
    /// Whether tasks may go to container instances of this launch type.
    pub(super) fn may_use(&self, launch_type: &LaunchType) -> bool {
        match self {
            Self::LaunchType(own) => own == launch_type,
            Self::Strategy(_) => *launch_type == LaunchType::Ec2 && !self.on_fargate(),
        }
    }
}

/// An instance as this task's placement sees it. One whose agent names no capabilities is taken to have all: it is the backend that runs the
/// containers, and it refuses by itself what it cannot do.
fn ready(world: &World, instance: &ContainerInstanceRecord, wish: &Wish) -> Candidate {
    let mut candidate = candidate(world, instance);
    let capability = |name: &str| CAPABILITIES.iter().any(|prefix| name.starts_with(prefix));
    if !candidate.attributes.keys().any(|name| capability(name) && name != super::candidates::EXTERNAL) {
        let required = wish.request.required_attributes.iter().filter(|(name, _)| capability(name));
        let required = required.map(|(name, value)| (name.clone(), value.clone().unwrap_or_default()));
        candidate.attributes.extend(required);
    }
    candidate
}
