//! The deployment circuit breaker: when a deployment has failed.

use kecs_model::ecs::{DeploymentCircuitBreaker, DeploymentConfiguration, ThresholdType};

/// What the circuit breaker of a service is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Breaker {
    /// Whether it fails deployments.
    pub(crate) enabled: bool,
    /// Whether it rolls back.
    pub(crate) rollback: bool,
    /// Whether a healthy task sets the count of failures back to 0.
    pub(crate) reset_on_healthy_task: bool,
    /// How many failures it takes.
    pub(crate) threshold: i32,
}

impl Breaker {
    /// What a configuration says, for a desired count.
    ///
    /// "For the percentage types, Amazon ECS multiplies value by the latest service desired count. For COUNT, Amazon ECS uses value directly";
    /// the default is BOUNDED_PERCENT of 50 (ThresholdConfiguration). Bounded is from 3 to 200, and the result is rounded up ("How the Amazon
    /// ECS deployment circuit breaker detects failures").
    pub(crate) fn of(configuration: Option<&DeploymentConfiguration>, desired: usize) -> Self {
        let breaker = configuration.and_then(|configuration| configuration.deployment_circuit_breaker.as_ref());
        let Some(DeploymentCircuitBreaker { enable, rollback, reset_on_healthy_task, threshold_configuration }) = breaker else {
            return Self { enabled: false, rollback: false, reset_on_healthy_task: true, threshold: bounded(50, desired) };
        };
        let threshold = threshold_configuration.as_ref();
        let value = threshold.and_then(|threshold| threshold.value).unwrap_or(50);
        Self {
            enabled: *enable == Some(true),
            rollback: *rollback == Some(true),
            reset_on_healthy_task: reset_on_healthy_task.unwrap_or(true),
            threshold: match threshold.and_then(|threshold| threshold.r#type.as_ref()) {
                Some(ThresholdType::Count) => value,
                Some(ThresholdType::UnboundedPercent) => percent(value, desired),
                _ => bounded(value, desired),
            }
            .max(1),
        }
    }
}

fn percent(value: i32, desired: usize) -> i32 {
    let desired = i64::try_from(desired).unwrap_or(i64::MAX);
    let failures = desired.saturating_mul(i64::from(value)).saturating_add(99) / 100;
    i32::try_from(failures).unwrap_or(i32::MAX)
}

fn bounded(value: i32, desired: usize) -> i32 {
    percent(value, desired).clamp(3, 200)
}

#[cfg(test)]
mod tests {
    use kecs_model::ecs::ThresholdConfiguration;

    use super::*;

    fn threshold(configuration: Option<(ThresholdType, i32)>, desired: usize) -> i32 {
        let configuration = DeploymentConfiguration {
            deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
                enable: Some(true),
                threshold_configuration: configuration
                    .map(|(r#type, value)| ThresholdConfiguration { r#type: Some(r#type), value: Some(value) }),
                ..DeploymentCircuitBreaker::default()
            }),
            ..DeploymentConfiguration::default()
        };
        Breaker::of(Some(&configuration), desired).threshold
    }

    /// "A minimum threshold of 3 and a maximum threshold of 200 … 0.5 * desired task count" (ServiceDeploymentCircuitBreaker), rounded up.
    #[test]
    fn by_default_half_of_the_desired_count_between_3_and_200_may_fail() {
        let thresholds = [1, 5, 6, 25, 400, 800].map(|desired| threshold(None, desired));
        assert_eq!(thresholds, [3, 3, 3, 13, 200, 200]);
    }

    #[test]
    fn a_count_is_the_threshold_itself() {
        assert_eq!(threshold(Some((ThresholdType::Count, 2)), 1000), 2);
    }

    #[test]
    fn an_unbounded_percentage_has_no_bounds() {
        assert_eq!(threshold(Some((ThresholdType::UnboundedPercent, 50)), 2), 1);
        assert_eq!(threshold(Some((ThresholdType::UnboundedPercent, 50)), 1000), 500);
    }

    /// "The default is true" (DeploymentCircuitBreaker.resetOnHealthyTask).
    #[test]
    fn a_healthy_task_resets_the_count_by_default() {
        assert!(Breaker::of(None, 1).reset_on_healthy_task);
    }
}
