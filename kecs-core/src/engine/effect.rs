//! What follows a change once it is durable.

use kecs_model::Timestamp;

use crate::{ClusterRef, RoleRef, Scope, TaskRef};

/// A service of a scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ServiceRef {
    /// The service's cluster.
    pub(crate) cluster: ClusterRef,
    /// The service's name.
    pub(crate) name: String,
}

/// A container instance that is a host of the backend's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostRef {
    /// The instance's cluster.
    pub(crate) cluster: ClusterRef,
    /// Its id.
    pub(crate) id: String,
}

/// Something to be done outside the lock, after the change that asked for it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Begin to run a task that was recorded.
    StartTask(TaskRef),
    /// Tell the backend to stop a task.
    StopTask(TaskRef),
    /// Look at a service: does it have the tasks that it should have?
    Reconcile(ServiceRef),
    /// Do that at a later time.
    Later(Timestamp, Wake),
    /// Follow the tasks of a cluster, from now on, and register the hosts that wait for it.
    Watch(ClusterRef),
    /// Tell the backend whether a host takes tasks.
    DrainHost(HostRef),
    /// Let go what was made for a role.
    ReleaseRole(RoleRef),
}

/// What a timer wakes. A wake that comes too early, or twice, or for something that is gone, must do nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wake {
    /// Look at a service again.
    Service(ServiceRef),
    /// Forget a task that stopped long enough ago.
    ForgetTask(TaskRef),
    /// End a task's protection from scale-in.
    TaskProtection(TaskRef),
    /// Remove a task definition that is being deleted, if nothing uses it.
    DeleteTaskDefinition {
        /// Whose definition it is.
        scope: Scope,
        /// Its family.
        family: String,
        /// Its revision.
        revision: i32,
    },
    /// Forget a container instance that was deregistered long enough ago.
    ForgetInstance {
        /// Whose.
        scope: Scope,
        /// Its key.
        key: String,
    },
    /// Forget a client token of RunTask.
    RunToken {
        /// Whose.
        scope: Scope,
        /// Its key.
        key: String,
    },
}
