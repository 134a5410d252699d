//! `statistics` of a cluster: its counts by launch type.

use kecs_model::ecs::KeyValuePair;

use super::pair;
use crate::engine::{ClusterRecord, World};

/// The names that AWS has for the launch types, and the launch types.
const EC2: (&str, &str) = ("EC2", "EC2");
const FARGATE: (&str, &str) = ("Fargate", "FARGATE");
const EXTERNAL: (&str, &str) = ("External", "EXTERNAL");
const MANAGED_INSTANCES: (&str, &str) = ("ManagedInstances", "MANAGED_INSTANCES");

/// All of them, in the order in which AWS has them.
pub(super) fn of(world: &World, cluster: &ClusterRecord) -> Vec<KeyValuePair> {
    let tasks = |launch: (&str, &str)| world.tasks.counts(&cluster.name, Some(launch.1));
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
            add(status, launch, "Service", 0);
        }
    }
    for launch in [EXTERNAL, MANAGED_INSTANCES] {
        for status in ["active", "draining"] {
            add(status, launch, "Service", 0);
        }
    }
    all
}
