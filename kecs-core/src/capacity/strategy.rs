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

/// Checks a strategy against the providers that are associated with the cluster.
pub(crate) fn check_strategy(associated: &[String], strategy: &[CapacityProviderStrategyItem]) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::invalid_parameter(message));
    let names: Vec<&str> = strategy.iter().map(provider).collect();
    if names.iter().any(|name| !associated.iter().any(|of_cluster| of_cluster == name)) {
        return refuse(NOT_ASSOCIATED);
    }
    if strategy.len() > MOST_ITEMS {
        return refuse("A capacity provider strategy cannot contain more than 20 capacity providers.");
    }
    if names.iter().any(|name| is_fargate(name)) && names.iter().any(|name| !is_fargate(name)) {
        return refuse(MIXED);
    }
    if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
        return refuse("A capacity provider strategy cannot contain a capacity provider more than once.");
    }
    if strategy.iter().any(|item| !(0..=MOST_WEIGHT).contains(&item.weight.unwrap_or(0))) {
        return refuse("The weight of a capacity provider must be between 0 and 1000.");
    }
    if strategy.iter().any(|item| !(0..=MOST_BASE).contains(&item.base.unwrap_or(0))) {
        return refuse("The base of a capacity provider must be between 0 and 100000.");
    }
    if strategy.iter().filter(|item| item.base.unwrap_or(0) > 0).count() > 1 {
        return refuse("Only one capacity provider in a capacity provider strategy can have a base defined.");
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
