//! ListTaskDefinitions and ListTaskDefinitionFamilies.

use std::sync::Arc;

use kecs_model::ecs::{
    ListTaskDefinitionFamiliesRequest, ListTaskDefinitionFamiliesResponse, ListTaskDefinitionsRequest, ListTaskDefinitionsResponse,
    SortOrder, TaskDefinitionFamilyStatus, TaskDefinitionStatus,
};
use kecs_model::{ApiError, RequestContext};

use crate::engine::{RevisionKey, Shared};
use crate::page::Page;

pub(in crate::api) async fn list_task_definitions(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListTaskDefinitionsRequest,
) -> Result<ListTaskDefinitionsResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, 100, 100)?;
    let after = page.after.as_deref().map(revision_key).transpose()?;
    let status = input.status.unwrap_or(TaskDefinitionStatus::Active);
    // "The full family name to filter the ListTaskDefinitions results with", for all that it is called a prefix.
    let family = input.family_prefix.as_deref().filter(|family| !family.is_empty());
    Ok(shared.read(ctx, |world| {
        let key = |(family, revision): &&RevisionKey| format!("{family}:{revision}");
        let (revisions, next_token) = if input.sort == Some(SortOrder::Desc) {
            page.take(world.task_definitions.listed_between(&status, family, None, after).rev(), key)
        } else {
            page.take(world.task_definitions.listed_between(&status, family, after, None), key)
        };
        let arns = revisions.into_iter().map(|(family, revision)| world.scope.task_definition_arn(family, *revision)).collect();
        ListTaskDefinitionsResponse { task_definition_arns: Some(arns), next_token }
    }))
}

/// Reads `family:revision`, as page tokens have it.
fn revision_key(text: &str) -> Result<RevisionKey, ApiError> {
    text.rsplit_once(':')
        .and_then(|(family, revision)| Some((family.into(), revision.parse().ok()?)))
        .ok_or_else(|| ApiError::invalid_parameter("Invalid token."))
}

pub(in crate::api) async fn list_task_definition_families(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListTaskDefinitionFamiliesRequest,
) -> Result<ListTaskDefinitionFamiliesResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, 100, 100)?;
    let prefix = input.family_prefix.unwrap_or_default();
    let wanted = match input.status {
        Some(TaskDefinitionFamilyStatus::Active) => Some(true),
        Some(TaskDefinitionFamilyStatus::Inactive) => Some(false),
        _ => None,
    };
    Ok(shared.read(ctx, |world| {
        let families = world.task_definitions.families(wanted, &prefix, page.after.as_deref()).map(ToString::to_string);
        let (families, next_token) = page.take(families, Clone::clone);
        ListTaskDefinitionFamiliesResponse { families: Some(families), next_token }
    }))
}
