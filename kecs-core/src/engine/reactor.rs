//! Carries out what follows a change: one loop for the whole engine, woken by changes and timers only.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use kecs_model::Timestamp;
use tokio::sync::mpsc;
use tokio_util::time::DelayQueue;

use super::effect::{Effect, ServiceRef, Wake};
use super::{Shared, driver, hosts, lock, roles, watch};
use crate::{ClusterRef, task_definition, task_life};

/// How many effects are taken from the queue at a time.
const BATCH: usize = 256;

/// The longest that a timer waits. The queue takes no more than about two years, and none of ours is for more than days: a longer one comes of a
/// wall clock that was set back.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// The loop. Ends when the engine stops; what it began on its own ends with it.
pub(super) async fn run(shared: Arc<Shared>, mut effects: mpsc::UnboundedReceiver<Effect>) {
    let mut timers: DelayQueue<Wake> = DelayQueue::new();
    let mut watched = HashSet::new();
    let mut begun = tokio::task::JoinSet::new();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => break,
            Some(_) = begun.join_next() => {}
            Some(due) = timers.next(), if !timers.is_empty() => guarded("timer", || wake(&shared, &mut begun, due.into_inner())),
            received = effects.recv_many(&mut batch, BATCH) => {
                if received == 0 {
                    break;
                }
                let mut reconciled = HashSet::new();
                for effect in batch.drain(..) {
                    match effect {
                        Effect::StartTask(task) => drop(begun.spawn(driver::start(Arc::clone(&shared), task))),
                        Effect::StopTask(task) => drop(begun.spawn(driver::stop(Arc::clone(&shared), task))),
                        Effect::Watch(cluster) => {
                            guarded("hosts", || hosts::join(&shared, &cluster));
                            begin_watch(&shared, &mut watched, &mut begun, cluster);
                        }
                        Effect::DrainHost(host) => drop(begun.spawn(hosts::drain(Arc::clone(&shared), host))),
                        Effect::ReleaseRole(role) => drop(begun.spawn(roles::release(Arc::clone(&shared), role))),
                        Effect::Later(at, wake) => drop(timers.insert(wake, until(&shared, at))),
                        Effect::Reconcile(service) => {
                            // Many changes of one service in one batch are one look at it.
                            if reconciled.insert(service.clone()) {
                                guarded("service", || reconcile(&shared, &service));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Looks at one service.
fn reconcile(shared: &Shared, service: &ServiceRef) {
    drop(shared.record(&service.cluster.scope, |world, tx| crate::scheduler::reconcile(world, tx, service)));
}

/// Carries on after a panic: a bug that shows with one service or task must not stop the work on all others.
pub(super) fn guarded(what: &'static str, work: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        tracing::error!(what, "the control plane panicked; this is a bug");
    }
}

fn begin_watch(shared: &Arc<Shared>, watched: &mut HashSet<ClusterRef>, begun: &mut tokio::task::JoinSet<()>, cluster: ClusterRef) {
    if watched.insert(cluster.clone()) {
        begun.spawn(watch::run(Arc::clone(shared), cluster));
    }
}

fn until(shared: &Shared, at: Timestamp) -> Duration {
    let millis = at.as_millis().saturating_sub(shared.clock.now().as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(LONGEST)
}

fn wake(shared: &Arc<Shared>, begun: &mut tokio::task::JoinSet<()>, wake: Wake) {
    match wake {
        // By way of the queue, so that a service is looked at once however often it is woken.
        Wake::Service(service) => {
            crate::scheduler::woken(&mut lock(&shared.world(&service.cluster.scope)), &service);
            drop(shared.effects.send(Effect::Reconcile(service)));
        }
        Wake::TaskProtection(task) => {
            drop(shared.record(&task.cluster.scope.clone(), |world, tx| task_life::end_protection(world, tx, &task)));
        }
        Wake::ForgetInstance { scope, key } => drop(shared.record(&scope, |world, tx| {
            if world.instances.get(&key).and_then(|instance| instance.forget_at).is_some_and(|at| at <= tx.now) {
                world.instances.remove(tx, &key);
            }
        })),
        Wake::RunToken { scope, key } => drop(shared.record(&scope, |world, tx| {
            if world.run_tokens.get(&key).is_some_and(|token| token.expires_at <= tx.now) {
                world.run_tokens.remove(tx, &key);
            }
        })),
        Wake::DeleteTaskDefinition { scope, family, revision } => {
            drop(shared.record(&scope, |world, tx| task_definition::delete_unused(world, tx, &family, revision)));
        }
        Wake::ForgetTask(task) => {
            let stopped = lock(&shared.world(&task.cluster.scope)).tasks.get(task.id).is_some_and(|record| record.stopped());
            if stopped {
                begun.spawn(driver::forget(Arc::clone(shared), task));
            }
        }
    }
}

/// Takes up, after a start, what the state says is under way.
pub(super) fn resume(shared: &Arc<Shared>) {
    for scope in shared.scopes() {
        drop(shared.record(&scope, task_life::resume));
        drop(shared.record(&scope, task_definition::resume));
        drop(shared.record(&scope, crate::scheduler::resume));
    }
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn work_goes_on_after_a_piece_of_it_panicked() {
        let mut done = 0;
        guarded("first", || panic!("a bug"));
        guarded("second", || done += 1);
        assert_eq!(done, 1);
    }
}
