//! Launches a service's tasks, and stops them.

use std::collections::HashMap;

use kecs_model::ApiError;
use kecs_model::ecs::{
    CapacityProviderStrategyItem, LaunchType, NetworkConfiguration, PropagateTags, ServiceVolumeConfiguration, Tag, TaskOverride,
    TaskStopCode,
};

use super::actions::Action;
use super::counts;
use super::daemon::{self, Homes};
use crate::capacity::{self, Capacity, NotPlaced, Place, Placer, Preferences, Wish};
use crate::engine::{Owner, ServiceRecord, TaskDefinitionRecord, Tx, World};
use crate::managed_volume;
use crate::placement::Strategy;
use crate::task_life::{self, Launch, Stop};
use crate::{TaskId, TaskRef};

/// What the tasks of a deployment or a task set have in common, and where they may go.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// `ecs-svc/<n>` of the deployment or task set.
    owner: String,
    launch: Launch,
    capacity: Capacity,
}

/// The parts of a service revision, or of a task set, that tasks are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Workload<'a> {
    pub(super) task_definition: Option<&'a str>,
    pub(super) launch_type: Option<&'a LaunchType>,
    pub(super) strategy: Option<&'a [CapacityProviderStrategyItem]>,
    pub(super) platform_version: Option<&'a str>,
    pub(super) network: Option<&'a NetworkConfiguration>,
    pub(super) volumes: Option<&'a [ServiceVolumeConfiguration]>,
}

/// Why a task was not launched.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// As the service's event tells it.
    pub(super) message: String,
    /// As EventBridge is told it.
    pub(super) action: Action,
}

impl Refusal {
    /// No task can be made of what the service says.
    pub(super) fn configuration(reason: impl Into<String>) -> Self {
        let message = reason.into();
        Self { action: Action::TaskConfigurationFailure(message.clone()), message }
    }

    /// There is no place.
    pub(super) fn place(service: &str, why: &NotPlaced, capacity_providers: Vec<String>) -> Self {
        let (reason, container_instance) = why.reason();
        let action = Action::TaskPlacementFailure { reason: reason.to_owned(), container_instance, capacity_providers };
        Self { message: why.service_event(service), action }
    }
}

impl Template {
    /// The template of a deployment or task set; the error says why no task can be made of it.
    pub(super) fn new(world: &World, service: &ServiceRecord, owner: String, workload: Workload<'_>) -> Result<Self, Refusal> {
        let named = workload.task_definition.unwrap_or_default();
        let definition = world.task_definitions.find(&world.scope, named).cloned();
        let definition = definition.ok_or_else(|| Refusal::configuration("The task definition does not exist."))?;
        let capacity = match (workload.strategy.filter(|strategy| !strategy.is_empty()), workload.launch_type) {
            (Some(strategy), _) => Capacity::Strategy(strategy.to_vec()),
            (None, launch_type) => Capacity::LaunchType(launch_type.cloned().unwrap_or(LaunchType::Ec2)),
        };
        let platform_version = capacity::platform_version(&capacity, workload.platform_version)
            .map_err(|error| Refusal::configuration(error.message()))?;
        let volume = managed_volume::of_service(&definition.definition, workload.volumes);
        let launch = Launch {
            volume: volume.map_err(|error| Refusal::configuration(error.message()))?,
            overrides: TaskOverride::default(),
            group: format!("service:{}", service.name),
            started_by: Some(owner.clone()),
            owner: Owner::Service { service: service.name.clone(), deployment: owner.clone() },
            platform_version,
            network: workload.network.cloned(),
            enable_execute_command: service.service.enable_execute_command == Some(true),
            tags: tags(service, &definition),
            client_token: None,
            definition,
        };
        Ok(Self { owner, launch, capacity })
    }
}

