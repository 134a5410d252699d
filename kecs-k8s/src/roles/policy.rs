//! Policy documents of IAM, read so that what is not understood allows nothing.
//!
//! IAM decides about a request; here it is decided about all requests of a kind, beforehand. So an Allow counts where it holds whatever the request
//! is, and a Deny where it may hold for any.

use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// What a principal may do: its policies together, and the boundary that it cannot leave.
#[derive(Debug, Default)]
pub(super) struct Policies {
    identity: Vec<Statement>,
    /// Statements of the permissions boundary, if there is one.
    boundary: Option<Vec<Statement>>,
}

/// A document that has not the form of a policy: nothing is known of what it denies.
#[derive(Debug)]
pub(super) struct Unreadable {
    line: usize,
    column: usize,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a policy of the role cannot be read (line {}, column {})", self.line, self.column)
    }
}

impl Policies {
    /// Reads the documents of a role.
    pub(super) fn read(identity: &[String], boundary: Option<&String>) -> Result<Self, Unreadable> {
        let mut all = Vec::new();
        for document in identity {
            all.extend(read(document)?);
        }
        Ok(Self { identity: all, boundary: boundary.map(|document| read(document)).transpose()? })
    }

    /// Whether an action is allowed on everything that a pattern of ARNs stands for, whatever the circumstances.
    pub(super) fn allow(&self, action: &str, resource: &str) -> bool {
        let mut sets = std::iter::once(&self.identity).chain(&self.boundary);
        sets.all(|statements| {
            statements.iter().any(|statement| statement.allows(action, resource))
                && !statements.iter().any(|statement| statement.may_deny(action))
        })
    }
}

fn read(document: &str) -> Result<Vec<Statement>, Unreadable> {
    // The error's own text may quote the policy.
    let unreadable = |error: serde_json::Error| Unreadable { line: error.line(), column: error.column() };
    let Document { statement, .. } = serde_json::from_str(document).map_err(unreadable)?;
    Ok(statement.into_vec())
}

/// "IAM JSON policy elements reference". What it does not have makes a document unreadable.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: Option<IgnoredAny>,
    #[serde(rename = "Id")]
    _id: Option<IgnoredAny>,
    statement: OneOrMany<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<IgnoredAny>,
    effect: Effect,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    #[serde(rename = "NotResource")]
    _not_resource: Option<IgnoredAny>,
    condition: Option<Map<String, Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

fn any(patterns: Option<&OneOrMany<String>>, is_so: impl Fn(&str) -> bool) -> bool {
    patterns.is_some_and(|patterns| patterns.as_slice().iter().any(|pattern| is_so(pattern)))
}

impl Statement {
    /// Whether it allows the action on all that `resource` stands for. `NotAction` and `NotResource` name what is left out, which says too little
    /// of what is meant.
    fn allows(&self, action: &str, resource: &str) -> bool {
        self.effect == Effect::Allow
            && self.condition.as_ref().is_none_or(Map::is_empty)
            && any(self.action.as_ref(), |pattern| is_action(pattern, action))
            && any(self.resource.as_ref(), |pattern| covers(pattern, resource))
    }

    /// Whether it denies the action on anything, under any circumstances.
    fn may_deny(&self, action: &str) -> bool {
        let all_but = |patterns: &OneOrMany<String>| !patterns.as_slice().iter().any(|pattern| is_action(pattern, action));
        self.effect == Effect::Deny
            && (any(self.action.as_ref(), |pattern| is_action(pattern, action)) || self.not_action.as_ref().is_some_and(all_but))
    }
}

