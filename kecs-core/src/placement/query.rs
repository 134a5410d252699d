//! The cluster query language: expressions that select container instances.
//!
//! What `memberOf` placement constraints and the filter of ListContainerInstances are written in, as the developer guide has it under
//! "Create expressions to define container instances for Amazon ECS tasks".
//!
//! ```text
//! any        = all { ("or" | "||") all }
//! all        = negation { ("and" | "&&") negation }
//! negation   = ("not" | "!") negation | "(" any ")" | comparison
//! comparison = subject operator [argument]
//! argument   = word | 'quoted' | "quoted" | "[" argument { "," argument } "]"
//! ```
//!
//! Where the guide is silent: `not` binds tightest, then `and`, then `or`; quotes have no escapes (a value with one kind of quote goes
//! between the other kind); a word ends at white space, a parenthesis, `&&` or `||`, and in a list at `,` and `]`.

mod compare;
mod fuzz;
mod parse;

#[cfg(test)]
mod tests;

use std::fmt;

use kecs_model::Timestamp;

pub use fuzz::fuzz;

use compare::Comparison;

/// The longest expression: the limit that PlacementConstraint documents.
pub const MAX_EXPRESSION_CHARS: usize = 2000;

/// How deep parentheses and negations may nest. Ours; AWS documents none.
pub const MAX_DEPTH: usize = 32;

/// What an expression may ask of a container instance.
pub trait InstanceView {
    /// `agentConnected`.
    fn agent_connected(&self) -> bool;

    /// `agentVersion`, such as `1.14.5`.
    fn agent_version(&self) -> Option<&str>;

    /// `attribute:NAME`; an attribute without a value has an empty one.
    fn attribute(&self, name: &str) -> Option<&str>;

    /// `ec2InstanceId`.
    fn ec2_instance_id(&self) -> Option<&str>;

    /// `registeredAt`.
    fn registered_at(&self) -> Option<Timestamp>;

    /// `runningTasksCount`.
    fn running_tasks_count(&self) -> u64;

    /// `task:group`: the groups of the tasks on the instance, in any order, repeated or not.
    fn task_groups(&self) -> Vec<&str>;
}

/// A parsed expression.
///
/// A comparison with something that the instance does not have is false, also with `!=`, `!in` and `!~`: AWS selects with
/// `attribute:x != y` only instances that have the attribute. `not(…)` selects the others too. `task:group` is the exception, because an
/// instance has no one group: `!=`, `!in` and `!~` there mean that no task on the instance is in such a group.
#[derive(Clone, Debug)]
pub struct Expression {
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Comparison(Comparison),
}

impl Expression {
    /// Parses an expression. Never panics; takes time in proportion to the text.
    ///
    /// # Errors
    ///
    /// [`InvalidExpression`] says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, InvalidExpression> {
        parse::parse(text).map(|node| Self { node })
    }

    /// Whether the expression selects the instance. Takes time in proportion to the sizes of the expression and of the values.
    pub fn matches(&self, subject: &dyn InstanceView) -> bool {
        matches(&self.node, subject)
    }
}

fn matches(node: &Node, subject: &dyn InstanceView) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| matches(node, subject)),
        Node::Any(nodes) => nodes.iter().any(|node| matches(node, subject)),
        Node::Not(node) => !matches(node, subject),
        Node::Comparison(comparison) => comparison.matches(subject),
    }
}

/// Why a text is not an expression.
///
/// The words are ours: those of AWS for a malformed expression could not be found in any public place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidExpression {
    message: String,
    /// In characters, from 1.
    position: Option<usize>,
}

impl InvalidExpression {
    fn new(message: impl Into<String>, position: Option<usize>) -> Self {
        Self { message: message.into(), position }
    }

    /// Where in the text it was noticed, in characters from 1; `None` where it is not about one place.
    pub fn position(&self) -> Option<usize> {
        self.position
    }
}

impl fmt::Display for InvalidExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.position {
            Some(position) => write!(f, " at character {position}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for InvalidExpression {}
