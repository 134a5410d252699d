//! From a target of a rule or a schedule, and its input, to RunTask.

use std::sync::Arc;

use kecs_core::Scope;
use kecs_core::arn::Arn;
use kecs_model::RequestContext;
use kecs_model::ecs::RunTaskRequest;
use serde_json::{Map, Value};

/// Up to where a rule's or schedule's name is kept in `startedBy`, as users see it on AWS.
const LONGEST_STARTED_BY: usize = 36;

/// Whether a target is a cluster.
pub(crate) fn is_cluster(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.service == "ecs" && arn.resource.starts_with("cluster/"))
}

/// On whose behalf the request is made: in the account and region of the cluster, or else of the rule or schedule.
pub(crate) fn context(cluster: Option<&str>, scope: &Scope) -> RequestContext {
    let (mut account, mut region) = (Arc::clone(&scope.account), Arc::clone(&scope.region));
    if let Some(arn) = cluster.and_then(Arn::parse) {
        (account, region) = (arn.account.into(), arn.region.into());
    }
    RequestContext { account, region, ..RequestContext::local() }
}

/// The request that a cluster as a target makes of what it is given. `token` makes it idempotent.
pub(crate) fn run_task(started_by: &str, target: &Map<String, Value>, input: &str, token: &str) -> Result<RunTaskRequest, String> {
    let parameters = target.get("EcsParameters").cloned().unwrap_or_default();
    let Value::Object(mut request) = camel_case(parameters) else { return Err("the target has no EcsParameters".to_owned()) };
    for (theirs, ours) in [("taskDefinitionArn", "taskDefinition"), ("taskCount", "count")] {
        if let Some(value) = request.remove(theirs) {
            request.insert(ours.to_owned(), value);
        }
    }
    let cluster = target.get("Arn").cloned().unwrap_or_default();
    request.insert("cluster".to_owned(), cluster);
    request.insert("startedBy".to_owned(), cut(started_by).into());
    request.insert("clientToken".to_owned(), token.into());
    // The input is the overrides ("Passing input": `{"containerOverrides": […]}`); an event as it is has no such members.
    if let Ok(overrides @ Value::Object(_)) = serde_json::from_str::<Value>(input) {
        request.insert("overrides".to_owned(), overrides);
    }
    read(request)
}

/// The request that is itself the input of a target, with or without capitals at the beginning of its members.
pub(crate) fn run_task_as_it_is(started_by: &str, input: &str, token: &str) -> Result<RunTaskRequest, String> {
    let Ok(Value::Object(mut request)) = serde_json::from_str(input).map(camel_case) else {
        return Err("the input is no JSON object".to_owned());
    };
    request.entry("startedBy").or_insert_with(|| cut(started_by).into());
    request.entry("clientToken").or_insert_with(|| token.into());
    read(request)
}

fn read(request: Map<String, Value>) -> Result<RunTaskRequest, String> {
    serde_json::from_value(request.into()).map_err(|error| format!("the target is not of the form of RunTask ({error})"))
}

fn cut(started_by: &str) -> String {
    started_by.chars().take(LONGEST_STARTED_BY).collect()
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
