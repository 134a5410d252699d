//! From a target and its input to RunTask.

use kecs_model::ecs::RunTaskRequest;
use serde_json::{Map, Value};

/// `startedBy` of what a rule starts begins with this, as users see it on AWS.
const STARTED_BY: &str = "events-rule/";
/// Up to where a rule's or schedule's name is kept in `startedBy`, as users see it on AWS.
const LONGEST_STARTED_BY: usize = 36;

/// The request that a target makes of what its rule gives it. `token` makes it idempotent.
pub(super) fn run_task(rule: &str, target: &Map<String, Value>, input: &str, token: &str) -> Result<RunTaskRequest, String> {
    let parameters = target.get("EcsParameters").cloned().unwrap_or_default();
    let Value::Object(mut request) = camel_case(parameters) else { return Err("the target has no EcsParameters".to_owned()) };
    for (theirs, ours) in [("taskDefinitionArn", "taskDefinition"), ("taskCount", "count")] {
        if let Some(value) = request.remove(theirs) {
            request.insert(ours.to_owned(), value);
        }
    }
    let cluster = target.get("Arn").cloned().unwrap_or_default();
    let started_by: String = format!("{STARTED_BY}{rule}").chars().take(LONGEST_STARTED_BY).collect();
    request.insert("cluster".to_owned(), cluster);
    request.insert("startedBy".to_owned(), started_by.into());
    request.insert("clientToken".to_owned(), token.into());
    // The input is the overrides ("Passing input": `{"containerOverrides": […]}`); an event as it is has no such members.
    if let Ok(overrides @ Value::Object(_)) = serde_json::from_str::<Value>(input) {
        request.insert("overrides".to_owned(), overrides);
    }
    serde_json::from_value(request.into()).map_err(|error| format!("the target is not of the form of RunTask ({error})"))
}

/// EventBridge writes some members with a capital that ECS writes without.
fn camel_case(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(name, value)| (lower_first(&name), camel_case(value))).collect(),
        Value::Array(items) => items.into_iter().map(camel_case).collect(),
        other => other,
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}
