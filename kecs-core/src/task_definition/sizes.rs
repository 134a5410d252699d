//! CPU and memory: of the task, of its containers, and together.

use kecs_model::ApiError;
use kecs_model::ecs::ContainerDefinition;

use super::{Subject, name, refuse};
use crate::resolve::{cpu_units, memory_mib};

/// "Supported values are between 128 CPU units (0.125 vCPUs) and 196608 CPU units (192 vCPUs)" on EC2 (RegisterTaskDefinition).
const CPU_UNITS: std::ops::RangeInclusive<u32> = 128..=196_608;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let task_cpu = task_cpu(subject)?;
    let task_memory = task_memory(subject)?;
    for container in subject.containers {
        check_container(container, task_memory)?;
    }
    let sum =
        |size: fn(&ContainerDefinition) -> Option<i32>| -> i64 { subject.containers.iter().filter_map(size).map(i64::from).sum() };
    if task_cpu.is_some_and(|task| sum(|container| container.cpu) > i64::from(task)) {
        return refuse("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.");
    }
    // "The total amount of memory reserved for all containers within a task must be lower than the task memory value": what a container
    // reserves is its memoryReservation where it has one, else its memory.
    if task_memory.is_some_and(|task| sum(|container| container.memory_reservation.or(container.memory)) > i64::from(task)) {
        // Our wording, after that for cpu.
        return refuse("The sum of all container 'memory' values cannot be greater than the value of the task 'memory'.");
    }
    Ok(())
}

/// The task's CPU units.
pub(super) fn task_cpu(subject: &Subject<'_>) -> Result<Option<u32>, ApiError> {
    let Some(text) = given(subject.input.cpu.as_ref()) else { return Ok(None) };
    match cpu_units(text).filter(|units| CPU_UNITS.contains(units)) {
        Some(units) => Ok(Some(units)),
        None => refuse(invalid("cpu")),
    }
}

/// The task's memory in MiB.
pub(super) fn task_memory(subject: &Subject<'_>) -> Result<Option<u32>, ApiError> {
    let Some(text) = given(subject.input.memory.as_ref()) else { return Ok(None) };
    match memory_mib(text).filter(|mib| *mib > 0) {
        Some(mib) => Ok(Some(mib)),
        None => refuse(invalid("memory")),
    }
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn invalid(what: &str) -> String {
    format!(
        "Invalid '{what}' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    )
}

fn check_container(container: &ContainerDefinition, task_memory: Option<u32>) -> Result<(), ApiError> {
    let name = name(container);
    let ContainerDefinition { cpu, memory, memory_reservation, .. } = container;
    for (what, value, least) in [("cpu", cpu, 0), ("memory", memory, 1), ("memoryReservation", memory_reservation, 1)] {
        if value.is_some_and(|value| value < least) {
            return refuse(format!("Invalid '{what}' setting for container '{name}'."));
        }
    }
    if task_memory.is_none() && memory.is_none() && memory_reservation.is_none() {
        return refuse(format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
        ));
    }
    if let (Some(memory), Some(reservation)) = (memory, memory_reservation)
        && memory < reservation
    {
        return refuse(format!(
            "Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
        ));
    }
    for (what, value) in [("memory", memory), ("memoryReservation", memory_reservation)] {
        if let (Some(value), Some(task)) = (value, task_memory)
            && i64::from(*value) > i64::from(task)
        {
            return refuse(format!("The '{what}' setting for container '{name}' is greater than for the task."));
        }
    }
    Ok(())
}
