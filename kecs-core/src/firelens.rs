//! FireLens: the log driver `awsfirelens`, which sends what containers write to the log router of their task.
//!
//! On AWS Docker's driver `fluentd` does this, by a socket that it shares with the router. Here the backend leads to the router
//! ([`TaskManager::connect_log_router`]), and the records are the same. A batch counts as sent when the router has said that it has it: what it has
//! not taken waits where the backend keeps the output, so that nothing is buffered here and nobody is slowed down.

mod forward;
mod positions;
mod router;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;

use crate::{ContainerOutput, LogDriver, LogError, LogLine, LogPosition, LogStream, TaskManager};
use forward::Source;
pub(crate) use positions::Positions;
use router::Router;

/// The `logDriver`.
pub(crate) const DRIVER: &str = "awsfirelens";

/// How many lines are sent at a time, of 16 KiB each at most: far less than what a router takes at once.
const LINES: usize = 64;

/// Sends the output of containers to the log routers of their tasks.
#[derive(Debug)]
pub(crate) struct FireLens {
    tasks: Arc<dyn TaskManager>,
    positions: Arc<Positions>,
}

impl FireLens {
    pub(crate) fn new(tasks: Arc<dyn TaskManager>, positions: Arc<Positions>) -> Self {
        Self { tasks, positions }
    }
}

#[async_trait]
impl LogDriver for FireLens {
    fn handles(&self, driver: &str) -> bool {
        driver == DRIVER
    }

    /// The options are the router's.
    async fn prepare(&self, _: &ContainerOutput) -> Result<(), LogError> {
        Ok(())
    }

    async fn ship(&self, output: &ContainerOutput, lines: LogStream) {
        let source = Source::new(output);
        let mut router = Router::new(Arc::clone(&self.tasks), output.task.clone());
        let mut skip = self.positions.of(&output.task, &output.container).await;
        let mut seen = LogPosition::default();
        let mut lines = lines.ready_chunks(LINES);
        while let Some(batch) = lines.next().await {
            let batch: Vec<LogLine> = batch
                .into_iter()
                .filter_map(Result::ok)
                .filter(|line| {
                    let at = seen.pass(line.at);
                    !skip.had(at)
                })
                .collect();
            if batch.is_empty() {
                continue;
            }
            if let Err(error) = router.deliver(&source, &batch).await {
                return tracing::warn!(
                    task = %output.task, container = &*output.container, %error, "the log router takes no more output, and the rest does not reach it"
                );
            }
            self.positions.note(&output.task, &output.container, seen);
        }
    }
}

#[cfg(test)]
mod tests;
