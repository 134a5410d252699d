//! A task is asked to end.

use k8s_openapi::api::core::v1::Pod;
use kecs_core::{BackendError, ErrorKind, TaskRef};
use kube::api::{Patch, PatchParams};
use serde_json::Value;

use super::{KubernetesTaskManager, answer};
use crate::act;
use crate::error::{backend_error, is};
use crate::index::Entry;
use crate::names;

const STOPPING: &str = "cannot stop the pod";
/// How often a pod may change before our change gets through.
const TRIES: u32 = 20;

impl KubernetesTaskManager {
    /// Writes on the pod that it is to end. From then on whoever looks after it carries that out, this process or the next.
    pub(super) async fn stop(&self, task: &TaskRef) -> Result<(), BackendError> {
        let pods = self.pods(&task.cluster);
        for _ in 0..TRIES {
            let Some(order) = self.order_to_stop(task).await? else { return Ok(()) };
            let order = Patch::Strategic(order);
            match answer(STOPPING, pods.patch(&names::pod(task.id), &PatchParams::default(), &order)).await? {
                Ok(pod) => {
                    self.index.apply(pod, self.config.clock.now());
                    return Ok(());
                }
                Err(error) if is(&error, 404) => return Ok(()),
                Err(error) if is(&error, 409) => {
                    if let Some(pod) = self.fetch(task).await? {
                        self.index.apply(pod, self.config.clock.now());
                    }
                }
                Err(error) => return Err(backend_error(STOPPING, error)),
            }
        }
        Err(BackendError::new(ErrorKind::Unavailable, "cannot stop the pod: it changes all the time"))
    }

    /// What is to be written on the pod of a task that nothing has made end yet.
    async fn order_to_stop(&self, task: &TaskRef) -> Result<Option<Value>, BackendError> {
        if self.index.get(task).is_none() {
            // Another control plane may have created it just now.
            let Some(pod) = self.fetch(task).await? else { return Ok(None) };
            self.index.apply(pod, self.config.clock.now());
        }
        let now = self.config.clock.now();
        let order = |entry: &Entry| entry.observation().cause.is_none().then(|| act::order_to_stop(entry, now));
        Ok(self.index.with(task.id, order).flatten())
    }

    pub(super) async fn fetch(&self, task: &TaskRef) -> Result<Option<Pod>, BackendError> {
        const READING: &str = "cannot read the pod";
        let pods = self.pods(&task.cluster);
        let found = answer(READING, pods.get_opt(&names::pod(task.id))).await?;
        found.map_err(|error| backend_error(READING, error))
    }
}
