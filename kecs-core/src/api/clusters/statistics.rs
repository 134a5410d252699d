//! `statistics` of a cluster: its counts by launch type.

use std::sync::Arc;

use kecs_model::ecs::KeyValuePair;

use super::pair;
use crate::capacity::is_fargate;
use crate::engine::{ClusterRecord, ServiceRecord, World, service_key};

/// The names that AWS has for the launch types, and the launch types.
const EC2: (&str, &str) = ("EC2", "EC2");
const FARGATE: (&str, &str) = ("Fargate", "FARGATE");
const EXTERNAL: (&str, &str) = ("External", "EXTERNAL");
const MANAGED_INSTANCES: (&str, &str) = ("ManagedInstances", "MANAGED_INSTANCES");

/// All of them, in the order in which AWS has them.
pub(super) fn of(world: &World, cluster: &ClusterRecord) -> Vec<KeyValuePair> {
    let tasks = |launch: (&str, &str)| world.tasks.counts(&cluster.name, Some(launch.1));
    let prefix = service_key(&cluster.name, "");
    let services = |launch: (&str, &str), status: &str| {
        let of = |service: &&Arc<ServiceRecord>| {
            launch_type(service) == launch.1 && if status == "active" { service.active() } else { service.draining() }
        };
        i32::try_from(world.services.of(&prefix, None).filter(of).count()).unwrap_or(i32::MAX)
    };
    let mut all = Vec::new();
    let mut add = |count: &str, name: (&str, &str), of: &str, value: i32| {
        all.push(pair(&format!("{count}{}{of}Count", name.0), value.to_string()));
    };
    for launch in [EC2, FARGATE] {
        add("running", launch, "Tasks", tasks(launch).running);
    }
    for launch in [EC2, FARGATE] {
        add("pending", launch, "Tasks", tasks(launch).pending);
    }
    for launch in [EXTERNAL, MANAGED_INSTANCES] {
        add("running", launch, "Tasks", tasks(launch).running);
        add("pending", launch, "Tasks", tasks(launch).pending);
    }
    for status in ["active", "draining"] {
        for launch in [EC2, FARGATE] {
            add(status, launch, "Service", services(launch, status));
        }
    }
    for launch in [EXTERNAL, MANAGED_INSTANCES] {
        for status in ["active", "draining"] {
            add(status, launch, "Service", services(launch, status));
        }
    }
    all
}

/// The launch type of a service, or of the providers of its strategy.
fn launch_type(service: &ServiceRecord) -> &str {
    let wire = &service.service;
    let strategy = wire.capacity_provider_strategy.as_deref().unwrap_or_default();
    let fargate = |name: Option<&str>| name.is_some_and(is_fargate);
    match &wire.launch_type {
        Some(launch_type) => launch_type.as_str(),
        None if strategy.iter().any(|item| fargate(item.capacity_provider.as_deref())) => FARGATE.1,
        None => EC2.1,
    }
}
