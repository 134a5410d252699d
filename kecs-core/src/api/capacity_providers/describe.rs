//! DescribeCapacityProviders.

use std::sync::Arc;

use kecs_model::ecs::{
    CapacityProvider, CapacityProviderField, DescribeCapacityProvidersRequest, DescribeCapacityProvidersResponse, Failure,
};
use kecs_model::{ApiError, RequestContext};

use super::{predefined, provider_name};
use crate::arn::Arn;
use crate::capacity::{FARGATE, FARGATE_SPOT};
use crate::engine::{Shared, World};
use crate::page::Page;

/// "Up to 100 capacity providers can be described in an action."
const MOST_DESCRIBED: usize = 100;
/// "This value can be between 1 and 10. If this parameter is not used, then … up to 10 results."
const PAGE: usize = 10;

pub(in crate::api) async fn describe_capacity_providers(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: DescribeCapacityProvidersRequest,
) -> Result<DescribeCapacityProvidersResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, PAGE, PAGE)?;
    let named = input.capacity_providers.unwrap_or_default();
    if named.len() > MOST_DESCRIBED {
        return Err(ApiError::invalid_parameter("Capacity providers cannot have more than 100 elements."));
    }
    let tags = input.include.unwrap_or_default().contains(&CapacityProviderField::Tags);
    shared.read(ctx, |world| {
        let associated = match &input.cluster {
            Some(cluster) => Some(world.active_cluster(Some(cluster))?.cluster.capacity_providers.clone().unwrap_or_default()),
            None => None,
        };
        let visible = |name: &str| associated.as_ref().is_none_or(|names| names.iter().any(|it| it == name));
        if named.is_empty() {
            let names = all(world).into_iter().filter(|name| visible(name));
            let rest = names.filter(|name| page.after.as_ref().is_none_or(|after| name > after));
            let (names, next_token) = page.take(rest, Clone::clone);
            let capacity_providers = names.iter().filter_map(|name| described(world, name, tags)).collect();
            return Ok(DescribeCapacityProvidersResponse {
                capacity_providers: Some(capacity_providers),
                failures: Some(Vec::new()),
                next_token,
            });
        }
        let mut found = Vec::new();
        let mut failures = Vec::new();
        for text in named {
            let name = provider_name(world, &text).filter(|name| visible(name));
            match name.and_then(|name| described(world, name, tags)) {
                Some(provider) => found.push(provider),
                None => failures.push(Failure {
                    arn: Some(if Arn::parse(&text).is_some() { text } else { world.scope.capacity_provider_arn(&text) }),
                    reason: Some("MISSING".to_owned()),
                    detail: None,
                }),
            }
        }
        Ok(DescribeCapacityProvidersResponse { capacity_providers: Some(found), failures: Some(failures), next_token: None })
    })
}

/// All that can be used, in order.
fn all(world: &World) -> Vec<String> {
    let created = world.capacity_providers.iter().filter(|record| record.active()).map(|record| record.name.clone());
    let mut names: Vec<String> = [FARGATE, FARGATE_SPOT].map(str::to_owned).into_iter().chain(created).collect();
    names.sort_unstable();
    names
}

/// One that is or was.
fn described(world: &World, name: &str, tags: bool) -> Option<CapacityProvider> {
    predefined(world, name).or_else(|| {
        let record = world.capacity_providers.get(name)?;
        let tags = if tags { record.tags.clone() } else { Vec::new() };
        Some(CapacityProvider { tags: Some(tags), ..record.provider.clone() })
    })
}
