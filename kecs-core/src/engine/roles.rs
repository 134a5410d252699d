//! What task roles leave behind: released when the last task definition that names them is gone, and no task has them any more.
//!
//! A definition names a role while it is ACTIVE. One that is INACTIVE may still get tasks of a service; they are counted as tasks, and make anew what they
//! need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use super::effect::Effect;
use super::{By, Shared, TaskIndex, Tx, World, lock};
use crate::{ErrorKind, Report, RoleRef};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// After some minutes it is left to the next start.
const TRIES: u32 = 8;

/// Keeps a role that is being released from tasks that start with it, and the other way round.
#[derive(Debug, Default)]
pub(super) struct RoleGates(Mutex<HashMap<RoleRef, Weak<RwLock<()>>>>);

impl RoleGates {
    fn of(&self, role: &RoleRef) -> Arc<RwLock<()>> {
        let mut gates = lock(&self.0);
        if let Some(gate) = gates.get(role).and_then(Weak::upgrade) {
            return gate;
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(RwLock::new(()));
        gates.insert(role.clone(), Arc::downgrade(&gate));
        gate
    }

    /// To be held while a task with the role is brought to its backend.
    pub(super) async fn enter(&self, role: &RoleRef) -> OwnedRwLockReadGuard<()> {
        self.of(role).read_owned().await
    }
}

/// Lets a role be released, if nothing needs it any more.
pub(crate) fn release_unused(world: &World, tx: &mut Tx, role: Option<&str>) {
    if let Some(role) = role.filter(|role| !in_use(world, role)) {
        tx.then(Effect::ReleaseRole(RoleRef { scope: world.scope.clone(), arn: role.into() }));
    }
}

/// Whether an ACTIVE task definition names the role, or a task has it that has not stopped.
fn in_use(world: &World, role: &str) -> bool {
    world.task_definitions.names_role(role)
        || world.clusters.iter().any(|cluster| {
            [true, false].into_iter().any(|wanted| {
                let index = TaskIndex { cluster: cluster.name.as_str().into(), wanted, by: By::Role(role.to_owned()) };
                world.tasks.of(&index).any(|task| !task.stopped())
            })
        })
}

/// Releases what no task needs any more: what an earlier life of the control plane did not come to. Ends when the engine stops.
pub(super) async fn release_left_over(shared: Arc<Shared>) {
    let left_over = async {
        for role in held(&shared).await {
            if !shared.look(&role.scope, |world| in_use(world, &role.arn)) {
                release(Arc::clone(&shared), role).await;
            }
        }
    };
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = left_over => {}
    }
}

async fn held(shared: &Shared) -> Vec<RoleRef> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        match shared.tasks.held_roles().await {
            Ok(held) => return held,
            Err(error) if error.is_retryable() => {
                tracing::debug!(error = %Report(&error), retry_in = ?pause, "what is held for task roles is not known yet");
            }
            Err(error) => {
                tracing::warn!(error = %Report(&error), "what is held for task roles is not known");
                return Vec::new();
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Vec::new()
}

/// Releases a role, unless something has come to need it.
pub(super) async fn release(shared: Arc<Shared>, role: RoleRef) {
    let gate = shared.role_gates.of(&role);
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        let closed = gate.write().await;
        if shared.look(&role.scope, |world| in_use(world, &role.arn)) {
            return;
        }
        match shared.tasks.release_role(&role).await {
            Ok(()) => return forget(&shared, &role).await,
            // Its last task has not quite ended there.
            Err(error) if error.is_retryable() || error.kind() == ErrorKind::Conflict => {
                tracing::debug!(%role, error = %Report(&error), retry_in = ?pause, "role not released yet");
            }
            Err(error) => return tracing::warn!(%role, error = %Report(&error), "role not released"),
        }
        drop(closed);
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    tracing::warn!(%role, "role not released; the next start tries again");
}

/// Removes the role itself, if it was made for tasks, and those of no region have it.
async fn forget(shared: &Shared, role: &RoleRef) {
    let Some(roles) = &shared.services.roles else { return };
    if shared.scopes().iter().any(|scope| shared.look(scope, |world| in_use(world, &role.arn))) {
        return;
    }
    let clusters: Vec<_> = shared.look(&role.scope, |world| {
        world.clusters.iter().filter(|cluster| !cluster.inactive).map(|cluster| world.cluster_ref(&cluster.name)).collect()
    });
    for cluster in clusters {
        if let Err(error) = roles.release(&cluster, &role.arn).await {
            tracing::warn!(%role, %cluster, error = %Report(&error), "role not removed");
        }
    }
}
