//! What the parameters of a cluster must be.

use kecs_model::ApiError;
use kecs_model::ecs::{
    ClusterConfiguration, ClusterServiceConnectDefaults, ClusterServiceConnectDefaultsRequest, ClusterSetting, ClusterSettingName,
    ExecuteCommandLogging,
};

use crate::api::capacity_providers;
use crate::engine::{CLUSTER_NAME_FORM, World, well_formed_cluster_name};

/// The values of `containerInsights` (ClusterSetting, value).
const CONTAINER_INSIGHTS: [&str; 3] = ["enabled", "disabled", "enhanced"];
/// "The namespace name can include up to 1024 characters" (ClusterServiceConnectDefaultsRequest).
const NAMESPACE_LENGTH: usize = 1024;

pub(super) fn name(name: &str) -> Result<(), ApiError> {
    if well_formed_cluster_name(name) { Ok(()) } else { Err(ApiError::invalid_parameter(CLUSTER_NAME_FORM)) }
}

pub(super) fn settings(settings: &[ClusterSetting]) -> Result<(), ApiError> {
    for setting in settings {
        if setting.name != Some(ClusterSettingName::ContainerInsights) {
            return Err(ApiError::invalid_parameter("The cluster setting name must be containerInsights."));
        }
        if !setting.value.as_deref().is_some_and(|value| CONTAINER_INSIGHTS.contains(&value)) {
            let message = "The value of the containerInsights cluster setting must be enabled, disabled or enhanced.";
            return Err(ApiError::invalid_parameter(message));
        }
    }
    Ok(())
}

/// `pf-ecs-cluster-execute-command-…` of badmintoncryer/cdk-preflight has the first two texts; the last is ours.
pub(super) fn configuration(configuration: &ClusterConfiguration) -> Result<(), ApiError> {
    let Some(execute) = &configuration.execute_command_configuration else { return Ok(()) };
    match (&execute.logging, &execute.log_configuration) {
        (Some(ExecuteCommandLogging::Override), None) => Err(ApiError::invalid_parameter(
            "A CloudWatch log group name or S3 bucket name must be specified when overriding the default log configuration.",
        )),
        (Some(ExecuteCommandLogging::None | ExecuteCommandLogging::Default), Some(_)) => {
            Err(ApiError::invalid_parameter("You must set logging to 'OVERRIDE' when you supply a log configuration."))
        }
        (Some(ExecuteCommandLogging::Unrecognized(other)), _) => {
            Err(ApiError::invalid_parameter(format!("logging should be one of [NONE,DEFAULT,OVERRIDE], not {other}")))
        }
        _ => Ok(()),
    }
}

/// Each must exist and be ACTIVE; one with managed instances is of one cluster only.
pub(super) fn providers(world: &World, cluster: &str, names: &[String]) -> Result<(), ApiError> {
    for name in names {
        let found = capacity_providers::active(world, name).ok_or_else(capacity_providers::not_found)?;
        if found.cluster.as_deref().is_some_and(|of| of != cluster) {
            return Err(capacity_providers::not_found());
        }
    }
    Ok(())
}

/// The namespace that services of the cluster connect in: a name, of which the ARN cannot be told before Cloud Map is there, or an ARN.
pub(super) fn service_connect(
    defaults: ClusterServiceConnectDefaultsRequest,
) -> Result<Option<ClusterServiceConnectDefaults>, ApiError> {
    // "If you update the cluster with an empty string for the namespace name, the cluster configuration … is removed."
    let Some(namespace) = defaults.namespace.filter(|namespace| !namespace.is_empty()) else { return Ok(None) };
    let arn = namespace.starts_with("arn:");
    if namespace.chars().count() > NAMESPACE_LENGTH || (!arn && namespace.contains(['<', '>', '"', '/'])) {
        let message = "The namespace name can include up to 1024 characters, but not >, <, \" or /.";
        return Err(ApiError::invalid_parameter(message));
    }
    Ok(Some(ClusterServiceConnectDefaults { namespace: Some(namespace) }))
}
