//! ListAttributes.

use std::sync::Arc;

use kecs_model::ecs::{ListAttributesRequest, ListAttributesResponse, TargetType};
use kecs_model::{ApiError, RequestContext};

use super::shown;
use crate::engine::Shared;
use crate::page::Page;

pub(in crate::api) async fn list_attributes(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListAttributesRequest,
) -> Result<ListAttributesResponse, ApiError> {
    if input.target_type != Some(TargetType::ContainerInstance) {
        return Err(ApiError::invalid_parameter("targetType should be one of [container-instance]"));
    }
    let name = input.attribute_name.filter(|name| !name.is_empty());
    let value = input.attribute_value.filter(|value| !value.is_empty());
    if value.is_some() && name.is_none() {
        // "You must also specify an attribute name to use this parameter" (attributeValue).
        return Err(ApiError::invalid_parameter("You must also specify an attribute name to filter by an attribute value."));
    }
    let page = Page::new(input.next_token.as_deref(), input.max_results, 100, 100)?;
    shared.read(ctx, |world| {
        let cluster = &world.active_cluster(input.cluster.as_deref())?.name;
        let mut found = Vec::new();
        for record in world.instances_of(cluster) {
            let wanted = record
                .attributes()
                .filter(|attribute| (name.is_none() || attribute.name == name) && (value.is_none() || attribute.value == value));
            found.extend(
                wanted.map(|attribute| {
                    (format!("{}/{}", record.id, attribute.name.as_deref().unwrap_or_default()), record, attribute)
                }),
            );
        }
        found.sort_by(|(left, ..), (right, ..)| left.cmp(right));
        let rest = found.into_iter().filter(|(key, ..)| page.after.as_ref().is_none_or(|after| key > after));
        let (items, next_token) = page.take(rest, |(key, ..)| key.clone());
        let attributes = items.into_iter().map(|(_, record, attribute)| shown(record, attribute)).collect();
        Ok(ListAttributesResponse { attributes: Some(attributes), next_token })
    })
}
