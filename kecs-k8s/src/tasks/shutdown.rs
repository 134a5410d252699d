//! All tasks are asked to end.

use futures::StreamExt;
use kecs_core::{BackendError, TaskPhase, TaskRef};

use super::KubernetesTaskManager;

/// How many are asked at a time.
const AT_A_TIME: usize = 16;

impl KubernetesTaskManager {
    /// Stops every task of this prefix in the cluster, as [`stop_task`](kecs_core::TaskManager::stop_task) does each, and waits until all have
    /// ended. Dropping the future stops waiting; those that were asked end all the same.
    ///
    /// # Errors
    ///
    /// When the API server does not answer; some may have been asked already.
    pub async fn stop_all(&self) -> Result<(), BackendError> {
        self.synced().await?;
        let known = self.index.ids().into_iter();
        let tasks: Vec<TaskRef> = known
            .filter_map(|id| {
                self.index
                    .with(id, |entry| (entry.observation().phase < TaskPhase::Stopped).then(|| entry.task().clone()))
                    .flatten()
            })
            .collect();
        let mut stops = futures::stream::iter(&tasks).map(|task| self.stop(task)).buffer_unordered(AT_A_TIME);
        while let Some(stopped) = stops.next().await {
            stopped?;
        }
        for task in &tasks {
            if let Some(mut observations) = self.index.follow(task.id) {
                // An error: it is known no more.
                let _ = observations.wait_for(|observation| observation.phase == TaskPhase::Stopped).await;
            }
        }
        Ok(())
    }
}
