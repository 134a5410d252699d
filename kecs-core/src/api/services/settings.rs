//! What of a service's settings is accepted, and what a setting is when nothing is said.

use kecs_model::ecs::{DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentStrategy, ThresholdType};
use kecs_model::{ApiError, ErrorCode};

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed" (CreateService.serviceName).
const NAME_LENGTH: usize = 255;
/// "Up to 36 ASCII characters in the range of 33-126 (inclusive) are allowed" (CreateService.clientToken).
const TOKEN_LENGTH: usize = 36;
pub(super) const DAEMON_COUNT: &str =
    "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again.";
const DAEMON_MAXIMUM: &str = "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again";
const BLOCKED: &str = "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.";

/// A service's name.
pub(super) fn name(name: Option<String>) -> Result<String, ApiError> {
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| ApiError::invalid_parameter("Service name cannot be empty."))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.len() > NAME_LENGTH || !name.chars().all(allowed) {
        return Err(ApiError::invalid_parameter(
            "Invalid service name. Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed.",
        ));
    }
    Ok(name)
}

/// A client token.
pub(in crate::api) fn client_token(token: Option<String>) -> Result<Option<String>, ApiError> {
    let token = token.filter(|token| !token.is_empty());
    match &token {
        Some(text) if text.len() > TOKEN_LENGTH || !text.bytes().all(|byte| (33..=126).contains(&byte)) => {
            Err(ApiError::invalid_parameter("The clientToken must be up to 36 ASCII characters in the range of 33 to 126."))
        }
        _ => Ok(token),
    }
}

/// A desired count.
pub(super) fn desired_count(asked: i32) -> Result<i32, ApiError> {
    if asked < 0 { Err(ApiError::invalid_parameter("desiredCount must be greater than or equal to 0.")) } else { Ok(asked) }
}

/// A deployment configuration with its defaults: 200 and 100, or 100 and 0 for DAEMON (DeploymentConfiguration); what is not said stays as
/// `before` has it.
pub(super) fn deployment_configuration(
    asked: Option<DeploymentConfiguration>,
    before: Option<&DeploymentConfiguration>,
    daemon: bool,
) -> Result<DeploymentConfiguration, ApiError> {
    let asked = asked.unwrap_or_default();
    refuse_what_is_not_served(&asked)?;
    let before = before.cloned().unwrap_or_default();
    let (maximum, minimum) = if daemon { (100, 0) } else { (200, 100) };
    let configuration = DeploymentConfiguration {
        maximum_percent: asked.maximum_percent.or(before.maximum_percent).or(Some(maximum)),
        minimum_healthy_percent: asked.minimum_healthy_percent.or(before.minimum_healthy_percent).or(Some(minimum)),
        deployment_circuit_breaker: asked.deployment_circuit_breaker.or(before.deployment_circuit_breaker).or(Some(
            DeploymentCircuitBreaker { enable: Some(false), rollback: Some(false), ..DeploymentCircuitBreaker::default() },
        )),
        alarms: asked.alarms.or(before.alarms),
        early_success_criteria: asked.early_success_criteria.or(before.early_success_criteria),
        strategy: asked.strategy.or(before.strategy).or(Some(DeploymentStrategy::Rolling)),
        bake_time_in_minutes: asked.bake_time_in_minutes.or(before.bake_time_in_minutes).or(Some(0)),
        lifecycle_hooks: None,
        linear_configuration: None,
        canary_configuration: None,
    };
    check_percentages(&configuration, daemon)?;
    check_threshold(&configuration)?;
    Ok(configuration)
}

/// Blue/green, linear and canary deployments are not served yet; nor are hooks and alarms, which would stop a deployment.
fn refuse_what_is_not_served(asked: &DeploymentConfiguration) -> Result<(), ApiError> {
    let refuse = |what: &str| {
        Err(ApiError::new(
            ErrorCode::UnsupportedFeatureException,
            format!("KECS does not serve {what} of service deployments yet."),
        ))
    };
    if let Some(strategy) = asked.strategy.as_ref().filter(|strategy| **strategy != DeploymentStrategy::Rolling) {
        return refuse(&format!("the strategy {strategy}"));
    }
    if asked.lifecycle_hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()) {
        return refuse("lifecycle hooks");
    }
    if asked.alarms.as_ref().is_some_and(|alarms| alarms.enable == Some(true)) {
        return refuse("CloudWatch alarms");
    }
    if asked.early_success_criteria.as_ref().is_some_and(|criteria| criteria.enable == Some(true)) {
        return refuse("early success criteria");
    }
    Ok(())
}

fn check_percentages(configuration: &DeploymentConfiguration, daemon: bool) -> Result<(), ApiError> {
    let maximum = configuration.maximum_percent.unwrap_or(200);
    let minimum = configuration.minimum_healthy_percent.unwrap_or(100);
    if daemon && maximum > 100 {
        return Err(ApiError::invalid_parameter(DAEMON_MAXIMUM));
    }
    if !(0..=100).contains(&minimum) {
        return Err(ApiError::invalid_parameter("minimumHealthyPercent must be between 0 and 100."));
    }
    if maximum < 100 {
        return Err(ApiError::invalid_parameter("maximumPercent must be greater than or equal to 100."));
    }
    if maximum == 100 && minimum == 100 {
        return Err(ApiError::invalid_parameter(BLOCKED));
    }
    Ok(())
}

fn check_threshold(configuration: &DeploymentConfiguration) -> Result<(), ApiError> {
    let breaker = configuration.deployment_circuit_breaker.as_ref();
    let Some(threshold) = breaker.and_then(|breaker| breaker.threshold_configuration.as_ref()) else { return Ok(()) };
    if let Some(ThresholdType::Unrecognized(strange)) = &threshold.r#type {
        return Err(ApiError::invalid_parameter(format!("Invalid threshold type: {strange}.")));
    }
    if threshold.value.is_some_and(|value| value < 1) {
        return Err(ApiError::invalid_parameter("The value of the threshold configuration must be at least 1."));
    }
    Ok(())
}
