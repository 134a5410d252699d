//! A task, field by field as the agent has it.

use std::collections::BTreeMap;

use kecs_model::Timestamp;
use kecs_model::ecs::LaunchType;
use serde::Serialize;

use super::container::{self, Container};
use super::{View, known_status};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task<'a> {
    cluster: String,
    #[serde(rename = "TaskARN")]
    task_arn: &'a str,
    family: &'a str,
    revision: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<&'a str>,
    desired_status: &'a str,
    known_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    launch_type: Option<&'a str>,
    containers: Vec<Container<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_tags: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_injection_enabled: Option<bool>,
}

/// "The resource limits specified at the task levels such as CPU (expressed in vCPUs) and memory. This parameter is omitted if no resource limits
/// are defined."
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Limits {
    #[serde(rename = "CPU", skip_serializing_if = "Option::is_none")]
    cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u32>,
}

pub(super) fn shown<'a>(view: &'a View<'a>, tags: bool) -> Task<'a> {
    let task = view.task.task();
    let (family, revision) = view.definition();
    let stamp = |stamp: Option<Timestamp>| stamp.map(|stamp| stamp.to_string());
    let faults = view.task.definition().and_then(|definition| definition.enable_fault_injection);
    Task {
        cluster: view.cluster(),
        task_arn: task.task_arn.as_deref().unwrap_or_default(),
        family,
        revision,
        service_name: view.v4(view.task.service()),
        desired_status: task.desired_status.as_deref().unwrap_or_default(),
        known_status: known_status(task.last_status.as_deref()),
        limits: limits(task),
        pull_started_at: stamp(task.pull_started_at),
        pull_stopped_at: stamp(task.pull_stopped_at),
        execution_stopped_at: stamp(task.execution_stopped_at),
        availability_zone: task.availability_zone.as_deref(),
        launch_type: view.v4(task.launch_type.as_ref().map(LaunchType::as_str)),
        containers: task.containers.iter().flatten().map(|container| container::shown(view, container)).collect(),
        task_tags: tags.then(|| {
            let tags = view.task.tags().iter();
            tags.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default()))).collect()
        }),
        fault_injection_enabled: view.v4(Some(faults == Some(true))),
    }
}

fn limits(task: &kecs_model::ecs::Task) -> Option<Limits> {
    let size = |text: Option<&String>| text?.parse::<u32>().ok().filter(|size| *size > 0);
    let (cpu, memory) = (size(task.cpu.as_ref()), size(task.memory.as_ref()));
    (cpu.is_some() || memory.is_some()).then(|| Limits { cpu: cpu.map(|units| f64::from(units) / 1024.0), memory })
}
