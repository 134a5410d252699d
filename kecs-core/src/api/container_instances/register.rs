//! RegisterContainerInstance.

use std::sync::Arc;

use kecs_model::ecs::{
    Attribute, ContainerInstance, PlatformDeviceType, RegisterContainerInstanceRequest, RegisterContainerInstanceResponse, Resource,
};
use kecs_model::{ApiError, RequestContext};
use serde::Deserialize;
use uuid::Uuid;

use super::{find, instance_id, not_registered};
use crate::engine::{ContainerInstanceRecord, Shared, Tx, World};
use crate::instance_life::{InstanceEvent, InstanceState, changed, described, happens, wake_services};

/// What AWS says of an agent that comes back on another instance type, as the agent itself knows it.
const TYPE_CHANGED: &str = "Container instance type changes are not supported.";
const INSTANCE_TYPE: &str = "ecs.instance-type";

pub(in crate::api) async fn register_container_instance(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: RegisterContainerInstanceRequest,
) -> Result<RegisterContainerInstanceResponse, ApiError> {
    let document = input.instance_identity_document.as_deref().filter(|text| !text.is_empty()).map(Document::parse).transpose()?;
    let attributes = attributes(input.attributes.as_deref().unwrap_or_default(), document.as_ref())?;
    let mut resources = input.total_resources.clone().unwrap_or_default();
    check_resources(&resources)?;
    resources.extend(gpus(&input));
    let instance = shared
        .write(ctx, |world, tx| {
            let cluster = world.active_cluster(input.cluster.as_deref())?.name.clone();
            let registered = Registered { attributes, resources, document, input };
            let record = match registered.input.container_instance_arn.clone().filter(|arn| !arn.is_empty()) {
                Some(arn) => again(world, tx, &cluster, &arn, registered)?,
                None => first(world, tx, cluster, registered),
            };
            Ok(described(world, &record, true))
        })
        .await?;
    Ok(RegisterContainerInstanceResponse { container_instance: Some(instance) })
}

/// What an agent says of its instance, checked.
struct Registered {
    attributes: Vec<Attribute>,
    resources: Vec<Resource>,
    document: Option<Document>,
    input: RegisterContainerInstanceRequest,
}

fn first(world: &mut World, tx: &mut Tx, cluster: String, registered: Registered) -> Arc<ContainerInstanceRecord> {
    let Registered { attributes, resources, document, input } = registered;
    let id = Uuid::new_v4().simple().to_string();
    let instance = ContainerInstance {
        container_instance_arn: Some(world.scope.container_instance_arn(&cluster, &id)),
        ec2_instance_id: document.and_then(|document| document.instance_id),
        // Nothing but the registration tells of an agent: there is no connection of its own that could break.
        agent_connected: Some(true),
        attributes: Some(attributes),
        registered_at: Some(tx.now),
        registered_resources: Some(resources),
        version_info: Some(input.version_info.unwrap_or_default()),
        ..ContainerInstance::default()
    };
    let record = ContainerInstanceRecord {
        cluster,
        id,
        state: InstanceState::Active,
        instance,
        hosted: false,
        custom_attributes: Vec::new(),
        tags: input.tags.unwrap_or_default(),
        forget_at: None,
    };
    let record = changed(world, tx, record);
    wake_services(world, tx, &record);
    record
}

