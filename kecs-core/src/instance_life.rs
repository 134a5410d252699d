//! The life of a container instance: ACTIVE ⇄ DRAINING, and from either to INACTIVE.
//!
//! ECS has three more states. REGISTERING and REGISTRATION_FAILED are of instances that wait for a trunk network interface, and DEREGISTERING
//! of those that give one back (ContainerInstance, `status`); there are none here, so those states are never entered.

mod described;
mod hosted;

pub(crate) use described::described;
pub(crate) use hosted::{gone, observed};

use std::sync::Arc;

use kecs_model::Timestamp;
use kecs_model::ecs::ContainerInstanceStatus;
use serde::{Deserialize, Serialize};

use crate::capacity::tasks_on;
use crate::engine::{
    ContainerInstanceRecord, Effect, EventKind, HostRef, Owner, ServiceRef, TaskRecord, Tx, Wake, World, event_shape, instance_key,
};
use crate::placement::InstanceStatus;

/// How long a deregistered instance stays describable: as long as a stopped task. AWS documents no time.
const INACTIVE_KEPT_MILLIS: i64 = 60 * 60 * 1000;

/// The state of a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum InstanceState {
    /// Takes tasks.
    Active,
    /// Takes no tasks; those of services move away.
    Draining,
    /// It was deregistered. Its id is never used again.
    Inactive,
}

/// What happens to a container instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceEvent {
    /// Its agent registers it again.
    Register,
    /// UpdateContainerInstancesState with DRAINING.
    Drain,
    /// UpdateContainerInstancesState with ACTIVE.
    Activate,
    /// DeregisterContainerInstance.
    Deregister,
}

impl InstanceState {
    /// The state after an event; `None` where the event is refused. An agent that registers again leaves DRAINING as it is: only a user ends
    /// it ("Draining Amazon ECS container instances").
    pub(crate) fn after(self, event: InstanceEvent) -> Option<Self> {
        match (self, event) {
            (Self::Inactive, _) => None,
            (state, InstanceEvent::Register) => Some(state),
            (Self::Active | Self::Draining, InstanceEvent::Drain) => Some(Self::Draining),
            (Self::Active | Self::Draining, InstanceEvent::Activate) => Some(Self::Active),
            (Self::Active | Self::Draining, InstanceEvent::Deregister) => Some(Self::Inactive),
        }
    }

    /// `status`, as clients see it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }

    /// Whether a listing with this `status` filter has it; without one it has all but INACTIVE (ListContainerInstances).
    pub(crate) fn listed(self, filter: Option<&ContainerInstanceStatus>) -> bool {
        filter.map_or(self != Self::Inactive, |wanted| wanted.as_str() == self.as_str())
    }

    /// The same, for placement.
    pub(crate) fn placement(self) -> InstanceStatus {
        match self {
            Self::Active => InstanceStatus::Active,
            Self::Draining => InstanceStatus::Draining,
            Self::Inactive => InstanceStatus::Inactive,
        }
    }
}

/// Records an instance that changed: "Every time a container instance experiences a change that triggers a CloudWatch event, the version counter is
/// incremented" (ContainerInstance.version).
pub(crate) fn changed(world: &mut World, tx: &mut Tx, mut record: ContainerInstanceRecord) -> Arc<ContainerInstanceRecord> {
    record.instance.version = Some(record.instance.version.unwrap_or(0) + 1);
    let record = world.instances.put(tx, record);
    let mut detail = event_shape(&described(world, &record, false), tx.now);
    let cluster = world.scope.cluster_arn(&record.cluster);
    detail.insert("clusterArn".to_owned(), cluster.into());
    tx.event(EventKind::ContainerInstanceStateChange, &world.scope, record.arn().to_owned(), detail);
    record
}

