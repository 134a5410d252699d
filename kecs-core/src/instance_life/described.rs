//! A container instance as clients see it.

use kecs_model::ecs::{ContainerInstance, Resource};

use crate::capacity::{candidate, tasks_on};
use crate::engine::{ContainerInstanceRecord, World};

/// An instance as clients see it, with its counts and what is left of it.
pub(crate) fn described(world: &World, record: &ContainerInstanceRecord, tags: bool) -> ContainerInstance {
    let mut instance = record.instance.clone();
    instance.status = Some(record.state.as_str().to_owned());
    let (mut running, mut pending) = (0, 0);
    for task in tasks_on(world, record) {
        match task.last_status() {
            "PROVISIONING" | "PENDING" | "ACTIVATING" => pending += 1,
            // "that have a desired status … of RUNNING" (runningTasksCount).
            _ if task.wanted() => running += 1,
            _ => {}
        }
    }
    instance.running_tasks_count = Some(running);
    instance.pending_tasks_count = Some(pending);
    instance.remaining_resources = Some(remaining(world, record));
    instance.attachments = Some(Vec::new());
    instance.tags = Some(if tags { record.tags.clone() } else { Vec::new() });
    instance
}

/// "For port resource types, this parameter describes the ports that were reserved by Amazon ECS container agent … and any containers that
/// have reserved ports" (ContainerInstance, remainingResources): the list of ports grows where numbers shrink.
fn remaining(world: &World, record: &ContainerInstanceRecord) -> Vec<Resource> {
    let left = candidate(world, record);
    let registered = record.instance.registered_resources.iter().flatten().cloned();
    registered
        .map(|mut resource| {
            match resource.name.as_deref() {
                Some("CPU") => set_number(&mut resource, left.free.cpu),
                Some("MEMORY") => set_number(&mut resource, left.free.memory),
                Some("PORTS") => resource.string_set_value = Some(left.reserved_ports.iter().map(u16::to_string).collect()),
                Some("PORTS_UDP") => resource.string_set_value = Some(left.reserved_ports_udp.iter().map(u16::to_string).collect()),
                Some("GPU") => {
                    let free = usize::try_from(left.free.gpu).unwrap_or(usize::MAX);
                    if let Some(ids) = &mut resource.string_set_value {
                        ids.truncate(free);
                    }
                }
                _ => {}
            }
            resource
        })
        .collect()
}

fn set_number(resource: &mut Resource, value: u64) {
    match resource.r#type.as_deref() {
        Some("LONG") => resource.long_value = i64::try_from(value).ok(),
        #[expect(clippy::cast_precision_loss, reason = "CPU units and MiB are far below 2^52")]
        Some("DOUBLE") => resource.double_value = Some(value as f64),
        _ => resource.integer_value = i32::try_from(value).ok(),
    }
}
