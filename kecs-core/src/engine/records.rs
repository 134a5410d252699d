//! What is stored of each kind of resource.
//!
//! A record holds the resource as clients see it (the generated wire shape), less what is computed when it is asked for, and beside that
//! what only KECS needs. The shapes are on users' disks: a field is added with `#[serde(default)]`, and never given another meaning.

mod account_setting;
mod capacity_provider;
mod cluster;
mod container_instance;
mod run_token;
mod service;
mod service_deployment;
mod service_event;
mod service_revision;
mod task;
mod task_definition;
mod task_set;

pub(crate) use account_setting::{AccountSettingRecord, account_setting_key};
pub(crate) use capacity_provider::CapacityProviderRecord;
pub(crate) use cluster::ClusterRecord;
pub(crate) use container_instance::{ContainerInstanceRecord, instance_key, instances_of};
pub(crate) use run_token::RunTokenRecord;
pub(crate) use service::{DeploymentRecord, ServiceRecord, Services, Throttle, service_key};
pub(crate) use service_deployment::{ServiceDeploymentRecord, deployment_key};
pub(crate) use service_event::{ServiceEventRecord, ServiceEvents};
pub(crate) use service_revision::{ServiceRevisionRecord, revision_key as service_revision_key};
pub(crate) use task::{ManagedVolume, Owner, Protection, Standing, TaskRecord};
pub(in crate::engine) use task_definition::revision_key;
pub(crate) use task_definition::{FamilyRecord, TaskDefinitionRecord};
pub(crate) use task_set::{TaskSetRecord, task_set_key};
