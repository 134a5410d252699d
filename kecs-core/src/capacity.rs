//! Where a task goes: launch types, capacity provider strategies, and the one place that decides for a task.
//!
//! RunTask, services and task sets ask a [`Placer`], StartTask too; so a strategy, a constraint or a full instance means the same to all of them.

mod admission;
mod candidates;
mod needs;
mod placer;
mod strategy;
mod wish;

pub(crate) use candidates::{candidate, tasks_on};
pub(crate) use placer::{NotPlaced, Placer};
pub(crate) use strategy::check_default_strategy;
use strategy::{check_strategy, check_use_of_default};
pub(crate) use wish::{Preferences, Wish};

use kecs_model::ApiError;
use kecs_model::ecs::{CapacityProviderStrategyItem, Compatibility, LaunchType, TaskDefinition};

use crate::engine::ClusterRecord;

/// The capacity providers that every account has.
pub(crate) const FARGATE: &str = "FARGATE";
/// The same, interruptible.
pub(crate) const FARGATE_SPOT: &str = "FARGATE_SPOT";
/// What `LATEST` means at present for Linux ("Fargate platform versions for Amazon ECS").
const LATEST_PLATFORM: &str = "1.4.0";

const BOTH_GIVEN: &str = "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.";

/// On what a task, or all tasks of a deployment, are to run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Capacity {
    /// A launch type.
    LaunchType(LaunchType),
    /// One provider of a strategy, chosen for each task.
    Strategy(Vec<CapacityProviderStrategyItem>),
}

impl Capacity {
    /// What a request asks for; "if no capacityProviderStrategy or launchType is specified, the defaultCapacityProviderStrategy for the cluster is
    /// used" (RunTask, CreateService), and without one, EC2.
    pub(crate) fn resolve(
        cluster: &ClusterRecord,
        launch_type: Option<LaunchType>,
        strategy: Option<Vec<CapacityProviderStrategyItem>>,
    ) -> Result<Self, ApiError> {
        let strategy = strategy.filter(|strategy| !strategy.is_empty());
        match (launch_type, strategy) {
            (Some(_), Some(_)) => Err(ApiError::invalid_parameter(BOTH_GIVEN)),
            (Some(launch_type), None) => Ok(Self::LaunchType(launch_type)),
            (None, Some(strategy)) => {
                check_strategy(cluster.cluster.capacity_providers.as_deref().unwrap_or_default(), &strategy)?;
                Ok(Self::Strategy(strategy))
            }
            (None, None) => {
                match cluster.cluster.default_capacity_provider_strategy.clone().filter(|strategy| !strategy.is_empty()) {
                    Some(default) => {
                        check_use_of_default(&default)?;
                        Ok(Self::Strategy(default))
                    }
                    None => Ok(Self::LaunchType(LaunchType::Ec2)),
                }
            }
        }
    }

    /// Whether the task definition may run there.
    pub(crate) fn check_definition(&self, definition: &TaskDefinition) -> Result<(), ApiError> {
        let Some(compatibilities) = &definition.compatibilities else { return Ok(()) };
        let compatible = |wanted: &Compatibility| compatibilities.contains(wanted);
        let refuse = |what: String| Err(ApiError::invalid_parameter(format!("Task definition does not support {what}.")));
        match self {
            Self::LaunchType(launch_type) => match Compatibility::from(launch_type.as_str()) {
                wanted if compatible(&wanted) => Ok(()),
                _ => refuse(format!("launch_type {launch_type}")),
            },
            Self::Strategy(strategy) => {
                let fargate = strategy.iter().any(|item| is_fargate(item.capacity_provider.as_deref().unwrap_or_default()));
                if fargate && !compatible(&Compatibility::Fargate) { refuse("launch_type FARGATE".to_owned()) } else { Ok(()) }
            }
        }
    }

    /// Whether tasks go to Fargate.
    pub(crate) fn on_fargate(&self) -> bool {
        match self {
            Self::LaunchType(launch_type) => *launch_type == LaunchType::Fargate,
            Self::Strategy(strategy) => {
                strategy.iter().all(|item| is_fargate(item.capacity_provider.as_deref().unwrap_or_default()))
            }
        }
    }
}

/// Whether a capacity provider is one of Fargate's.
pub(crate) fn is_fargate(provider: &str) -> bool {
    provider == FARGATE || provider == FARGATE_SPOT
}

/// The `platformVersion` of a task: Fargate alone has one.
pub(crate) fn platform_version(capacity: &Capacity, asked: Option<&str>) -> Result<Option<String>, ApiError> {
    if capacity.on_fargate() {
        let version = asked.filter(|version| !version.is_empty() && *version != "LATEST").unwrap_or(LATEST_PLATFORM);
        return Ok(Some(version.to_owned()));
    }
    match asked {
        None => Ok(None),
        Some(_) => Err(ApiError::invalid_parameter("The platform version must be null when specifying an EC2 launch type.")),
    }
}

/// Where one task was placed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Place {
    /// `launchType`.
    pub(crate) launch_type: Option<LaunchType>,
    /// `capacityProviderName`, where a strategy chose one.
    pub(crate) capacity_provider: Option<String>,
    /// The container instance's ARN; `None` where the backend's own host runs it.
    pub(crate) container_instance_arn: Option<String>,
    /// The zone.
    pub(crate) availability_zone: Option<String>,
}
