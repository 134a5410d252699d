//! Waits for schedules to be due, and runs the tasks of their targets.

use std::sync::Arc;
use std::time::Duration;

use kecs_core::{AwsServiceBackend, Clock, Report, Scope};
use kecs_model::Timestamp;
use kecs_model::ecs::EcsApi;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::agenda::{Agenda, Due, Key};
use super::invocation::{Invocation, Outcome};
use super::schedule::Schedule;
use super::stored;
use crate::AwsClient;
use crate::look_into::ready;
use crate::stacks::Looks;

/// How long a wait is at most before the clock is looked at again: timers stand still while a machine sleeps, and clocks are set.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What became of a schedule in a call that passed.
#[derive(Debug)]
pub(super) enum Change {
    /// It was made or changed.
    Put(Key, Box<Schedule>),
    /// It was deleted, or has another target now.
    Gone(Key),
    /// CloudFormation may have made or changed some of this account and region.
    Unseen(Scope),
    /// Its whole group was deleted.
    GroupGone(Scope, String),
}

/// Runs the tasks of [`EcsSchedules`](super::EcsSchedules).
#[derive(Debug)]
pub struct EcsScheduleRunner {
    backend: Arc<dyn AwsServiceBackend>,
    client: AwsClient,
    clock: Arc<dyn Clock>,
    changes: mpsc::UnboundedReceiver<Change>,
}

/// What a schedule's own piece of work ended with.
type Done = Option<(Due, Outcome)>;

impl EcsScheduleRunner {
    pub(super) fn new(
        backend: Arc<dyn AwsServiceBackend>,
        client: AwsClient,
        clock: Arc<dyn Clock>,
        changes: mpsc::UnboundedReceiver<Change>,
    ) -> Self {
        Self { backend, client, clock, changes }
    }

    /// Runs tasks until it is dropped, or the schedules are. `known` are the accounts and regions that may have schedules from before, where the
    /// backend outlived us ([`Engine::scopes`](kecs_core::Engine::scopes)).
    pub async fn run(mut self, api: Arc<dyn EcsApi>, known: Vec<Scope>) {
        let mut agenda = Agenda::default();
        let began = self.clock.now();
        let mut work: JoinSet<Done> = JoinSet::new();
        let mut looking = JoinSet::new();
        let mut looks = Looks::default();
        looking.spawn(look(Arc::clone(&self.backend), self.client.clone(), known));
        loop {
            tokio::select! {
                change = self.changes.recv() => match change {
                    Some(change) => apply(&mut agenda, &mut looks, change, self.clock.now()),
                    None => return,
                },
                scope = looks.next() => {
                    looking.spawn(look(Arc::clone(&self.backend), self.client.clone(), vec![scope]));
                }
                Some(found) = looking.join_next() => {
                    for (key, written) in found.unwrap_or_default() {
                        match Schedule::read(&written) {
                            Ok(schedule) => agenda.found(key, schedule, began, self.clock.now()),
                            Err(error) => tracing::warn!(scope = %key.scope, schedule = %key, error, "a schedule cannot be read; it does not run"),
                        }
                    }
                }
                Some(done) = work.join_next() => {
                    if let Ok(Some((due, outcome))) = done {
                        self.ended(&mut agenda, &mut work, due, outcome);
                    }
                }
                () = until(agenda.next(), &*self.clock) => {}
            }
            while let Some(due) = agenda.take(self.clock.now()) {
                let (client, api, clock) = (self.client.clone(), Arc::clone(&api), Arc::clone(&self.clock));
                let invocation = Invocation { client, api, clock, due };
                work.spawn(async move {
                    let outcome = invocation.run().await;
                    Some((invocation.due, outcome))
                });
            }
        }
    }

    fn ended(&self, agenda: &mut Agenda, work: &mut JoinSet<Done>, due: Due, outcome: Outcome) {
        match outcome {
            Outcome::Ended if agenda.complete(&due.key, due.version) => {
                let (client, key) = (self.client.clone(), due.key);
                work.spawn(async move {
                    if let Err(error) = stored::delete(&client, &key).await {
                        tracing::warn!(scope = %key.scope, schedule = %key, error = %Report(&error), "a completed schedule is not deleted");
                    }
                    None
                });
            }
            Outcome::Gone if agenda.is(&due.key, due.version) => agenda.remove(&due.key),
            Outcome::Changed(schedule) if agenda.is(&due.key, due.version) => agenda.put(due.key, *schedule, self.clock.now()),
            // It goes on, or we were told of the change in the meantime.
            Outcome::Ended | Outcome::Gone | Outcome::Changed(_) => {}
        }
    }
}

fn apply(agenda: &mut Agenda, looks: &mut Looks, change: Change, now: Timestamp) {
    match change {
        Change::Put(key, schedule) => agenda.put(key, *schedule, now),
        Change::Gone(key) => agenda.remove(&key),
        Change::Unseen(scope) => looks.want(scope),
        Change::GroupGone(scope, group) => agenda.remove_group(&scope, &group),
    }
}

/// Waits until something may be due.
async fn until(due: Option<Timestamp>, clock: &dyn Clock) {
    let Some(due) = due else { return std::future::pending().await };
    let wait = u64::try_from(due.as_millis().saturating_sub(clock.now().as_millis())).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(wait).min(LONGEST_WAIT)).await;
}

/// Finds out, once the backend is ready, which schedules are there.
async fn look(backend: Arc<dyn AwsServiceBackend>, client: AwsClient, known: Vec<Scope>) -> Vec<(Key, Value)> {
    if !known.is_empty() {
        ready(&*backend).await;
    }
    let mut found = Vec::new();
    for scope in known {
        match stored::schedules(&client, &scope).await {
            Ok(schedules) => found.extend(schedules),
            Err(error) => tracing::debug!(%scope, error = %Report(&error), "there is no list of schedules"),
        }
    }
    found
}
