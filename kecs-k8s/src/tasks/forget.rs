//! A task that has ended goes, with all that belongs to it.

use k8s_openapi::api::core::v1::Pod;
use kecs_core::{BackendError, ErrorKind, TaskPhase, TaskRef};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};

use super::{KubernetesTaskManager, answer};
use crate::error::{backend_error, is};
use crate::{act, names, secret};

const FORGETTING: &str = "cannot remove the pod";

impl KubernetesTaskManager {
    pub(super) async fn forget(&self, task: &TaskRef) -> Result<(), BackendError> {
        if self.index.get(task).is_none()
            && let Some(pod) = self.fetch(task).await?
        {
            // It may be one whose removal was broken off.
            self.index.recall(pod, self.config.clock.now());
        }
        let pod = self.index.with(task.id, |entry| (entry.observation().phase == TaskPhase::Stopped).then(|| entry.pod().clone()));
        let pod = match pod {
            // There never was one, or it has gone: its secrets may be there nevertheless.
            None => return self.remove_secrets(task).await,
            Some(None) => return Err(BackendError::new(ErrorKind::Conflict, "the task has not ended")),
            Some(Some(pod)) => pod,
        };
        // First, so that nobody is told of a pod that went because it was to.
        self.index.forget(task);
        let removed = self.remove(task, &pod).await;
        if removed.is_err() {
            self.index.recall(pod, self.config.clock.now());
        }
        removed
    }

    async fn remove(&self, task: &TaskRef, pod: &Pod) -> Result<(), BackendError> {
        let pods = self.pods(&task.cluster);
        let name = names::pod(task.id);
        // Nothing of it runs, so nothing is to be waited for.
        let preconditions = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
        let at_once = DeleteParams { grace_period_seconds: Some(0), preconditions: Some(preconditions), ..DeleteParams::default() };
        gone(answer(FORGETTING, pods.delete(&name, &at_once)).await?)?;
        self.release(task).await?;
        if secret::names_of(pod).next().is_some() {
            // They go with the pod that owns them; those that nobody had given to it yet go here.
            self.remove_secrets(task).await?;
        }
        Ok(())
    }

    /// Lets the pod of a task go when somebody deletes it.
    pub(super) async fn release(&self, task: &TaskRef) -> Result<(), BackendError> {
        let release = Patch::Strategic(act::release());
        let pods = self.pods(&task.cluster);
        gone(answer(FORGETTING, pods.patch(&names::pod(task.id), &PatchParams::default(), &release)).await?)
    }

    /// Removes the secrets of a task.
    pub(super) async fn remove_secrets(&self, task: &TaskRef) -> Result<(), BackendError> {
        let namespace = names::namespace(&self.config.prefix, &task.cluster);
        self.remove_labelled_secrets(&namespace, &format!("{}={}", names::TASK_LABEL, task.id)).await
    }

    pub(super) async fn remove_labelled_secrets(&self, namespace: &str, label: &str) -> Result<(), BackendError> {
        gone(answer(FORGETTING, secret::remove(&self.client, namespace, label)).await?)
    }
}

/// What is gone already need not go.
fn gone<T>(result: Result<T, kube::Error>) -> Result<(), BackendError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if is(&error, 404) => Ok(()),
        Err(error) => Err(backend_error(FORGETTING, error)),
    }
}
