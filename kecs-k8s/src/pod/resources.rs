//! CPU, memory, GPUs and scratch space.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::Context;

type Quantities = BTreeMap<String, Quantity>;

fn quantity(text: String) -> Quantity {
    Quantity(text)
}

/// ECS's CPU units are 1/1024 of a processor, Kubernetes' 1/1000.
fn processors(units: u32) -> Quantity {
    quantity(format!("{}m", (u64::from(units) * 1000).div_ceil(1024)))
}

fn mebibytes(amount: u32) -> Quantity {
    quantity(format!("{amount}Mi"))
}

fn requirements(requests: Quantities, limits: Quantities) -> Option<ResourceRequirements> {
    let some = |quantities: Quantities| Some(quantities).filter(|quantities| !quantities.is_empty());
    let (requests, limits) = (some(requests), some(limits));
    (requests.is_some() || limits.is_some()).then_some(ResourceRequirements { claims: None, limits, requests })
}

/// `cpu` is reserved and a share, never a limit, as on ECS; `memory` is a limit; `memoryReservation`, or else `memory`, is reserved.
pub(super) fn of_container(
    cpu: u32,
    memory: Option<u32>,
    reservation: Option<u32>,
    gpus: u32,
    gpu_resource: &str,
) -> Option<ResourceRequirements> {
    let (mut requests, mut limits) = (Quantities::new(), Quantities::new());
    if cpu > 0 {
        requests.insert("cpu".to_owned(), processors(cpu));
    }
    if let Some(reserved) = reservation.or(memory) {
        requests.insert("memory".to_owned(), mebibytes(reserved));
    }
    if let Some(memory) = memory {
        limits.insert("memory".to_owned(), mebibytes(memory));
    }
    if gpus > 0 {
        limits.insert(gpu_resource.to_owned(), quantity(gpus.to_string()));
    }
    requirements(requests, limits)
}

/// The task's CPU and memory are reserved and limits, as on ECS.
pub(super) fn of_task(cpu: Option<u32>, memory: Option<u32>) -> Option<ResourceRequirements> {
    let mut both = Quantities::new();
    both.extend(cpu.map(|cpu| ("cpu".to_owned(), processors(cpu))));
    both.extend(memory.map(|memory| ("memory".to_owned(), mebibytes(memory))));
    requirements(both.clone(), both)
}

/// Where a pod cannot be limited as a whole, a container that is the task's only one is.
pub(super) fn of_task_in_containers(context: &Context<'_>, containers: &mut [Container]) {
    let ([container], false) = (containers, context.abilities.pod_resources) else { return };
    let Some(task) = of_task(context.spec.cpu, context.spec.memory) else { return };
    let resources = container.resources.get_or_insert_default();
    let fill = |own: &mut Option<Quantities>, task: Option<Quantities>| {
        let own = own.get_or_insert_default();
        for (name, quantity) in task.into_iter().flatten() {
            own.entry(name).or_insert(quantity);
        }
    };
    fill(&mut resources.requests, task.requests);
    fill(&mut resources.limits, task.limits);
}

/// Kubernetes knows scratch space of containers only: the first one asks for the task's.
pub(super) fn scratch(gib: u32, containers: &mut [Container]) {
    if let Some(container) = containers.first_mut() {
        let resources = container.resources.get_or_insert_default();
        resources.requests.get_or_insert_default().insert("ephemeral-storage".to_owned(), quantity(format!("{gib}Gi")));
    }
}
