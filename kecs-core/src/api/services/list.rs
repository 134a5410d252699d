//! ListServices and ListServicesByNamespace.

use std::sync::Arc;

use kecs_model::ecs::{ListServicesByNamespaceRequest, ListServicesByNamespaceResponse, ListServicesRequest, ListServicesResponse};
use kecs_model::{ApiError, RequestContext};

use crate::engine::{ServiceRecord, Shared};
use crate::page::Page;

/// "If this parameter isn't used, then ListServices returns up to 10 results" (ListServices.maxResults), "between 1 and 100".
const PAGE: usize = 10;
const MOST: usize = 100;

pub(in crate::api) async fn list_services(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListServicesRequest,
) -> Result<ListServicesResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, PAGE, MOST)?;
    shared.read(ctx, |world| {
        let prefix = format!("{}/", world.active_cluster(input.cluster.as_deref())?.name);
        // "The service is no longer visible in the console or in the ListServices API operation" once it is DRAINING (DeleteService).
        let services = world.services.of(&prefix, page.after.as_deref()).filter(|service| service.active());
        let (services, next_token) = page.take(services.filter(|service| matches(service, &input)), |service| service.name.clone());
        let service_arns = services.iter().filter_map(|service| service.service.service_arn.clone()).collect();
        Ok(ListServicesResponse { service_arns: Some(service_arns), next_token })
    })
}

fn matches(record: &ServiceRecord, input: &ListServicesRequest) -> bool {
    let service = &record.service;
    input.launch_type.as_ref().is_none_or(|wanted| service.launch_type.as_ref() == Some(wanted))
        && input.scheduling_strategy.as_ref().is_none_or(|wanted| service.scheduling_strategy.as_ref() == Some(wanted))
        && input.resource_management_type.as_ref().is_none_or(|wanted| service.resource_management_type.as_ref() == Some(wanted))
}

pub(in crate::api) async fn list_services_by_namespace(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: ListServicesByNamespaceRequest,
) -> Result<ListServicesByNamespaceResponse, ApiError> {
    let page = Page::new(input.next_token.as_deref(), input.max_results, PAGE, MOST)?;
    let namespace = input.namespace.filter(|namespace| !namespace.is_empty());
    let namespace = namespace.ok_or_else(|| ApiError::invalid_parameter("Namespace cannot be empty."))?;
    Ok(shared.read(ctx, |world| {
        // Until Cloud Map is served no namespace is known not to exist.
        let keys = world.services.in_namespace(&namespace, page.after.as_deref());
        let (keys, next_token) = page.take(keys, |key| (*key).clone());
        let parts = keys.into_iter().filter_map(|key| key.split_once('/'));
        let service_arns = parts.map(|(cluster, name)| world.scope.service_arn(cluster, name)).collect();
        ListServicesByNamespaceResponse { service_arns: Some(service_arns), next_token }
    }))
}
