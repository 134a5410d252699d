//! The log router of a task: what it reads, and where it listens.

use std::time::Duration;

use bytes::Bytes;
use kecs_core::TaskSpec;
use kecs_core::task_spec::{ContainerSpec, FLUENT_PORT, NetworkMode, RouterInputs};

use crate::plan::LogRouterPlan;

/// The folder of the socket, which is its own on Amazon ECS too. It is a volume: the image's may not be writable.
pub(super) const SOCKET_FOLDER: &str = "/var/run";

/// On which Fluent Bit answers the health check of its container.
const HEALTH_CHECK: u16 = 8877;

/// How long after the end of the last container that logs to it a router is kept, when nobody says that it has everything.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// As the ECS agent has it. In mode `host` that has the socket only, which cannot be reached from outside of the pod: so it is loopback as well there.
fn inputs(mode: NetworkMode) -> RouterInputs {
    let address = if mode == NetworkMode::Bridge { "0.0.0.0" } else { "127.0.0.1" };
    RouterInputs {
        socket: Some(format!("{SOCKET_FOLDER}/fluent.sock")),
        tcp: Some((address.to_owned(), FLUENT_PORT)),
        health_check: (mode != NetworkMode::Host).then_some(HEALTH_CHECK),
    }
}

/// The files of a container that is a log router, by their paths.
pub(crate) fn files(container: &ContainerSpec, mode: NetworkMode) -> Vec<(String, Bytes)> {
    container.log_router.as_ref().map_or_else(Vec::new, |router| router.files(&inputs(mode)))
}

/// Who logs to whom.
pub(super) fn plan(spec: &TaskSpec) -> Option<LogRouterPlan> {
    let (container, router) = spec.containers.iter().find_map(|container| Some((container, container.log_router.as_ref()?)))?;
    let senders = router.routes.iter().map(|route| route.container.clone()).filter(|sender| *sender != container.name);
    Some(LogRouterPlan { container: container.name.clone(), senders: senders.collect() })
}
