//! One comparison: a subject, an operator and an argument that was understood when the expression was parsed.

mod time;

use std::cmp::Ordering;

use regex::bytes::{Regex, RegexBuilder};

use super::InstanceView;

/// What a compiled pattern may take: some hundred times what `g2.*` does.
const PATTERN_BYTES: usize = 64 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    AgentConnected,
    AgentVersion,
    Attribute(String),
    Ec2InstanceId,
    RegisteredAt,
    RunningTasksCount,
    TaskGroup,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    GreaterThanEqual,
    LessThan,
    LessThanEqual,
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
}

const NAMES: [(&str, Operator); 12] = [
    ("equals", Operator::Equals),
    ("not_equals", Operator::NotEquals),
    ("greater_than", Operator::GreaterThan),
    ("greater_than_equal", Operator::GreaterThanEqual),
    ("less_than", Operator::LessThan),
    ("less_than_equal", Operator::LessThanEqual),
    ("exists", Operator::Exists),
    ("not_exists", Operator::NotExists),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("matches", Operator::Matches),
    ("not_matches", Operator::NotMatches),
];

impl Operator {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator)
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| *name)
    }

    fn is_order(self) -> bool {
        matches!(self, Self::GreaterThan | Self::GreaterThanEqual | Self::LessThan | Self::LessThanEqual)
    }

    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::NotEquals => ordering.is_ne(),
            Self::GreaterThan => ordering.is_gt(),
            Self::GreaterThanEqual => ordering.is_ge(),
            Self::LessThan => ordering.is_lt(),
            Self::LessThanEqual => ordering.is_le(),
            _ => false,
        }
    }
}

impl Subject {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "agentConnected" => Self::AgentConnected,
            "agentVersion" => Self::AgentVersion,
            "ec2InstanceId" => Self::Ec2InstanceId,
            "registeredAt" => Self::RegisteredAt,
            "runningTasksCount" => Self::RunningTasksCount,
            "task:group" => Self::TaskGroup,
            _ => match name.strip_prefix("attribute:") {
                Some(attribute) if !attribute.is_empty() => Self::Attribute(attribute.to_owned()),
                _ => return None,
            },
        })
    }

    /// The guide's "Valid operators" of each subject; it lists none for attributes and task groups, which take all.
    pub(super) fn allows(&self, operator: Operator) -> bool {
        let is_equality = matches!(operator, Operator::Equals | Operator::NotEquals);
        match self {
            Self::Attribute(_) | Self::TaskGroup => true,
            Self::AgentVersion | Self::RegisteredAt | Self::RunningTasksCount => is_equality || operator.is_order(),
            Self::AgentConnected | Self::Ec2InstanceId => {
                is_equality || matches!(operator, Operator::In | Operator::NotIn | Operator::Matches | Operator::NotMatches)
            }
        }
    }
}

/// As it was written.
#[derive(Debug)]
pub(super) enum Argument {
    None,
    One(String),
    List(Vec<String>),
}

#[derive(Clone, Debug)]
pub(super) struct Comparison {
    subject: Subject,
    test: Test,
}

/// What is asked of the subject's value.
#[derive(Clone, Debug)]
enum Test {
    Exists(bool),
    Text { operator: Operator, value: String },
    Number { operator: Operator, value: u64 },
    Millis { operator: Operator, value: i64 },
    Version { operator: Operator, value: Vec<u64> },
    In { values: Vec<String>, expected: bool },
    Pattern { pattern: Regex, expected: bool },
}

