//! Placement strategies: which of the instances that can take a task is the best.

use std::collections::BTreeMap;

use super::Candidate;

/// A placement strategy. Random, spread by field, or binpack by field, as `PlacementStrategy` documents them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Any of them.
    Random,
    /// Where the fewest tasks of the group are.
    Spread(SpreadField),
    /// Where the least of a resource is left.
    Binpack(BinpackField),
}

impl Strategy {
    /// What CreateService uses where none is given: evenly over the Availability Zones.
    pub const SERVICE_DEFAULT: Self = Self::Spread(SpreadField::AvailabilityZone);

    /// The strategy of a request's `type` and `field`; `None` where AWS has no such one.
    pub fn from_request(strategy_type: &str, field: Option<&str>) -> Option<Self> {
        match (strategy_type, field) {
            // Its field is not used.
            ("random", _) => Some(Self::Random),
            ("spread", Some(field)) => SpreadField::parse(field).map(Self::Spread),
            ("binpack", Some(field)) if field.eq_ignore_ascii_case("cpu") => Some(Self::Binpack(BinpackField::Cpu)),
            ("binpack", Some(field)) if field.eq_ignore_ascii_case("memory") => Some(Self::Binpack(BinpackField::Memory)),
            _ => None,
        }
    }

    /// Keeps the best of the fitting candidates.
    pub(super) fn narrow(&self, fitting: &mut Vec<usize>, candidates: &[Candidate], group: &str) {
        match self {
            Self::Random => {}
            Self::Spread(field) => {
                let mut tasks = BTreeMap::<Option<&str>, usize>::new();
                for candidate in candidates {
                    let here = candidate.tasks.iter().filter(|task| task.group == group).count();
                    *tasks.entry(field.of(candidate)).or_default() += here;
                }
                keep_least(fitting, |index| tasks.get(&field.of(&candidates[index])).copied());
            }
            Self::Binpack(BinpackField::Cpu) => keep_least(fitting, |index| candidates[index].free.cpu),
            Self::Binpack(BinpackField::Memory) => keep_least(fitting, |index| candidates[index].free.memory),
        }
    }
}

fn keep_least<K: Ord>(fitting: &mut Vec<usize>, key: impl Fn(usize) -> K) {
    if let Some(least) = fitting.iter().map(|index| key(*index)).min() {
        fitting.retain(|index| key(*index) == least);
    }
}

/// What `spread` looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpreadField {
    /// `instanceId`, or `host`, which has the same effect.
    InstanceId,
    /// `attribute:ecs.availability-zone`.
    AvailabilityZone,
    /// `attribute:NAME`. Instances without it count as one place.
    Attribute(String),
}

impl SpreadField {
    fn parse(field: &str) -> Option<Self> {
        match field {
            "instanceId" | "host" => Some(Self::InstanceId),
            "attribute:ecs.availability-zone" => Some(Self::AvailabilityZone),
            _ => field.strip_prefix("attribute:").filter(|name| !name.is_empty()).map(|name| Self::Attribute(name.to_owned())),
        }
    }

    fn of<'a>(&self, candidate: &'a Candidate) -> Option<&'a str> {
        match self {
            Self::InstanceId => Some(&candidate.id),
            Self::AvailabilityZone => candidate.attributes.get("ecs.availability-zone").map(String::as_str),
            Self::Attribute(name) => candidate.attributes.get(name).map(String::as_str),
        }
    }
}

/// What `binpack` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinpackField {
    /// `cpu`.
    Cpu,
    /// `memory`.
    Memory,
}
