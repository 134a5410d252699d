//! Capacity providers.

use kecs_model::ecs::{CapacityProvider, CapacityProviderStatus, Tag};
use serde::{Deserialize, Serialize};

use crate::engine::table::Record;

/// A capacity provider that was created. FARGATE and FARGATE_SPOT, which every account has, are not on record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CapacityProviderRecord {
    /// The name, once more, as the key.
    pub(crate) name: String,
    /// As clients see it, without tags. INACTIVE once it was deleted.
    pub(crate) provider: CapacityProvider,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

impl CapacityProviderRecord {
    /// Whether it can be used; else it was deleted.
    pub(crate) fn active(&self) -> bool {
        self.provider.status == Some(CapacityProviderStatus::Active)
    }

    /// Whether ECS manages its instances, which makes it a part of one cluster.
    pub(crate) fn managed_instances(&self) -> bool {
        self.provider.managed_instances_provider.is_some()
    }
}

impl Record for CapacityProviderRecord {
    const TABLE: &'static str = "capacity-provider";

    fn key(&self) -> String {
        self.name.clone()
    }
}
