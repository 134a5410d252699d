//! Container instances that are hosts of the backend's: registered, followed and deregistered as the backend tells.

use kecs_model::ecs::{Attribute, ContainerInstance, Resource, VersionInfo};

use super::{InstanceState, changed, deregister, wake_services};
use crate::HostInstance;
use crate::engine::{ContainerInstanceRecord, Effect, HostRef, Tx, World};

/// The ports that no task gets, which agents of Linux register: SSH, Docker's and their own ("Amazon ECS container agent configuration",
/// `ECS_RESERVED_PORTS`).
const RESERVED_PORTS: [&str; 5] = ["22", "2375", "2376", "51678", "51679"];

/// A host is as it is now. Nothing happens where its cluster is not there, where somebody deregistered it, or where all is known.
pub(crate) fn observed(world: &mut World, tx: &mut Tx, host: &HostInstance) {
    let cluster = &*host.cluster.name;
    if world.active_cluster(Some(cluster)).is_err() {
        return;
    }
    let Some(known) = world.instance(cluster, &host.id).cloned() else {
        let record = changed(world, tx, first(world, tx, host));
        wake_services(world, tx, &record);
        return;
    };
    // "This instance is no longer available to run tasks": whoever deregistered it meant it.
    if known.state == InstanceState::Inactive {
        return;
    }
    if (known.state == InstanceState::Draining) != host.drained {
        tx.then(Effect::DrainHost(HostRef { cluster: host.cluster.clone(), id: host.id.clone() }));
    }
    let mut record = ContainerInstanceRecord::clone(&known);
    describe(&mut record, host);
    if record.instance != known.instance {
        let record = changed(world, tx, record);
        wake_services(world, tx, &record);
    }
}

/// A host is no more. "If you terminate a running container instance …, Amazon ECS automatically deregisters the container instance"
/// (DeregisterContainerInstance). What becomes of its tasks their own watch tells.
pub(crate) fn gone(world: &mut World, tx: &mut Tx, cluster: &str, id: &str) {
    if let Some(record) = world.instance(cluster, id).filter(|record| record.hosted).cloned() {
        // `None`: it was deregistered before.
        let _ = deregister(world, tx, &record);
    }
}

fn first(world: &World, tx: &Tx, host: &HostInstance) -> ContainerInstanceRecord {
    let HostInstance { cluster, id, .. } = host;
    let instance = ContainerInstance {
        container_instance_arn: Some(world.scope.container_instance_arn(&cluster.name, id)),
        registered_at: Some(tx.now),
        ..ContainerInstance::default()
    };
    let mut record = ContainerInstanceRecord {
        cluster: cluster.name.to_string(),
        id: id.clone(),
        // One that was drained before it was known here, such as by a KECS whose state is lost, stays so.
        state: if host.drained { InstanceState::Draining } else { InstanceState::Active },
        instance,
        hosted: true,
        custom_attributes: Vec::new(),
        tags: Vec::new(),
        forget_at: None,
    };
    describe(&mut record, host);
    record
}

/// What the host tells of itself; what users added stays.
fn describe(record: &mut ContainerInstanceRecord, host: &HostInstance) {
    let HostInstance {
        cluster: _,
        id: _,
        name,
        cpu,
        memory,
        gpus,
        attributes,
        agent_version,
        runtime_version,
        available,
        drained: _,
    } = host;
    let custom = |attribute: &&Attribute| attribute.name.as_ref().is_some_and(|name| record.custom_attributes.contains(name));
    let mut all: Vec<Attribute> = record.attributes().filter(custom).cloned().collect();
    for (name, value) in attributes {
        if !all.iter().any(|other| other.name.as_ref() == Some(name)) {
            let value = Some(value.clone()).filter(|value| !value.is_empty());
            all.push(Attribute { name: Some(name.clone()), value, ..Attribute::default() });
        }
    }
    let instance = &mut record.instance;
    instance.ec2_instance_id = Some(name.clone());
    instance.agent_connected = Some(*available);
    instance.attributes = Some(all);
    instance.registered_resources = Some(resources(*cpu, *memory, gpus));
    let version = |version: &Option<String>| version.clone();
    instance.version_info = Some(VersionInfo {
        agent_version: version(agent_version),
        docker_version: version(runtime_version),
        ..VersionInfo::default()
    });
}

fn resources(cpu: u32, memory: u32, gpus: &[String]) -> Vec<Resource> {
    let number = |name: &str, value: u32| Resource {
        name: Some(name.to_owned()),
        r#type: Some("INTEGER".to_owned()),
        integer_value: Some(i32::try_from(value).unwrap_or(i32::MAX)),
        ..Resource::default()
    };
    let set = |name: &str, values: Vec<String>| Resource {
        name: Some(name.to_owned()),
        r#type: Some("STRINGSET".to_owned()),
        string_set_value: Some(values),
        ..Resource::default()
    };
    let reserved = RESERVED_PORTS.iter().map(|&port| port.to_owned()).collect();
    let mut resources = vec![number("CPU", cpu), number("MEMORY", memory), set("PORTS", reserved), set("PORTS_UDP", Vec::new())];
    if !gpus.is_empty() {
        resources.push(set("GPU", gpus.to_vec()));
    }
    resources
}
