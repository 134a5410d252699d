//! Targets that became targets past KECS, by CloudFormation for one, are put again, as they would have been on their way through it.

use kecs_core::Scope;
use serde_json::{Value, json};

use super::rewrite;
use super::run::make_queue;
use crate::ecs_request::is_cluster;
use crate::{AwsCallError, AwsClient};

/// Takes over all targets of an account and region that are clusters.
pub(super) async fn adopt(client: &AwsClient, scope: &Scope) -> Result<(), AwsCallError> {
    for bus in names(client, scope, "AWSEvents.ListEventBuses", "EventBuses", &json!({})).await? {
        for rule in names(client, scope, "AWSEvents.ListRules", "Rules", &json!({ "EventBusName": bus })).await? {
            adopt_of(client, scope, &json!({ "EventBusName": bus, "Rule": rule })).await?;
        }
    }
    Ok(())
}

/// Takes over those of one rule.
async fn adopt_of(client: &AwsClient, scope: &Scope, rule: &Value) -> Result<(), AwsCallError> {
    // A rule has at most five targets, which is one page.
    let listed: Value = match client.json(scope, "events", "AWSEvents.ListTargetsByRule", rule).await {
        Ok(listed) => listed,
        // It was deleted since.
        Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(()),
        Err(error) => return Err(error),
    };
    let is_cluster = |target: &&Value| target["Arn"].as_str().is_some_and(is_cluster);
    let mut put = rule.clone();
    put["Targets"] = listed["Targets"].as_array().into_iter().flatten().filter(is_cluster).cloned().collect();
    match rewrite::put_targets(&mut put, scope) {
        Ok(true) => {
            make_queue(client, scope).await?;
            // With the ids that they have, so that they take their own places.
            let _: Value = client.json(scope, "events", "AWSEvents.PutTargets", &put).await?;
        }
        Ok(false) => {}
        Err(message) => tracing::warn!(%scope, rule = %rule["Rule"], message, "a target cannot be taken over; its task is not run"),
    }
    Ok(())
}

/// The names in all pages of a list.
async fn names(
    client: &AwsClient,
    scope: &Scope,
    operation: &'static str,
    list: &str,
    input: &Value,
) -> Result<Vec<String>, AwsCallError> {
    let mut input = input.clone();
    let mut names = Vec::new();
    loop {
        let mut page: Value = client.json(scope, "events", operation, &input).await?;
        names.extend(page[list].as_array().into_iter().flatten().filter_map(|item| item["Name"].as_str()).map(str::to_owned));
        match page["NextToken"].take() {
            Value::Null => return Ok(names),
            next => input["NextToken"] = next,
        }
    }
}