/// An agent that restarted: its instance keeps its ARN, state, custom attributes and tags.
fn again(
    world: &mut World,
    tx: &mut Tx,
    cluster: &str,
    arn: &str,
    registered: Registered,
) -> Result<Arc<ContainerInstanceRecord>, ApiError> {
    let id = instance_id(world, cluster, arn).unwrap_or(arn);
    let known = find(world, cluster, arn).filter(|record| record.state.after(InstanceEvent::Register).is_some());
    let mut record = ContainerInstanceRecord::clone(known.ok_or_else(|| not_registered(id))?);
    let Registered { mut attributes, resources, document: _, input } = registered;
    let instance_type = attributes.iter().find(|attribute| attribute.name.as_deref() == Some(INSTANCE_TYPE));
    if let (Some(before), Some(now)) = (record.attribute(INSTANCE_TYPE), instance_type.and_then(|it| it.value.as_deref()))
        && before != now
    {
        return Err(ApiError::invalid_parameter(TYPE_CHANGED));
    }
    let custom = |attribute: &&Attribute| attribute.name.as_ref().is_some_and(|name| record.custom_attributes.contains(name));
    let kept: Vec<Attribute> = record.attributes().filter(custom).cloned().collect();
    attributes.retain(|attribute| !kept.iter().any(|other| other.name == attribute.name));
    attributes.extend(kept);
    let instance = &mut record.instance;
    instance.attributes = Some(attributes);
    instance.registered_resources = Some(resources);
    instance.agent_connected = Some(true);
    if input.version_info.is_some() {
        instance.version_info = input.version_info;
    }
    happens(world, tx, &record, InstanceEvent::Register).ok_or_else(|| not_registered(&record.id))
}

/// The instance identity document, as far as ECS reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    instance_id: Option<String>,
    instance_type: Option<String>,
    image_id: Option<String>,
    availability_zone: Option<String>,
}

impl Document {
    /// Its signature is not verified: there is no EC2 behind it that could have made it.
    fn parse(text: &str) -> Result<Self, ApiError> {
        serde_json::from_str(text).map_err(|_| ApiError::client("The instance identity document is not valid JSON."))
    }
}

/// Those of the agent, and those that ECS reads off the identity document ("Amazon ECS container instance attributes").
fn attributes(of_agent: &[Attribute], document: Option<&Document>) -> Result<Vec<Attribute>, ApiError> {
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        attributes.retain(|other| other.name.as_deref() != Some(name));
        attributes.push(Attribute { name: Some(name.to_owned()), value, ..Attribute::default() });
    };
    add("ecs.os-type", Some("linux".to_owned()));
    if let Some(document) = document {
        for (name, value) in [
            ("ecs.ami-id", &document.image_id),
            (INSTANCE_TYPE, &document.instance_type),
            ("ecs.availability-zone", &document.availability_zone),
        ] {
            if value.is_some() {
                add(name, value.clone());
            }
        }
    }
    for attribute in of_agent {
        let name = attribute.name.as_deref().filter(|name| !name.is_empty());
        add(name.ok_or_else(|| ApiError::invalid_parameter("Attribute name cannot be empty."))?, attribute.value.clone());
    }
    Ok(attributes)
}

/// "Valid values: INTEGER, DOUBLE, LONG, or STRINGSET" (Resource, type).
fn check_resources(resources: &[Resource]) -> Result<(), ApiError> {
    let valid = |resource: &Resource| {
        resource.name.as_deref().is_some_and(|name| !name.is_empty())
            && matches!(resource.r#type.as_deref(), Some("INTEGER" | "DOUBLE" | "LONG" | "STRINGSET"))
    };
    if resources.iter().all(valid) {
        return Ok(());
    }
    Err(ApiError::invalid_parameter("Each resource must have a name, and a type of [INTEGER,DOUBLE,LONG,STRINGSET]."))
}

/// The GPUs among the platform devices, as the resource that they are.
fn gpus(input: &RegisterContainerInstanceRequest) -> Option<Resource> {
    let devices = input.platform_devices.iter().flatten().filter(|device| device.r#type == Some(PlatformDeviceType::Gpu));
    let ids: Vec<String> = devices.filter_map(|device| device.id.clone()).collect();
    let listed = input.total_resources.iter().flatten().any(|resource| resource.name.as_deref() == Some("GPU"));
    (!ids.is_empty() && !listed).then(|| Resource {
        name: Some("GPU".to_owned()),
        r#type: Some("STRINGSET".to_owned()),
        string_set_value: Some(ids),
        ..Resource::default()
    })
}