/// Tags from where `propagateTags` says, and those that ECS manages ("Tagging your Amazon ECS resources").
fn tags(service: &ServiceRecord, definition: &TaskDefinitionRecord) -> Vec<Tag> {
    let mut tags = match service.service.propagate_tags {
        Some(PropagateTags::Service) => service.tags.clone(),
        Some(PropagateTags::TaskDefinition) => definition.tags.clone(),
        _ => Vec::new(),
    };
    if service.service.enable_ecs_managed_tags == Some(true) {
        let managed = |key: &str, value: &str| Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) };
        tags.push(managed("aws:ecs:clusterName", &service.cluster));
        tags.push(managed("aws:ecs:serviceName", &service.name));
    }
    tags
}

/// Finds places for tasks of a template, and says why when there are fewer than asked for.
pub(super) fn place(world: &World, service: &ServiceRecord, template: &Template, count: usize) -> (Vec<Place>, Option<Refusal>) {
    let mut have: HashMap<String, u32> = HashMap::new();
    if matches!(template.capacity, Capacity::Strategy(_)) {
        for task in counts::wanted(world, &service.cluster, &service.name) {
            if let Some(provider) = task.task.capacity_provider_name.as_ref().filter(|_| task.launched_by(&template.owner)) {
                *have.entry(provider.clone()).or_default() += 1;
            }
        }
    }
    let wish = match wish(service, template) {
        Ok(wish) => wish,
        Err(error) => return (Vec::new(), Some(Refusal::configuration(error.message()))),
    };
    let homes = service.daemon().then(|| Homes::of(world, &service.cluster, &template.capacity, &wish));
    let mut placer = Placer::new(world, &service.cluster, &template.capacity, wish, have);
    if let Some(Homes::Instances(homes)) = homes {
        return daemon::place(world, service, &template.owner, &homes, &mut placer, count);
    }
    let mut places = Vec::new();
    for _ in 0..count {
        match placer.place() {
            Ok(place) => places.push(place),
            Err(not_placed) => {
                let providers = match &template.capacity {
                    Capacity::Strategy(strategy) => strategy.iter().filter_map(|item| item.capacity_provider.clone()).collect(),
                    Capacity::LaunchType(_) => Vec::new(),
                };
                return (places, Some(Refusal::place(&service.name, &not_placed, providers)));
            }
        }
    }
    (places, None)
}

/// Where a DAEMON service is to have the tasks of a template.
pub(super) fn homes(world: &World, service: &ServiceRecord, template: &Template) -> Result<Homes, ApiError> {
    Ok(Homes::of(world, &service.cluster, &template.capacity, &wish(service, template)?))
}

/// What the service's tasks want of their places. "If no strategy is specified", tasks are spread over Availability Zones.
fn wish(service: &ServiceRecord, template: &Template) -> Result<Wish, ApiError> {
    let wire = &service.service;
    let (constraints, strategies) = (wire.placement_constraints.as_deref(), wire.placement_strategy.as_deref());
    let preferences = Preferences::new(None, constraints, strategies, Strategy::SERVICE_DEFAULT)?;
    let Launch { definition, overrides, group, .. } = &template.launch;
    Wish::new(&definition.definition, overrides, group, &preferences)
}

/// Launches one task for each place.
pub(super) fn launch(
    world: &mut World,
    tx: &mut Tx,
    service: &ServiceRecord,
    template: &Template,
    places: Vec<Place>,
) -> Vec<TaskId> {
    let places = places.into_iter();
    places.map(|place| task_life::launch(world, tx, &service.cluster, &template.launch, place).id).collect()
}

/// Stops tasks, with ECS's code for what its scheduler does.
pub(super) fn stop(world: &mut World, tx: &mut Tx, cluster: &str, tasks: &[TaskId], reason: &str) {
    for id in tasks {
        let task = TaskRef { cluster: world.cluster_ref(cluster), id: *id };
        let stop = Stop { code: TaskStopCode::ServiceSchedulerInitiated, reason: reason.to_owned() };
        task_life::stop(world, tx, &task, stop);
    }
}
