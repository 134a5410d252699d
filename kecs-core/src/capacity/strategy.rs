//! Capacity provider strategies: what makes one valid, and which provider gets the next task.

use std::collections::HashMap;

use kecs_model::ApiError;
use kecs_model::ecs::CapacityProviderStrategyItem;

use super::is_fargate;
use crate::placement::{StrategyItem, next_provider};

/// "A capacity provider strategy can contain a maximum of 20 capacity providers" (CapacityProviderStrategyItem).
const MOST_ITEMS: usize = 20;
/// "The valid range is 0 to 100,000" (base), 0 to 1,000 (weight).
const MOST_BASE: i32 = 100_000;
const MOST_WEIGHT: i32 = 1000;

const NOT_ASSOCIATED: &str = "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.";
const MIXED: &str = "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate providers. Specify one or the other and try again.";

// `pf-ecs-svc-capacity-provider-zero-weight`, `pf-ecs-svc-capacity-provider-multiple-base` and `pf-ecs-cluster-default-strategy-multiple-base` of
// badmintoncryer/cdk-preflight have these.
const NO_WEIGHT: &str = "There are no capacity providers in the capacity provider strategy with a weight value greater than zero.";
const BASES: &str = "There are multiple capacity providers in the specified capacity provider strategy with a base value defined.";
const DEFAULT_BASES: &str =
    "The specified capacity provider strategy contains multiple capacity providers with a base value defined.";
/// terraform-aws-modules/terraform-aws-ecs#27 has it.
const NO_DEFAULT_WEIGHT: &str = "There are no capacity providers with a weight value greater than zero defined in the default capacity provider strategy. At least one capacity provider must have a weight value greater than zero specified. Update the cluster's default capacity provider strategy or specify a valid capacity provider strategy and try again.";

/// Checks a cluster's default strategy against the providers that are associated with it. One that places nothing is refused where it is used.
pub(crate) fn check_default_strategy(associated: &[String], strategy: &[CapacityProviderStrategyItem]) -> Result<(), ApiError> {
    check(associated, strategy, DEFAULT_BASES)
}

/// Checks the strategy of a request against the providers that are associated with the cluster.
pub(super) fn check_strategy(associated: &[String], strategy: &[CapacityProviderStrategyItem]) -> Result<(), ApiError> {
    check(associated, strategy, BASES)?;
    if has_weight(strategy) { Ok(()) } else { Err(ApiError::invalid_parameter(NO_WEIGHT)) }
}

/// Checks that a cluster's default strategy can place tasks.
pub(super) fn check_use_of_default(strategy: &[CapacityProviderStrategyItem]) -> Result<(), ApiError> {
    if has_weight(strategy) { Ok(()) } else { Err(ApiError::invalid_parameter(NO_DEFAULT_WEIGHT)) }
}

fn has_weight(strategy: &[CapacityProviderStrategyItem]) -> bool {
    strategy.iter().any(|item| item.weight.unwrap_or(0) > 0)
}

fn check(associated: &[String], strategy: &[CapacityProviderStrategyItem], bases: &str) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::invalid_parameter(message));
    let names: Vec<&str> = strategy.iter().map(provider).collect();
    if names.iter().any(|name| !associated.iter().any(|of_cluster| of_cluster == name)) {
        return refuse(NOT_ASSOCIATED);
    }
    // The words of the three that follow, but for the mix, are ours.
    if strategy.len() > MOST_ITEMS {
        return refuse("A capacity provider strategy cannot contain more than 20 capacity providers.");
    }
    if names.iter().any(|name| is_fargate(name)) && names.iter().any(|name| !is_fargate(name)) {
        return refuse(MIXED);
    }
    if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
        return refuse("A capacity provider strategy cannot contain a capacity provider more than once.");
    }
    // The ranges are the model's; the words are ours.
    if strategy.iter().any(|item| !(0..=MOST_WEIGHT).contains(&item.weight.unwrap_or(0))) {
        return refuse("The weight of a capacity provider must be between 0 and 1000.");
    }
    if strategy.iter().any(|item| !(0..=MOST_BASE).contains(&item.base.unwrap_or(0))) {
        return refuse("The base of a capacity provider must be between 0 and 100000.");
    }
    if strategy.iter().filter(|item| item.base.unwrap_or(0) > 0).count() > 1 {
        return refuse(bases);
    }
    Ok(())
}

/// The provider that gets the next task, from how many each has; `None` where no provider has a weight.
pub(super) fn next(strategy: &[CapacityProviderStrategyItem], have: &HashMap<String, u32>) -> Option<String> {
    let number = |value: Option<i32>| u32::try_from(value.unwrap_or(0)).unwrap_or(0);
    let items: Vec<StrategyItem> = strategy
        .iter()
        .map(|item| StrategyItem {
            base: number(item.base),
            weight: number(item.weight),
            tasks: u64::from(have.get(provider(item)).copied().unwrap_or(0)),
        })
        .collect();
    Some(provider(strategy.get(next_provider(&items)?)?).to_owned())
}

fn provider(item: &CapacityProviderStrategyItem) -> &str {
    item.capacity_provider.as_deref().unwrap_or_default()
}
