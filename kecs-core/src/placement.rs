//! Which container instance a task goes to, and which capacity provider: pure functions of what is there.
//!
//! [`place`] applies the request's needs and constraints to each [`Candidate`], then lets the strategies choose among those that are left;
//! [`check`] asks about one instance (StartTask, DAEMON services). [`query`] is the language of `memberOf`. [`next_provider`] distributes
//! tasks over a capacity provider strategy.

mod candidate;
mod capacity_provider;
mod failure;
pub mod query;
mod random;
mod strategy;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use candidate::{Candidate, FreeResources, InstanceStatus, PlacedTask};
pub use capacity_provider::{StrategyItem, next_provider};
pub use failure::{NO_CONTAINER_INSTANCES, PlacementFailure, Reason, Unplaceable};
pub use query::{Expression, InstanceView, InvalidExpression};
pub use strategy::{BinpackField, SpreadField, Strategy};

/// A task that looks for an instance.
#[derive(Clone, Debug, Default)]
pub struct PlacementRequest {
    /// What it takes of the instance.
    pub needs: Needs,
    /// The attributes that its definition requires, with their values where these matter (`requiresAttributes`).
    pub required_attributes: Vec<(String, Option<String>)>,
    /// All must hold: those of the task definition and those of the service or of RunTask.
    pub constraints: Vec<Constraint>,
    /// In order: each chooses among what the one before it left equal. Empty is [`Strategy::Random`], which is RunTask's default; that of a
    /// service is [`Strategy::SERVICE_DEFAULT`].
    pub strategies: Vec<Strategy>,
    /// Its group: `service:NAME`, `family:NAME` or what RunTask gave.
    pub group: String,
}

/// What a task takes of its instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// CPU units: 1,024 are a core.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// Whole GPUs.
    pub gpu: u64,
    /// Fixed host ports, TCP.
    pub ports: BTreeSet<u16>,
    /// Fixed host ports, UDP.
    pub ports_udp: BTreeSet<u16>,
}

/// A placement constraint.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// `distinctInstance`: no two tasks of a group on one instance.
    DistinctInstance,
    /// `memberOf`: only instances that the expression selects.
    MemberOf(Arc<Expression>),
}

/// Chooses an instance: its index among the candidates.
///
/// The same request, candidates and seed give the same answer. Instances that are not ACTIVE are passed over. Strategies are best effort,
/// constraints bind. Spreading counts the tasks of the request's group on all candidates, also those that cannot take another one.
///
/// # Errors
///
/// [`Unplaceable`] tells for each ACTIVE candidate what stood against it.
pub fn place(request: &PlacementRequest, candidates: &[Candidate], seed: u64) -> Result<usize, Unplaceable> {
    let mut failures = Vec::new();
    let mut fitting = Vec::new();
    for (index, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| candidate.status == InstanceStatus::Active) {
        match check(request, candidate) {
            Ok(()) => fitting.push(index),
            Err(reason) => failures.push(PlacementFailure { container_instance: candidate.id.clone(), reason }),
        }
    }
    for strategy in &request.strategies {
        strategy.narrow(&mut fitting, candidates, &request.group);
    }
    let chosen = random::below(seed, fitting.len()).and_then(|index| fitting.get(index).copied());
    chosen.ok_or(Unplaceable { failures })
}

/// Whether one instance can take the task.
///
/// # Errors
///
/// The first [`Reason`] against it, in the order in which the reasons are declared.
pub fn check(request: &PlacementRequest, candidate: &Candidate) -> Result<(), Reason> {
    let PlacementRequest { needs, required_attributes, constraints, strategies: _, group } = request;
    let Needs { cpu, memory, gpu, ports, ports_udp } = needs;
    let has = |(name, value): &(String, Option<String>)| match (candidate.attributes.get(name), value) {
        (Some(found), Some(value)) => found == value,
        (found, None) => found.is_some(),
        (None, Some(_)) => false,
    };
    let distinct = |constraint: &Constraint| match constraint {
        Constraint::DistinctInstance => candidate.tasks.iter().all(|task| task.group != *group),
        Constraint::MemberOf(_) => true,
    };
    let member = |constraint: &Constraint| match constraint {
        Constraint::MemberOf(expression) => expression.matches(candidate),
        Constraint::DistinctInstance => true,
    };
    let against = [
        (candidate.status == InstanceStatus::Active, Reason::Inactive),
        (candidate.agent_connected, Reason::Agent),
        (required_attributes.iter().all(has), Reason::Attribute),
        (constraints.iter().all(member), Reason::MemberOf),
        (constraints.iter().all(distinct), Reason::DistinctInstance),
        (*cpu <= candidate.free.cpu, Reason::Cpu),
        (*memory <= candidate.free.memory, Reason::Memory),
        (*gpu <= candidate.free.gpu, Reason::Gpu),
        (ports.is_disjoint(&candidate.reserved_ports), Reason::Ports),
        (ports_udp.is_disjoint(&candidate.reserved_ports_udp), Reason::PortsUdp),
    ];
    against.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, reason)| Err(reason))
}
