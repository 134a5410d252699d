//! Follows what a backend tells, until the engine stops: a watch that breaks is opened again, after a pause that grows.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::{Shared, reactor};
use crate::{BackendError, Report};

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Takes in one event after the other; `None` of `open` is the end. `of` says in the log what is watched.
pub(super) async fn follow<T>(
    shared: &Shared,
    of: &str,
    open: impl Fn() -> Option<BoxStream<'static, Result<T, BackendError>>>,
    apply: impl Fn(T),
) {
    let mut pause = FIRST_RETRY;
    while let Some(mut events) = open() {
        loop {
            let event = tokio::select! {
                () = shared.stop.cancelled() => return,
                event = events.next() => event,
            };
            match event {
                Some(Ok(event)) => {
                    pause = FIRST_RETRY;
                    reactor::guarded("observation", || apply(event));
                }
                Some(Err(error)) => {
                    tracing::warn!(of, error = %Report(&error), retry_in = ?pause, "a watch broke");
                    break;
                }
                None => break,
            }
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LAST_RETRY);
    }
}
