//! `remainingResources`: what the tasks on an instance leave of it.

use kecs_model::ecs::Resource;

use crate::capacity::candidate;
use crate::engine::{ContainerInstanceRecord, World};

/// "For port resource types, this parameter describes the ports that were reserved by Amazon ECS container agent … and any containers that
/// have reserved ports" (ContainerInstance, remainingResources): the list of ports grows where numbers shrink.
pub(super) fn remaining(world: &World, record: &ContainerInstanceRecord) -> Vec<Resource> {
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
