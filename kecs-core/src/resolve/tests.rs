//! From definitions and overrides to what a backend gets. Defaults are those of the API reference (ContainerDefinition, TaskDefinition).

#![allow(clippy::needless_pass_by_value, reason = "literals of JSON read better by value")]

mod agent;
mod container;
mod files;
mod firelens;
mod secrets;
mod task;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ResolveError, ResolveInput, resolve};
use crate::task_spec::ContainerSpec;
use crate::{SecretSource, TaskServices, TaskSpec};

const TASK: &str = "0123456789abcdef0123456789abcdef";

/// A task of this definition, with these members of its own.
fn input(definition: Value, task: Value) -> ResolveInput {
    let record = json!({
        "id": TASK,
        "cluster": { "scope": { "account": "000000000000", "region": "us-east-1" }, "name": "default" },
        "task": task,
        "tags": [{ "key": "team", "value": "blue" }],
    });
    let definition = json!({ "family": "app", "revision": 7, "definition": definition });
    ResolveInput {
        record: Arc::new(serde_json::from_value(record).unwrap()),
        definition: Arc::new(serde_json::from_value(definition).unwrap()),
    }
}

async fn resolved(definition: Value, task: Value) -> TaskSpec {
    resolve(&input(definition, task), &TaskServices::default(), None).await.unwrap()
}

/// One container of a definition, and what its task overrides of it.
async fn container_with(
    container: Value,
    change: Value,
    mode: &str,
    sources: &[Arc<dyn SecretSource>],
) -> Result<ContainerSpec, ResolveError> {
    let definition = json!({ "networkMode": mode, "containerDefinitions": [container] });
    let task = json!({ "overrides": { "containerOverrides": [change] } });
    let services = TaskServices { secrets: sources.to_vec(), ..TaskServices::default() };
    Ok(resolve(&input(definition, task), &services, None).await?.containers.remove(0))
}

async fn container(container: Value) -> ContainerSpec {
    container_with(container, json!({ "name": "web" }), "bridge", &[]).await.unwrap()
}

fn environment(spec: &ContainerSpec) -> Vec<(&str, &str)> {
    spec.environment.iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
}
