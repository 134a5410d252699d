//! What the containers of a task wrote, for whoever asks: straight from the task manager, whatever log drivers there are.

use std::sync::Arc;
use std::task::Poll;

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use kecs_model::ecs::Task;

use super::{Engine, TaskRecord, lock};
use crate::{BackendError, ErrorKind, LogLine, LogQuery, LogStream, TaskId};

/// The output of a task.
pub struct TaskLogs {
    /// The containers that it is of, in the order of the task definition.
    pub containers: Vec<Arc<str>>,
    /// Their lines, by time. Of containers that are followed, as they come.
    pub lines: BoxStream<'static, Result<ContainerLine, BackendError>>,
}

impl std::fmt::Debug for TaskLogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskLogs").field("containers", &self.containers).finish_non_exhaustive()
    }
}

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerLine {
    /// The container's name.
    pub container: Arc<str>,
    /// The line.
    pub line: LogLine,
}

impl Engine {
    /// The output of a task, by its id or ARN, of any account and region; of all its containers or of one. A tail is of each container. Following
    /// waits for containers that have not started, and ends with the last one.
    ///
    /// # Errors
    ///
    /// `NotFound` for a task that is not known or has not started, and for a container that it does not have; what the task manager answers.
    pub async fn logs(&self, task: &str, container: Option<&str>, query: LogQuery) -> Result<TaskLogs, BackendError> {
        let record = self.find(task)?;
        let names = record.task.containers.iter().flatten().filter_map(|container| container.name.as_deref());
        let containers: Vec<Arc<str>> =
            names.clone().filter(|name| container.is_none_or(|only| only == *name)).map(Into::into).collect();
        if containers.is_empty() {
            let known = names.collect::<Vec<_>>().join(", ");
            let message = format!("the task has no container {}; it has {known}", container.unwrap_or_default());
            return Err(BackendError::new(ErrorKind::NotFound, message));
        }
        let mut streams = Vec::new();
        for name in &containers {
            let stream =
                if query.follow { self.followed(&record, name, query) } else { self.written(&record, name, query).await? };
            streams.push((Arc::clone(name), stream));
        }
        Ok(TaskLogs { containers, lines: merged(streams, query.follow) })
    }

    fn find(&self, task: &str) -> Result<Arc<TaskRecord>, BackendError> {
        let id = task.rsplit('/').next().unwrap_or(task);
        let id: TaskId =
            id.parse().map_err(|_| BackendError::new(ErrorKind::Invalid, format!("{task} is neither a task's id nor its ARN")))?;
        let shared = self.shared();
        let found = shared.scopes().iter().find_map(|scope| lock(&shared.world(scope)).tasks.get(id).cloned());
        found.ok_or_else(|| {
            let message = format!("the task {id} is not known; stopped tasks are forgotten after an hour");
            BackendError::new(ErrorKind::NotFound, message)
        })
    }

    async fn written(&self, record: &TaskRecord, container: &str, query: LogQuery) -> Result<LogStream, BackendError> {
        self.shared().tasks.logs(&record.task_ref(), container, query).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound if record.stopped() && record.task.started_at.is_none() => {
                BackendError::new(ErrorKind::NotFound, "the task wrote nothing, since it did not start: its stoppedReason says why")
            }
            ErrorKind::NotFound if record.stopped() => {
                BackendError::new(ErrorKind::NotFound, "the task's output is not kept any more")
            }
            ErrorKind::NotFound => BackendError::new(ErrorKind::NotFound, "the task has not started yet"),
            _ => error,
        })
    }

    /// The output of a container from the moment on at which it runs.
    fn followed(&self, record: &TaskRecord, container: &Arc<str>, query: LogQuery) -> LogStream {
        let (tasks, task, name) = (Arc::clone(&self.shared().tasks), record.task_ref(), Arc::clone(container));
        let (arn, of) = (record.task.task_arn.clone(), Arc::clone(container));
        // Asked for before it is looked at: what happens in between must not be missed.
        let began = self.task_when(move |task| task.task_arn == arn && has_begun(task, &of));
        let begun =
            lock(&self.shared().world(&task.cluster.scope)).tasks.get(task.id).is_none_or(|now| has_begun(&now.task, &name));
        let opened = async move {
            if !begun && began.await.is_none() {
                // The engine ended first.
                return Ok(stream::empty().boxed());
            }
            match tasks.logs(&task, &name, query).await {
                // It never started.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(stream::empty().boxed()),
                opened => opened,
            }
        };
        stream::once(opened).try_flatten().boxed()
    }
}

fn has_begun(task: &Task, container: &str) -> bool {
    let ended = task.last_status.as_deref() == Some("STOPPED");
    let mut containers = task.containers.iter().flatten();
    ended || containers.any(|seen| seen.name.as_deref() == Some(container) && seen.last_status.as_deref() != Some("PENDING"))
}

struct Source {
    container: Arc<str>,
    /// `None` after its end.
    lines: Option<LogStream>,
    head: Option<LogLine>,
}

/// The lines of all streams by their time. With `live`, a line does not wait for containers that write nothing.
fn merged(streams: Vec<(Arc<str>, LogStream)>, live: bool) -> BoxStream<'static, Result<ContainerLine, BackendError>> {
    let mut sources: Vec<Source> =
        streams.into_iter().map(|(container, lines)| Source { container, lines: Some(lines), head: None }).collect();
    stream::poll_fn(move |cx| {
        let mut pending = false;
        for source in sources.iter_mut().filter(|source| source.head.is_none()) {
            let Some(lines) = &mut source.lines else { continue };
            match lines.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(line))) => source.head = Some(line),
                Poll::Ready(Some(Err(error))) => {
                    source.lines = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => source.lines = None,
                Poll::Pending => pending = true,
            }
        }
        if pending && !live {
            return Poll::Pending;
        }
        let heads = sources.iter_mut().filter(|source| source.head.is_some());
        let first = heads.min_by_key(|source| source.head.as_ref().map(|line| line.at));
        match first.and_then(|source| Some((Arc::clone(&source.container), source.head.take()?))) {
            Some((container, line)) => Poll::Ready(Some(Ok(ContainerLine { container, line }))),
            None if pending => Poll::Pending,
            None => Poll::Ready(None),
        }
    })
    .boxed()
}
