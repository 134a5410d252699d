//! The life of a container instance: ACTIVE ⇄ DRAINING, and from either to INACTIVE.
//!
//! ECS has three more states. REGISTERING and REGISTRATION_FAILED are of instances that wait for a trunk network interface, and DEREGISTERING
//! of those that give one back (ContainerInstance, `status`); there are none here, so those states are never entered.

use kecs_model::ecs::ContainerInstanceStatus;
use serde::{Deserialize, Serialize};

use crate::placement::InstanceStatus;

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
