//! Attributes of container instances, the only targets that have any.

mod list;
mod update;

pub(super) use list::list_attributes;
pub(super) use update::{delete_attributes, put_attributes};

use kecs_model::ecs::{Attribute, TargetType};

use crate::engine::ContainerInstanceRecord;

/// An attribute as clients see it apart from its instance.
fn shown(record: &ContainerInstanceRecord, attribute: &Attribute) -> Attribute {
    Attribute {
        name: attribute.name.clone(),
        value: attribute.value.clone(),
        target_id: Some(record.arn().to_owned()),
        target_type: Some(TargetType::ContainerInstance),
    }
}
