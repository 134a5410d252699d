//! The way to the log router of a task: its port, forwarded through the API server, since it listens on the pod's loopback.

use kecs_core::task_spec::FLUENT_PORT;
use kecs_core::{BackendError, ContainerState, ErrorKind, LogRouterConnection, TaskPhase, TaskRef};

use super::{KubernetesTaskManager, answer};
use crate::error::backend_error;
use crate::names;

const CONNECTING: &str = "cannot connect to the log router";

impl KubernetesTaskManager {
    pub(super) async fn connect_router(&self, task: &TaskRef) -> Result<LogRouterConnection, BackendError> {
        let not_found = |what: &str| BackendError::new(ErrorKind::NotFound, what);
        let seen = self.index.get(task).ok_or_else(|| not_found("the task is not known"))?;
        let router = self.index.with(task.id, |entry| entry.plan().log_router.as_ref().map(|router| router.container.clone()));
        let router = router.flatten().ok_or_else(|| not_found("the task has no log router"))?;
        let state = seen.containers.iter().find(|container| container.name == router).map(|container| &container.state);
        match state {
            _ if seen.phase == TaskPhase::Stopped => return Err(not_found("the task has ended")),
            Some(ContainerState::Exited { .. }) => return Err(not_found("the log router has ended")),
            Some(ContainerState::Running) => {}
            _ => return Err(BackendError::new(ErrorKind::Unavailable, "the log router does not run yet")),
        }
        let (pods, pod) = (self.pods(&task.cluster), names::pod(task.id));
        let forwarding = answer(CONNECTING, pods.portforward(&pod, &[FLUENT_PORT])).await?;
        let mut forwarder = forwarding.map_err(|error| backend_error(CONNECTING, error))?;
        let stream = forwarder.take_stream(FLUENT_PORT).expect("a port that was asked for has a stream");
        // Without the forwarder, which nobody asks for errors, the stream ends with the first one.
        Ok(LogRouterConnection::new(stream))
    }
}
