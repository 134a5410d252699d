//! What happens to tasks, as it happens, for whoever wants to know: tests that await a state, a dashboard, an event bus.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::BoxStream;
use futures::{StreamExt, future};
use kecs_model::ecs::Task;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use super::Engine;
use super::events::{Happening, What};

/// How many changes a slow listener may be behind before it misses some.
const BACKLOG: usize = 4096;
/// How many events are kept for those who ask later.
const RECENT: usize = 500;

/// One change of a task, durable when it is told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskChange {
    /// The task as it is now, as DescribeTasks would show it with its tags. `version` counts its changes.
    Changed(Box<Task>),
    /// The listener was too slow, and so many changes passed it by.
    Missed(u64),
}

/// Tells listeners of what happens, and keeps the last of it. What is told is shared, and only made readable for those who listen.
#[derive(Clone, Debug)]
pub(super) struct Announcer {
    listeners: broadcast::Sender<Arc<Happening>>,
    recent: Arc<Mutex<VecDeque<Arc<Happening>>>>,
}

/// What is told from now on.
type Following = BroadcastStream<Arc<Happening>>;

impl Announcer {
    pub(super) fn new() -> Self {
        Self { listeners: broadcast::Sender::new(BACKLOG), recent: Arc::default() }
    }

    pub(super) fn announce(&self, happenings: Vec<Arc<Happening>>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for happening in happenings {
            if happening.is_event() {
                if recent.len() == RECENT {
                    recent.pop_front();
                }
                recent.push_back(Arc::clone(&happening));
            }
            // Without listeners nobody misses it.
            let _ = self.listeners.send(happening);
        }
    }

    /// The last events, oldest first, and all that follows them: nothing is lost or doubled in between.
    pub(super) fn follow(&self) -> (Vec<Arc<Happening>>, Following) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        (recent.iter().cloned().collect(), BroadcastStream::new(self.listeners.subscribe()))
    }
}

impl Engine {
    /// Follows every change of every task, of all accounts and regions, from now on, in the order in which they happened. The stream ends with the
    /// engine.
    pub fn task_changes(&self) -> BoxStream<'static, TaskChange> {
        let (_, changes) = self.shared().announcer.follow();
        changes
            .filter_map(|change| {
                future::ready(match change {
                    Ok(happening) => match &happening.what {
                        What::Task { record, .. } => {
                            let mut task = record.task.clone();
                            task.tags = Some(record.tags.clone());
                            Some(TaskChange::Changed(Box::new(task)))
                        }
                        What::Other { .. } => None,
                    },
                    Err(BroadcastStreamRecvError::Lagged(missed)) => Some(TaskChange::Missed(missed)),
                })
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
