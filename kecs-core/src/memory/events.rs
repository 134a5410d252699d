//! Watches.

use std::sync::{Arc, Weak};

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::driver::Shared;
use crate::{BackendError, ClusterRef, ErrorKind, TaskEvent, TaskObservation, TaskRef};

/// How many changes of a cluster a watch may be behind before it is resynced instead.
pub(super) const CAPACITY: usize = 4096;

/// What is told to the watches of a cluster.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Observed(Arc<TaskObservation>),
    Gone(TaskRef),
    Disconnected,
}

/// The events of a cluster, from a first `Resynced` on; again after each time it fell too far behind.
pub(super) fn watch(shared: Weak<Shared>, cluster: ClusterRef) -> BoxStream<'static, Result<TaskEvent, BackendError>> {
    stream::unfold(Watch { shared, cluster, step: Step::Resync }, |mut watch| async { Some((watch.next().await?, watch)) }).boxed()
}

struct Watch {
    shared: Weak<Shared>,
    cluster: ClusterRef,
    step: Step,
}

enum Step {
    Resync,
    Follow(broadcast::Receiver<Message>),
    End,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<TaskEvent, BackendError>> {
        loop {
            match &mut self.step {
                Step::Resync => {
                    let (receiver, tasks) = self.shared.upgrade()?.lock().subscribe(&self.cluster);
                    self.step = Step::Follow(receiver);
                    return Some(Ok(TaskEvent::Resynced(tasks)));
                }
                Step::Follow(receiver) => match receiver.recv().await {
                    Ok(Message::Observed(task)) => return Some(Ok(TaskEvent::Observed(Arc::unwrap_or_clone(task)))),
                    Ok(Message::Gone(task)) => return Some(Ok(TaskEvent::Gone(task))),
                    Ok(Message::Disconnected) => {
                        self.step = Step::End;
                        return Some(Err(BackendError::new(ErrorKind::Unavailable, "the watch was disconnected")));
                    }
                    Err(RecvError::Lagged(_)) => self.step = Step::Resync,
                    Err(RecvError::Closed) => return None,
                },
                Step::End => return None,
            }
        }
    }
}
