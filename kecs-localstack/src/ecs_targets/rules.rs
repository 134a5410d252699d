//! Which rules have a cluster as their target, where the queue took its place.

use kecs_core::Scope;
use serde_json::{Value, json};

use super::rewrite;
use crate::{AwsCallError, AwsClient};

/// The names of the rules of a bus with this target among those that were taken over.
pub(super) async fn with_target(client: &AwsClient, scope: &Scope, bus: &str, cluster: &str) -> Result<Vec<String>, AwsCallError> {
    let mut found = Vec::new();
    for rule in with_the_queue(client, scope, bus).await? {
        let input = json!({ "EventBusName": bus, "Rule": rule });
        // A rule has at most five targets, which is one page.
        let mut listed: Value = match client.json(scope, "events", "AWSEvents.ListTargetsByRule", &input).await {
            Ok(listed) => listed,
            // It was deleted since.
            Err(error) if error.code() == Some("ResourceNotFoundException") => continue,
            Err(error) => return Err(error),
        };
        rewrite::listed_targets(&mut listed);
        if listed["Targets"].as_array().into_iter().flatten().any(|target| target["Arn"] == cluster) {
            found.push(rule);
        }
    }
    Ok(found)
}

async fn with_the_queue(client: &AwsClient, scope: &Scope, bus: &str) -> Result<Vec<String>, AwsCallError> {
    let mut input = json!({ "EventBusName": bus, "TargetArn": rewrite::queue(scope) });
    let mut rules = Vec::new();
    loop {
        let mut page: Value = client.json(scope, "events", "AWSEvents.ListRuleNamesByTarget", &input).await?;
        rules.extend(page["RuleNames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        match page["NextToken"].take() {
            Value::Null => return Ok(rules),
            next => input["NextToken"] = next,
        }
    }
}

/// Adds names to the output of ListRuleNamesByTarget, and gives the page of it that the input asks for. A page goes on after the name that is its token.
pub(super) fn page(output: &mut Value, more: Vec<String>, input: &Value) {
    let listed = output["RuleNames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let mut names: Vec<String> = listed.chain(more).collect();
    names.sort();
    names.dedup();
    if let Some(token) = input["NextToken"].as_str() {
        names.retain(|name| name.as_str() > token);
    }
    let limit = input["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let is_whole = names.len() <= limit;
    names.truncate(limit);
    let next = if is_whole { None } else { names.last().cloned() };
    *output = json!({ "RuleNames": names });
    if let Some(next) = next {
        output["NextToken"] = next.into();
    }
}
