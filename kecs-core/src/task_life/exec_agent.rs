//! The agent of ECS Exec in each container, as clients see it: "Verify that … the status of the ExecuteCommandAgent is RUNNING" ("Using Amazon ECS
//! Exec to debug"). There is no agent here, so that it runs as soon as its container does.

use kecs_model::Timestamp;
use kecs_model::ecs::{Container, ManagedAgent, ManagedAgentName};

/// Its name.
pub(crate) const EXEC_AGENT: ManagedAgentName = ManagedAgentName::ExecuteCommandAgent;

/// As it is before its container runs.
pub(super) fn pending() -> Vec<ManagedAgent> {
    let status = Some("PENDING".to_owned());
    vec![ManagedAgent { name: Some(EXEC_AGENT), last_status: status, ..ManagedAgent::default() }]
}

/// Brings it up to its container.
pub(super) fn follow(container: &mut Container, now: Timestamp) {
    let status = container.last_status.clone();
    for agent in container.managed_agents.iter_mut().flatten() {
        if status.as_deref() == Some("RUNNING") && agent.last_status.as_deref() != Some("RUNNING") {
            agent.last_started_at = Some(now);
        }
        agent.last_status.clone_from(&status);
    }
}

/// Its container does not run any more.
pub(super) fn stop(container: &mut Container) {
    for agent in container.managed_agents.iter_mut().flatten() {
        agent.last_status = Some("STOPPED".to_owned());
    }
}
