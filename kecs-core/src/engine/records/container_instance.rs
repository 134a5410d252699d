//! Container instances.

use kecs_model::Timestamp;
use kecs_model::ecs::{Attribute, ContainerInstance, Resource, Tag};
use serde::{Deserialize, Serialize};

use crate::engine::table::Record;
use crate::instance_life::InstanceState;

/// A container instance: a host that an agent registered into a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ContainerInstanceRecord {
    /// The cluster's name, as the key.
    pub(crate) cluster: String,
    /// The id, the last part of the ARN, as the key.
    pub(crate) id: String,
    /// The state that it is in.
    pub(crate) state: InstanceState,
    /// As clients see it, without status, counts, remaining resources and tags. Its attributes are those of the agent and the custom ones.
    pub(crate) instance: ContainerInstance,
    /// Whether it is a host that the backend tells of, and not one that somebody registered.
    #[serde(default)]
    pub(crate) hosted: bool,
    /// The names of the attributes that PutAttributes made.
    #[serde(default)]
    pub(crate) custom_attributes: Vec<String>,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
    /// When it is forgotten, once it is INACTIVE.
    #[serde(default)]
    pub(crate) forget_at: Option<Timestamp>,
}

impl ContainerInstanceRecord {
    /// The ARN, which every registered instance has.
    pub(crate) fn arn(&self) -> &str {
        self.instance.container_instance_arn.as_deref().unwrap_or_default()
    }

    /// Its attributes.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.instance.attributes.iter().flatten()
    }

    /// The value of an attribute; empty for one without a value.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes().find(|attribute| attribute.name.as_deref() == Some(name))?;
        Some(found.value.as_deref().unwrap_or_default())
    }

    /// A resource that it registered.
    pub(crate) fn resource(&self, name: &str) -> Option<&Resource> {
        self.instance.registered_resources.iter().flatten().find(|resource| resource.name.as_deref() == Some(name))
    }
}

/// Its key among all instances.
pub(crate) fn instance_key(record: &ContainerInstanceRecord) -> String {
    record.key()
}

/// What the keys of a cluster's instances begin with.
pub(crate) fn instances_of(cluster: &str) -> String {
    format!("{cluster}/")
}

impl Record for ContainerInstanceRecord {
    const TABLE: &'static str = "container-instance";

    fn key(&self) -> String {
        format!("{}{}", instances_of(&self.cluster), self.id)
    }
}
