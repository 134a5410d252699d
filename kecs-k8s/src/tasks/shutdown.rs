//! All tasks are asked to end.

use futures::StreamExt;
use kecs_core::{BackendError, TaskPhase, TaskRef};

use super::KubernetesTaskManager;
use crate::names;

/// How many are asked at a time.
const AT_A_TIME: usize = 16;

/// What becomes of the pods of tasks that have ended, when [all are stopped](KubernetesTaskManager::stop_all).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedPods {
    /// They stay, for the next manager to tell how they ended, and go when somebody deletes them or their namespace: nothing holds them any more.
    Stay,
    /// They go, with all that belongs to them: nobody will ask.
    Go,
}

impl KubernetesTaskManager {
    /// Stops every task of this prefix in the cluster, as [`stop_task`](kecs_core::TaskManager::stop_task) does each, and waits until all have
    /// ended and their pods stay or go. Dropping the future stops waiting; those that were asked end all the same.
    ///
    /// # Errors
    ///
    /// When the API server does not answer; some may have been asked already.
    pub async fn stop_all(&self, pods: EndedPods) -> Result<(), BackendError> {
        self.synced().await?;
        let known = self.index.ids().into_iter();
        let tasks: Vec<TaskRef> = known.filter_map(|id| self.index.with(id, |entry| entry.task().clone())).collect();
        // Those that have ended are told no more.
        let mut stops = futures::stream::iter(&tasks).map(|task| self.stop(task)).buffer_unordered(AT_A_TIME);
        while let Some(stopped) = stops.next().await {
            stopped?;
        }
        let mut ends = futures::stream::iter(&tasks).map(|task| self.ended(task, pods)).buffer_unordered(AT_A_TIME);
        while let Some(ended) = ends.next().await {
            ended?;
        }
        if pods == EndedPods::Go {
            // Those of tasks that never came to have a pod.
            let namespaces = self.namespaces.lock().expect("nobody panics while holding it").clone();
            let of_tasks = format!("{}={},{}", names::OWNER_LABEL, self.config.prefix, names::TASK_LABEL);
            for namespace in namespaces {
                self.remove_labelled_secrets(&namespace, &of_tasks).await?;
            }
        }
        Ok(())
    }

    /// Waits until a task has ended, and lets its pod stay or go.
    async fn ended(&self, task: &TaskRef, pods: EndedPods) -> Result<(), BackendError> {
        // No receiver, or an error: it is known no more.
        if let Some(mut observations) = self.index.follow(task.id) {
            let _ = observations.wait_for(|observation| observation.phase == TaskPhase::Stopped).await;
        }
        match pods {
            EndedPods::Stay => self.release(task).await,
            EndedPods::Go => self.forget(task).await,
        }
    }
}
