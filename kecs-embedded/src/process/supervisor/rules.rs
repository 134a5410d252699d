//! The part of an order that decides what happens when, in the form that [`TaskRun`] reads.

use std::collections::BTreeMap;

use kecs_core::TaskSpec;
use kecs_core::task_run::TaskRun;
use kecs_core::task_spec::{ContainerSpec, Dependency, HealthCheck, HealthCommand, NamespaceMode, NetworkMode, RestartPolicy};

use crate::process::order::{ContainerOrder, TaskOrder};

/// The state machine of the task. What an order does not carry is no part of the rules, and is left neutral.
pub(super) fn task_run(order: &TaskOrder) -> TaskRun {
    TaskRun::new(&TaskSpec {
        task: order.task.clone(),
        arn: order.arn.as_str().into(),
        family: "".into(),
        revision: 0,
        group: "".into(),
        instance: None,
        role: None,
        cpu: None,
        memory: None,
        network_mode: NetworkMode::Host,
        pid_mode: NamespaceMode::Host,
        ipc_mode: NamespaceMode::Host,
        platform: None,
        ephemeral_storage: None,
        volumes: Vec::new(),
        containers: order.containers.iter().map(container).collect(),
        tags: BTreeMap::new(),
    })
}

fn container(order: &ContainerOrder) -> ContainerSpec {
    let ContainerOrder {
        name,
        essential,
        depends_on,
        start_timeout,
        stop_timeout,
        restart,
        health_check,
        bindings: _,
        blocking_output: _,
        program: _,
    } = order;
    ContainerSpec {
        essential: *essential,
        depends_on: depends_on
            .iter()
            .map(|need| Dependency { container: need.container.clone(), condition: need.condition })
            .collect(),
        start_timeout: *start_timeout,
        stop_timeout: *stop_timeout,
        restart: restart.as_ref().map(|policy| RestartPolicy {
            ignored_exit_codes: policy.ignored_exit_codes.clone(),
            attempt_period: policy.attempt_period,
        }),
        health_check: health_check.as_ref().map(|check| HealthCheck {
            command: HealthCommand::Exec(Vec::new()),
            interval: check.interval,
            timeout: check.timeout,
            retries: check.retries,
            start_period: check.start_period,
        }),
        ..ContainerSpec::new(name, "")
    }
}