impl Comparison {
    pub(super) fn new(subject: Subject, operator: Operator, argument: Argument) -> Result<Self, String> {
        let test = match (operator, argument) {
            (_, Argument::None) => Test::Exists(operator == Operator::Exists),
            (_, Argument::List(values)) => Test::In { values, expected: operator == Operator::In },
            (Operator::Matches | Operator::NotMatches, Argument::One(value)) => {
                Test::Pattern { pattern: pattern(&value)?, expected: operator == Operator::Matches }
            }
            (_, Argument::One(value)) => match subject {
                Subject::RunningTasksCount => {
                    Test::Number { operator, value: value.parse().map_err(|_| format!("`{value}` is not a number of tasks"))? }
                }
                Subject::RegisteredAt => {
                    Test::Millis { operator, value: time::millis(&value).ok_or_else(|| format!("`{value}` is not a date"))? }
                }
                Subject::AgentVersion => {
                    Test::Version { operator, value: version(&value).ok_or_else(|| format!("`{value}` is not a version"))? }
                }
                _ => Test::Text { operator, value },
            },
        };
        Ok(Self { subject, test })
    }

    pub(super) fn matches(&self, instance: &dyn InstanceView) -> bool {
        match &self.subject {
            Subject::AgentConnected => self.test.holds(if instance.agent_connected() { "true" } else { "false" }),
            Subject::Ec2InstanceId => instance.ec2_instance_id().is_some_and(|id| self.test.holds(id)),
            Subject::Attribute(name) => match (&self.test, instance.attribute(name)) {
                (Test::Exists(expected), value) => value.is_some() == *expected,
                (test, value) => value.is_some_and(|value| test.holds(value)),
            },
            Subject::TaskGroup => {
                let groups = instance.task_groups();
                match &self.test {
                    Test::Exists(expected) => groups.is_empty() != *expected,
                    test if test.is_negative() => groups.iter().all(|group| test.holds(group)),
                    test => groups.iter().any(|group| test.holds(group)),
                }
            }
            Subject::AgentVersion => match &self.test {
                Test::Version { operator, value } => {
                    instance.agent_version().and_then(version).is_some_and(|running| operator.accepts(running.cmp(value)))
                }
                _ => false,
            },
            Subject::RegisteredAt => match &self.test {
                Test::Millis { operator, value } => {
                    instance.registered_at().is_some_and(|at| operator.accepts(at.as_millis().cmp(value)))
                }
                _ => false,
            },
            Subject::RunningTasksCount => match &self.test {
                Test::Number { operator, value } => operator.accepts(instance.running_tasks_count().cmp(value)),
                _ => false,
            },
        }
    }
}

impl Test {
    fn is_negative(&self) -> bool {
        matches!(
            self,
            Self::Text { operator: Operator::NotEquals, .. }
                | Self::In { expected: false, .. }
                | Self::Pattern { expected: false, .. }
        )
    }

    fn holds(&self, found: &str) -> bool {
        match self {
            Self::Text { operator, value } => {
                operator.accepts(if operator.is_order() { ordered(found, value) } else { found.cmp(value) })
            }
            Self::In { values, expected } => values.iter().any(|value| value == found) == *expected,
            Self::Pattern { pattern, expected } => pattern.is_match(found.as_bytes()) == *expected,
            Self::Exists(expected) => *expected,
            // Only of subjects that are not text.
            Self::Number { .. } | Self::Millis { .. } | Self::Version { .. } => false,
        }
    }
}

/// Numbers as numbers, so that 10 is more than 9; everything else as text.
fn ordered(left: &str, right: &str) -> Ordering {
    match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left.total_cmp(&right),
        _ => left.cmp(right),
    }
}

/// The guide asks for Java's syntax; look-around and back-references are refused, because matching them may take for ever.
///
/// Like Java's `matches`, the whole value has to match, and `\w` and `\d` are ASCII.
fn pattern(text: &str) -> Result<Regex, String> {
    let compile = |pattern: &str| RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_BYTES).nest_limit(50).build();
    // By itself first: `a)|(b` must not close the group that anchors it.
    compile(text)
        .and_then(|_| compile(&format!("^(?:{text})$")))
        .map_err(|_| format!("`{text}` is not a regular expression that can be matched in bounded time"))
}

/// The numbers of a version; trailing zeros do not count, so that 1.14 equals 1.14.0.
fn version(text: &str) -> Option<Vec<u64>> {
    let mut numbers = text.trim_start_matches('v').split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}
