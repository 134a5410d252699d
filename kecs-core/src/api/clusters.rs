//! Clusters.

mod checks;
mod create;
mod delete;
mod describe;
mod statistics;
mod update;

pub(super) use create::create_cluster;
pub(super) use delete::delete_cluster;
pub(super) use describe::{describe_clusters, list_clusters};
pub(super) use update::{put_cluster_capacity_providers, update_cluster, update_cluster_settings};

use kecs_model::ecs::{Attachment, Cluster, ClusterField, KeyValuePair, ManagedDraining, ManagedScalingStatus};
use uuid::Uuid;

use crate::engine::{CapacityProviderRecord, ClusterRecord, World};

/// A cluster as clients see it, with its counts, and with what `include` asks for.
fn described(world: &World, record: &ClusterRecord, include: &[ClusterField]) -> Cluster {
    let asked = |field| include.contains(&field);
    let mut cluster = record.cluster.clone();
    let tasks = world.tasks.counts(&record.name, None);
    cluster.running_tasks_count = Some(tasks.running);
    cluster.pending_tasks_count = Some(tasks.pending);
    cluster.registered_container_instances_count = i32::try_from(world.instances_of(&record.name).count()).ok();
    cluster.active_services_count = Some(world.services.active_count(&record.name));
    cluster.tags = Some(if asked(ClusterField::Tags) { record.tags.clone() } else { Vec::new() });
    cluster.statistics = Some(if asked(ClusterField::Statistics) { statistics::of(world, record) } else { Vec::new() });
    if !asked(ClusterField::Settings) {
        cluster.settings = Some(Vec::new());
    }
    if !asked(ClusterField::Configurations) {
        cluster.configuration = None;
    }
    if asked(ClusterField::Attachments) {
        let attachments = attachments(world, record);
        cluster.attachments_status = (!attachments.is_empty()).then(|| "UPDATE_COMPLETE".to_owned());
        cluster.attachments = Some(attachments);
    }
    cluster
}

/// "When using a capacity provider with a cluster, the capacity provider and associated resources are returned as cluster attachments"
/// (Cluster, attachments): the scaling policy and the draining hook of each Auto Scaling group.
fn attachments(world: &World, record: &ClusterRecord) -> Vec<Attachment> {
    let associated = record.cluster.capacity_providers.iter().flatten();
    associated.filter_map(|name| world.capacity_providers.get(name)).flat_map(|provider| attachments_of(record, provider)).collect()
}

fn attachments_of(cluster: &ClusterRecord, provider: &CapacityProviderRecord) -> Vec<Attachment> {
    let Some(group) = &provider.provider.auto_scaling_group_provider else { return Vec::new() };
    // The same for as long as both exist, without being stored.
    let id = |what: &str| {
        let arns = [cluster.cluster.cluster_arn.as_deref(), provider.provider.capacity_provider_arn.as_deref()];
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{what} {arns:?}").as_bytes())
    };
    let attachment = |what: &str, detail: &str, value: String| Attachment {
        id: Some(id(what).to_string()),
        r#type: Some(what.to_owned()),
        status: Some("CREATED".to_owned()),
        details: Some(vec![pair("capacityProviderName", provider.name.clone()), pair(detail, value)]),
    };
    let scaled = group.managed_scaling.as_ref().is_some_and(|scaling| scaling.status == Some(ManagedScalingStatus::Enabled));
    let policy = scaled.then(|| {
        let name = format!("ECSManagedAutoScalingPolicy-{}", id("policy"));
        attachment("as_policy", "scalingPolicyName", name)
    });
    let drained = group.managed_draining == Some(ManagedDraining::Enabled);
    let hook = drained.then(|| {
        attachment("managed_draining", "autoScalingLifecycleHookName", "ecs-managed-draining-termination-hook".to_owned())
    });
    policy.into_iter().chain(hook).collect()
}

fn pair(name: &str, value: String) -> KeyValuePair {
    KeyValuePair { name: Some(name.to_owned()), value: Some(value) }
}