/// Takes an instance through an event, if that may be: its version counts it, and the services that it concerns look.
pub(crate) fn happens(
    world: &mut World,
    tx: &mut Tx,
    record: &ContainerInstanceRecord,
    event: InstanceEvent,
) -> Option<Arc<ContainerInstanceRecord>> {
    let state = record.state.after(event)?;
    let mut record = record.clone();
    // What an agent registers anew may be anything.
    let same = record.state == state && event != InstanceEvent::Register;
    record.state = state;
    if state == InstanceState::Inactive {
        record.instance.agent_connected = Some(false);
    }
    if record.hosted && matches!(event, InstanceEvent::Drain | InstanceEvent::Activate) {
        tx.then(Effect::DrainHost(HostRef { cluster: world.cluster_ref(&record.cluster), id: record.id.clone() }));
    }
    let record = if same { world.instances.put(tx, record) } else { changed(world, tx, record) };
    wake_services(world, tx, &record);
    Some(record)
}

/// Lets the services look that have tasks on an instance, and those that wait for one.
pub(crate) fn wake_services(world: &World, tx: &mut Tx, instance: &ContainerInstanceRecord) {
    for task in tasks_on(world, instance) {
        if let Owner::Service { service, .. } = &task.owner {
            tx.then(Effect::Reconcile(ServiceRef { cluster: task.cluster.clone(), name: service.clone() }));
        }
    }
    crate::scheduler::wake_waiting(world, tx, &instance.cluster);
}

/// Deregisters an instance, if it is not yet: it is INACTIVE for a while, and then forgotten.
pub(crate) fn deregister(world: &mut World, tx: &mut Tx, record: &ContainerInstanceRecord) -> Option<Arc<ContainerInstanceRecord>> {
    let mut record = record.clone();
    let forget_at = Timestamp::from_millis(tx.now.as_millis() + INACTIVE_KEPT_MILLIS);
    record.forget_at = Some(forget_at);
    let record = happens(world, tx, &record, InstanceEvent::Deregister)?;
    let key = instance_key(&record);
    tx.then(Effect::Later(forget_at, Wake::ForgetInstance { scope: world.scope.clone(), key }));
    Some(record)
}

/// A task takes something of its instance, or gives it back: "Placing or stopping tasks on a container instance modifies the available resources"
/// ("Amazon ECS container instance state change events").
pub(crate) fn task_came_or_went(world: &mut World, tx: &mut Tx, task: &TaskRecord) {
    let Some(arn) = task.task.container_instance_arn.as_deref() else { return };
    let id = arn.rsplit('/').next().unwrap_or(arn);
    if let Some(record) = world.instance(&task.cluster.name, id).filter(|record| record.state != InstanceState::Inactive) {
        let record = ContainerInstanceRecord::clone(record);
        changed(world, tx, record);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_event() -> impl Strategy<Value = InstanceEvent> {
        prop_oneof![
            Just(InstanceEvent::Register),
            Just(InstanceEvent::Drain),
            Just(InstanceEvent::Activate),
            Just(InstanceEvent::Deregister),
        ]
    }

    proptest! {
        /// DeregisterContainerInstance: "This instance is no longer available to run tasks".
        #[test]
        fn nothing_brings_a_deregistered_instance_back(
            before in proptest::collection::vec(any_event(), 0..8),
            after in proptest::collection::vec(any_event(), 1..8),
        ) {
            let alive = before.into_iter().fold(InstanceState::Active, |state, event| state.after(event).unwrap_or(state));
            let gone = alive.after(InstanceEvent::Deregister).unwrap_or(alive);
            for event in after {
                prop_assert_eq!(gone.after(event), None);
            }
        }

        /// UpdateContainerInstancesState: the last of ACTIVE and DRAINING stands, whatever the agent does in between.
        #[test]
        fn the_state_is_the_last_that_was_asked_for(events in proptest::collection::vec(any_event(), 0..16)) {
            let mut state = InstanceState::Active;
            let mut asked = InstanceState::Active;
            for event in events {
                match event {
                    InstanceEvent::Register => {}
                    InstanceEvent::Drain => asked = InstanceState::Draining,
                    InstanceEvent::Activate => asked = InstanceState::Active,
                    InstanceEvent::Deregister => break,
                }
                state = state.after(event).expect("an instance that is not deregistered");
                prop_assert_eq!(state, asked);
            }
        }
    }
}
