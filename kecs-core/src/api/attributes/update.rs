//! PutAttributes and DeleteAttributes.

use std::collections::BTreeMap;
use std::sync::Arc;

use kecs_model::ecs::{
    Attribute, DeleteAttributesRequest, DeleteAttributesResponse, PutAttributesRequest, PutAttributesResponse, TargetType,
};
use kecs_model::{ApiError, RequestContext};

use super::shown;
use crate::api::container_instances::find;
use crate::arn::Arn;
use crate::engine::{ContainerInstanceRecord, Shared, Tx, World};
use crate::instance_life::InstanceState;
use crate::instance_life::wake_services;

/// "You can specify up to 10 attributes in a single call" (PutAttributes).
const MOST_IN_A_CALL: usize = 10;
/// "You can apply up to 10 custom attributes for each resource" (AttributeLimitExceededException).
const MOST_CUSTOM: usize = 10;
const LENGTH: usize = 128;

pub(in crate::api) async fn put_attributes(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: PutAttributesRequest,
) -> Result<PutAttributesResponse, ApiError> {
    let attributes = input.attributes.unwrap_or_default();
    check_call(&attributes)?;
    for attribute in &attributes {
        check_form(attribute)?;
    }
    let put = shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let mut changed = BTreeMap::<String, ContainerInstanceRecord>::new();
            let mut answer = Vec::new();
            for attribute in &attributes {
                let record = changing(world, &cluster, attribute, &mut changed)?;
                put(record, attribute)?;
                answer.push(shown(record, attribute));
            }
            record(world, tx, changed);
            Ok(answer)
        })
        .await?;
    Ok(PutAttributesResponse { attributes: Some(put) })
}

pub(in crate::api) async fn delete_attributes(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DeleteAttributesRequest,
) -> Result<DeleteAttributesResponse, ApiError> {
    let attributes = input.attributes.unwrap_or_default();
    check_call(&attributes)?;
    let deleted = shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let mut changed = BTreeMap::<String, ContainerInstanceRecord>::new();
            let mut answer = Vec::new();
            for attribute in &attributes {
                let record = changing(world, &cluster, attribute, &mut changed)?;
                answer.extend(delete(record, attribute)?);
            }
            record(world, tx, changed);
            Ok(answer)
        })
        .await?;
    Ok(DeleteAttributesResponse { attributes: Some(deleted) })
}

/// Records the instances, and lets the services look whose constraints may read the attributes.
fn record(world: &mut World, tx: &mut Tx, changed: BTreeMap<String, ContainerInstanceRecord>) {
    for record in changed.into_values() {
        let record = world.instances.put(tx, record);
        wake_services(world, tx, &record);
    }
}

fn check_call(attributes: &[Attribute]) -> Result<(), ApiError> {
    match attributes.len() {
        0 => Err(ApiError::invalid_parameter("Attributes cannot be empty.")),
        1..=MOST_IN_A_CALL => Ok(()),
        _ => Err(ApiError::invalid_parameter("Attributes cannot have more than 10 elements.")),
    }
}

/// The forms that Attribute documents for name and value.
fn check_form(attribute: &Attribute) -> Result<(), ApiError> {
    let form = |text: &str, extra: &str| {
        (1..=LENGTH).contains(&text.chars().count()) && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    if !attribute.name.as_deref().is_some_and(|name| form(name, "-_/\\.")) {
        let message = "The attribute name must contain between 1 and 128 letters, numbers, hyphens, underscores, forward slashes, back slashes or periods.";
        return Err(ApiError::invalid_parameter(message));
    }
    if let Some(value) = attribute.value.as_deref().filter(|value| !value.is_empty())
        && (!form(value, "-_.@/\\: ") || value.trim() != value)
    {
        let message = "The attribute value must contain between 1 and 128 letters, numbers, hyphens, underscores, periods, at signs, forward slashes, back slashes, colons or spaces, and can't start or end with a space.";
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(())
}

/// The instance that an attribute is of, as it is after the attributes before it.
fn changing<'a>(
    world: &World,
    cluster: &str,
    attribute: &Attribute,
    changed: &'a mut BTreeMap<String, ContainerInstanceRecord>,
) -> Result<&'a mut ContainerInstanceRecord, ApiError> {
    let target = attribute.target_id.as_deref().filter(|target| !target.is_empty());
    let target = target.ok_or_else(|| ApiError::invalid_parameter("targetId cannot be empty."))?;
    // "This parameter is required if you use the short form ID for a resource instead of the full ARN" (targetType).
    if Arn::parse(target).is_none() && attribute.target_type != Some(TargetType::ContainerInstance) {
        return Err(ApiError::invalid_parameter("targetType must be container-instance if targetId is not a full ARN."));
    }
    let found = find(world, cluster, target).filter(|record| record.state != InstanceState::Inactive);
    let record = found.ok_or_else(|| ApiError::target_not_found(format!("The specified target was not found: {target}")))?;
    Ok(changed.entry(record.id.clone()).or_insert_with(|| ContainerInstanceRecord::clone(record)))
}

/// Attributes of the agent and ECS's own stay as they are.
fn check_custom(record: &ContainerInstanceRecord, name: &str) -> Result<(), ApiError> {
    let custom = record.custom_attributes.iter().any(|it| it == name);
    if !custom && (record.attribute(name).is_some() || name.starts_with("ecs.") || name.starts_with("com.amazonaws.")) {
        return Err(ApiError::invalid_parameter(format!("The attribute {name} is built-in and can't be changed or deleted.")));
    }
    Ok(())
}

fn put(record: &mut ContainerInstanceRecord, attribute: &Attribute) -> Result<(), ApiError> {
    let name = attribute.name.clone().unwrap_or_default();
    check_custom(record, &name)?;
    if !record.custom_attributes.contains(&name) {
        if record.custom_attributes.len() >= MOST_CUSTOM {
            return Err(ApiError::attribute_limit_exceeded("You can apply up to 10 custom attributes for each resource."));
        }
        record.custom_attributes.push(name);
    }
    let attributes = record.instance.attributes.get_or_insert_default();
    attributes.retain(|other| other.name != attribute.name);
    attributes.push(Attribute { name: attribute.name.clone(), value: attribute.value.clone(), ..Attribute::default() });
    Ok(())
}

/// Takes an attribute away; `None` where there is no such one.
fn delete(record: &mut ContainerInstanceRecord, attribute: &Attribute) -> Result<Option<Attribute>, ApiError> {
    let name = attribute.name.as_deref().unwrap_or_default();
    if record.attribute(name).is_none() {
        return Ok(None);
    }
    check_custom(record, name)?;
    let deleted = record.attributes().find(|it| it.name.as_deref() == Some(name)).map(|it| shown(record, it));
    record.custom_attributes.retain(|it| it != name);
    record.instance.attributes.get_or_insert_default().retain(|it| it.name.as_deref() != Some(name));
    Ok(deleted)
}
