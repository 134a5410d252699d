//! One attempt at a time for each task, shared by all who wait for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

use super::{TaskCredentials, lock};
use crate::{BackendError, ErrorKind, TaskId};

type Outcome = Result<Arc<TaskCredentials>, Arc<BackendError>>;
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// The attempts that are under way.
#[derive(Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<TaskId, Flight>>>);

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flights").field(&lock(&self.0).len()).finish()
    }
}

impl Flights {
    /// Joins the task's attempt, or begins this one. It goes on when nobody waits for it any more.
    pub(super) fn join(
        &self,
        task: TaskId,
        attempt: impl Future<Output = Result<Arc<TaskCredentials>, BackendError>> + Send + 'static,
    ) -> Flight {
        let mut flights = lock(&self.0);
        if let Some(flight) = flights.get(&task) {
            return flight.clone();
        }
        let (tell, told) = oneshot::channel();
        let landed = Landed { flights: Arc::clone(&self.0), task };
        tokio::spawn(async move {
            let landed = landed;
            let outcome = attempt.await.map_err(Arc::new);
            // From here on whoever comes begins anew, or finds what was given.
            drop(landed);
            // An error: nobody waits any more.
            let _ = tell.send(outcome);
        });
        let given_up = || Err(Arc::new(BackendError::new(ErrorKind::Internal, "the attempt to assume the role was given up")));
        let flight = told.map(move |told| told.unwrap_or_else(|_| given_up())).boxed().shared();
        flights.insert(task, flight.clone());
        flight
    }
}

/// Removes an attempt that is over, however it ended.
struct Landed {
    flights: Arc<Mutex<HashMap<TaskId, Flight>>>,
    task: TaskId,
}

impl Drop for Landed {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.task);
    }
}
