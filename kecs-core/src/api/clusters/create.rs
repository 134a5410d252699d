//! CreateCluster.

use std::sync::Arc;

use kecs_model::ecs::{
    Cluster, ClusterField, ClusterSetting, ClusterSettingName, CreateClusterRequest, CreateClusterResponse, SettingName,
};
use kecs_model::{ApiError, RequestContext};

use super::{checks, described};
use crate::account_settings;
use crate::engine::{ClusterRecord, Effect, Shared, World};
use crate::{capacity, tags};

const INCONSISTENT: &str = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";

pub(in crate::api) async fn create_cluster(
    shared: &Arc<Shared>,
    ctx: &RequestContext,
    input: CreateClusterRequest,
) -> Result<CreateClusterResponse, ApiError> {
    let name = input.cluster_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    checks::name(&name)?;
    tags::check(input.tags.as_deref().unwrap_or_default()).map_err(ApiError::invalid_parameter)?;
    checks::settings(input.settings.as_deref().unwrap_or_default())?;
    input.configuration.as_ref().map_or(Ok(()), checks::configuration)?;
    let service_connect_defaults = match input.service_connect_defaults.clone() {
        Some(defaults) => checks::service_connect(defaults)?,
        None => None,
    };
    let include = [ClusterField::Settings, ClusterField::Configurations, ClusterField::Tags];
    let cluster = shared
        .write(ctx, |world, tx| {
            if let Some(existing) = world.clusters.get(&name).filter(|cluster| !cluster.inactive) {
                return if consistent(&existing.cluster, &input) {
                    Ok(described(world, existing, &include))
                } else {
                    Err(ApiError::invalid_parameter(INCONSISTENT))
                };
            }
            let capacity_providers = input.capacity_providers.unwrap_or_default();
            let strategy = input.default_capacity_provider_strategy.unwrap_or_default();
            checks::providers(world, &name, &capacity_providers)?;
            capacity::check_default_strategy(&capacity_providers, &strategy)?;
            let cluster = Cluster {
                cluster_arn: Some(world.scope.cluster_arn(&name)),
                cluster_name: Some(name.clone()),
                status: Some("ACTIVE".to_owned()),
                configuration: input.configuration,
                settings: Some(
                    input.settings.filter(|settings| !settings.is_empty()).unwrap_or_else(|| default_settings(world, ctx)),
                ),
                capacity_providers: Some(capacity_providers),
                default_capacity_provider_strategy: Some(strategy),
                service_connect_defaults,
                ..Cluster::default()
            };
            let record = ClusterRecord { name: name.clone(), cluster, tags: input.tags.unwrap_or_default(), inactive: false };
            let record = world.clusters.put(tx, record);
            tx.then(Effect::Watch(world.cluster_ref(&name)));
            Ok(described(world, &record, &include))
        })
        .await?;
    Ok(CreateClusterResponse { cluster: Some(cluster) })
}

/// Whether a repeated request asks for nothing else than what is there. What it leaves out it does not ask for.
fn consistent(existing: &Cluster, again: &CreateClusterRequest) -> bool {
    fn same<T: PartialEq>(asked: Option<&T>, there: Option<&T>) -> bool {
        asked.is_none_or(|asked| Some(asked) == there)
    }
    let CreateClusterRequest {
        cluster_name: _,
        // A repeat with other tags is answered like one with the same.
        tags: _,
        capacity_providers,
        configuration,
        default_capacity_provider_strategy,
        service_connect_defaults,
        settings,
    } = again;
    let namespace = existing.service_connect_defaults.as_ref().and_then(|defaults| defaults.namespace.as_ref());
    same(settings.as_ref().filter(|settings| !settings.is_empty()), existing.settings.as_ref())
        && same(configuration.as_ref(), existing.configuration.as_ref())
        && same(capacity_providers.as_ref(), existing.capacity_providers.as_ref())
        && same(default_capacity_provider_strategy.as_ref(), existing.default_capacity_provider_strategy.as_ref())
        && same(service_connect_defaults.as_ref().and_then(|defaults| defaults.namespace.as_ref()), namespace)
}

/// What a cluster has without settings of its own: what the caller's account settings say of Container Insights.
fn default_settings(world: &World, ctx: &RequestContext) -> Vec<ClusterSetting> {
    let value = account_settings::value(world, ctx, &SettingName::ContainerInsights);
    vec![ClusterSetting { name: Some(ClusterSettingName::ContainerInsights), value: Some(value) }]
}
