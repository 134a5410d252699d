//! Tags of every resource that has an ARN.

mod resource;

use std::sync::Arc;

use kecs_model::ecs::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest, TagResourceResponse, UntagResourceRequest,
    UntagResourceResponse,
};
use kecs_model::{ApiError, RequestContext};

use crate::engine::Shared;
use crate::tags;
use resource::Tagged;

pub(super) async fn tag_resource(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: TagResourceRequest,
) -> Result<TagResourceResponse, ApiError> {
    let arn = input.resource_arn.unwrap_or_default();
    let new = input.tags.unwrap_or_default();
    shared
        .write(ctx, |world, tx| {
            let resource = Tagged::find(world, &arn).map_err(resource::Missing::of_change)?;
            let tags = tags::added(resource.tags(), &new).map_err(ApiError::invalid_parameter)?;
            resource.put(world, tx, tags);
            Ok(TagResourceResponse {})
        })
        .await
}

pub(super) async fn untag_resource(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: UntagResourceRequest,
) -> Result<UntagResourceResponse, ApiError> {
    let arn = input.resource_arn.unwrap_or_default();
    let keys = input.tag_keys.unwrap_or_default();
    shared
        .write(ctx, |world, tx| {
            let resource = Tagged::find(world, &arn).map_err(resource::Missing::of_change)?;
            let tags = tags::removed(resource.tags(), &keys).map_err(ApiError::invalid_parameter)?;
            resource.put(world, tx, tags);
            Ok(UntagResourceResponse {})
        })
        .await
}

pub(super) async fn list_tags_for_resource(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ApiError> {
    let arn = input.resource_arn.unwrap_or_default();
    shared.read(ctx, |world| {
        let resource = Tagged::find(world, &arn).map_err(resource::Missing::of_list)?;
        Ok(ListTagsForResourceResponse { tags: Some(resource.tags().to_vec()) })
    })
}
