//! What happens to tasks, as it happens, for whoever wants to know: tests that await a state, a dashboard, an event bus.

use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{StreamExt, future};
use kecs_model::ecs::Task;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::Engine;
use super::records::TaskRecord;

/// How many changes a slow listener may be behind before it misses some.
const BACKLOG: usize = 4096;

/// One change of a task, durable when it is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskChange {
    /// The task as it is now, as DescribeTasks would show it with its tags. `version` counts its changes.
    Changed(Box<Task>),
    /// The listener was too slow, and so many changes passed it by.
    Missed(u64),
}

/// Tells listeners of changes; costs nothing while there are none.
#[derive(Clone, Debug)]
pub(super) struct Announcer(broadcast::Sender<Arc<TaskRecord>>);

impl Announcer {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    /// Whether anybody listens.
    pub(super) fn heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(super) fn announce(&self, changes: Vec<Arc<TaskRecord>>) {
        for change in changes {
            // Nobody listens any more: then nobody misses it.
            let _ = self.0.send(change);
        }
    }
}

impl Engine {
    /// Follows every change of every task, of all accounts and regions, from now on, in the order in which they happened. The stream ends with the
    /// engine.
    pub fn task_changes(&self) -> BoxStream<'static, TaskChange> {
        let changes = BroadcastStream::new(self.shared().announcer.0.subscribe());
        changes
            .map(|change| match change {
                Ok(record) => {
                    let mut task = record.task.clone();
                    task.tags = Some(record.tags.clone());
                    TaskChange::Changed(Box::new(task))
                }
                Err(BroadcastStreamRecvError::Lagged(missed)) => TaskChange::Missed(missed),
            })
            .boxed()
    }

    /// Waits until a change of a task satisfies `condition`, and returns the task as it was then. `None` when the engine ended first.
    pub fn task_when<F>(&self, condition: F) -> impl Future<Output = Option<Task>> + Send + use<F>
    where
        F: Fn(&Task) -> bool + Send + 'static,
    {
        let changes = self.task_changes();
        async move {
            let found = changes.filter_map(move |change| {
                future::ready(match change {
                    TaskChange::Changed(task) if condition(&task) => Some(*task),
                    _ => None,
                })
            });
            futures::pin_mut!(found);
            found.next().await
        }
    }
}
