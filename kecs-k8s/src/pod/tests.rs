//! What becomes of each field. Expected values follow the Kubernetes API reference (Pod v1) and the ECS API reference.

mod containers;
mod environment;
mod fields;
mod identity;
mod log_router;
mod network;
mod resources;
mod security;
mod sidecar;
mod task;
mod volumes;
mod whole;

use kecs_core::testing::{ContainerBuilder, spec};
use kecs_core::{BackendError, TaskSpec};
use serde_json::Value;

use super::{Abilities, Manifest, manifest};
use crate::config::KubernetesConfig;
use crate::roles::Account;

/// The newest of everything.
const ALL: Abilities = Abilities { pod_resources: true, container_restarts: true };

fn try_with(spec: &TaskSpec, config: &KubernetesConfig) -> Result<Manifest, BackendError> {
    let mut next = 32767;
    let mut choose = |_| {
        next += 1;
        Some(next)
    };
    let account = spec.role.clone().map(Account::new);
    manifest(spec, config, ALL, account.as_ref(), None, &mut choose)
}

fn made(spec: &TaskSpec) -> Manifest {
    try_with(spec, &KubernetesConfig::default()).expect("the task can run")
}

/// The pod's specification.
fn pod_of(spec: &TaskSpec) -> Value {
    serde_json::to_value(&made(spec).pod).expect("a pod has a JSON form")["spec"].take()
}

/// The pod's first container, of a task of one.
fn part_of(container: ContainerBuilder) -> Value {
    pod_of(&spec([container]))["containers"][0].take()
}

/// Why a task does not run.
fn refusal(spec: &TaskSpec) -> String {
    try_with(spec, &KubernetesConfig::default()).expect_err("the task cannot run").to_string()
}