/// "The prefix and the action name are case insensitive" (Action).
fn is_action(pattern: &str, action: &str) -> bool {
    covers(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// Whether all that `set` stands for is matched by `pattern`; both may have `*`, for any letters, and the pattern `?`, for one. A star of the set is
/// covered by a star of the pattern only, so that this errs on one side.
fn covers(pattern: &str, set: &str) -> bool {
    let (pattern, set) = (pattern.as_bytes(), set.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Where the last star was, and how much of the set it has taken.
    let mut star: Option<(usize, usize)> = None;
    while seen < set.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if set[seen] != b'*' && (*letter == b'?' || *letter == set[seen]) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                seen = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TASKS: &str = "arn:aws:ecs:us-east-1:000000000000:task/default/*";
    const DESCRIBE: &str = "ecs:DescribeTasks";

    fn document(statements: &Value) -> String {
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    }

    fn allowed(statements: &Value) -> bool {
        Policies::read(&[document(statements)], None).expect("it is a policy").allow(DESCRIBE, TASKS)
    }

    fn allow(action: &Value, resource: &Value) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resource})
    }

    #[test]
    fn an_allow_counts_by_name_and_by_wildcard() {
        for action in [
            json!(DESCRIBE),
            json!("ECS:describetasks"),
            json!("ecs:Describe*"),
            json!("ecs:*"),
            json!("*"),
            json!(["s3:*", "ecs:?escribeTasks"]),
        ] {
            assert!(allowed(&allow(&action, &json!("*"))), "{action}");
        }
        for action in [json!("ecs:DescribeTask"), json!("ecs:DescribeTasksX"), json!("s3:*"), json!([]), json!("")] {
            assert!(!allowed(&allow(&action, &json!("*"))), "{action}");
        }
        assert!(!allowed(&json!([])), "implicit denial");
    }

    #[test]
    fn a_resource_has_to_cover_all_that_is_meant() {
        for resource in [
            json!("*"),
            json!(TASKS),
            json!("arn:aws:ecs:*:*:task/default/*"),
            json!("arn:aws:ecs:us-east-1:000000000000:*"),
            json!(["arn:aws:s3:::bucket", "arn:*:ecs:us-????-1:*:task/*"]),
        ] {
            assert!(allowed(&allow(&json!("ecs:*"), &resource)), "{resource}");
        }
        for resource in [
            json!("arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef"),
            json!("arn:aws:ecs:us-east-1:000000000000:task/default/?"),
            json!("arn:aws:ecs:us-east-1:000000000000:task/default/0*"),
            json!("arn:aws:ecs:us-east-1:000000000000:task/other/*"),
            json!("arn:aws:ecs:eu-west-1:*:task/*"),
            json!("arn:aws:ecs:*:*:task/${aws:PrincipalTag/cluster}/*"),
            json!("arn:aws:ecs:*:*:task/${*}"),
            json!("?"),
        ] {
            assert!(!allowed(&allow(&json!("ecs:*"), &resource)), "{resource}");
        }
    }

    #[test]
    fn what_cannot_be_said_of_all_requests_allows_nothing() {
        let conditional =
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}});
        assert!(!allowed(&conditional));
        assert!(!allowed(&json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})));
        assert!(!allowed(&json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::bucket"})));
        let without = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}});
        assert!(allowed(&without));
    }

    #[test]
    fn a_deny_takes_away_wherever_it_may_hold() {
        let all = allow(&json!("*"), &json!("*"));
        for deny in [
            json!({"Effect": "Deny", "Action": DESCRIBE, "Resource": "*"}),
            json!({"Effect": "Deny", "Action": "ecs:*", "Resource": "arn:aws:ecs:eu-west-1:111122223333:task/other/*"}),
            json!({"Effect": "Deny", "Action": "*", "NotResource": "*"}),
            json!({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
            json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        ] {
            assert!(!allowed(&json!([all, deny])), "{deny}");
        }
        for deny in [
            json!({"Effect": "Deny", "Action": "ecs:StopTask", "Resource": "*"}),
            json!({"Effect": "Deny", "NotAction": "ecs:Describe*", "Resource": "*"}),
        ] {
            assert!(allowed(&json!([all, deny])), "{deny}");
        }
    }

    #[test]
    fn a_boundary_is_not_left() {
        let all = document(&allow(&json!("*"), &json!("*")));
        let some = document(&allow(&json!("s3:*"), &json!("*")));
        let allowed = |identity: &[&String], boundary| {
            let identity: Vec<String> = identity.iter().map(|document| (*document).clone()).collect();
            Policies::read(&identity, boundary).expect("they are policies").allow(DESCRIBE, TASKS)
        };
        assert!(allowed(&[&some, &all], Some(&all)));
        assert!(!allowed(&[&all], Some(&some)));
        assert!(!allowed(&[], Some(&all)), "a boundary gives nothing by itself");
    }

    #[test]
    fn what_has_not_the_form_of_a_policy_is_unreadable_and_not_quoted() {
        for document in [
            "",
            "canary",
            r#"{"Statement": [{"Effect": "canary", "Action": "*", "Resource": "*"}]}"#,
            r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "canary": 1}]}"#,
            r#"{"canary": []}"#,
        ] {
            let error = Policies::read(&[document.to_owned()], None).expect_err(document);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
