//! Clusters become the queue on the way to EventBridge, and clusters again on the way back.
//!
//! What the queue's target keeps of the original: `Input`, `InputPath` and `InputTransformer`, which EventBridge applies itself; `EcsParameters`,
//! which mean nothing to a queue; and in `HttpParameters`, which mean nothing to it either, the cluster and the role. `SqsParameters.MessageGroupId`,
//! which comes with each message, names the target.

use kecs_core::Scope;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::QUEUE;
use crate::ecs_request::is_cluster;

const CLUSTER: &str = "kecs-cluster";
const ROLE: &str = "kecs-role";

/// Rewrites the input of PutTargets. `Ok(false)` where there is no cluster in it; the error is for the client.
pub(super) fn put_targets(input: &mut Value, caller: &Scope) -> Result<bool, String> {
    let rule = input["Rule"].as_str().unwrap_or_default().to_owned();
    let mut any = false;
    for target in input.get_mut("Targets").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        let arn = target.get("Arn").and_then(Value::as_str).unwrap_or_default();
        if !is_cluster(arn) {
            continue;
        }
        let definition = target.get("EcsParameters").and_then(|parameters| parameters["TaskDefinitionArn"].as_str());
        if definition.is_none_or(str::is_empty) {
            // As EventBridge words it for the parameters of a FIFO queue.
            let id = target.get("Id").and_then(Value::as_str).unwrap_or_default();
            return Err(format!("Parameter(s) EcsParameters must be specified for target: {id}."));
        }
        let mut kept = Map::from_iter([(CLUSTER.to_owned(), arn.into())]);
        // With a role the backend would try to assume it for the queue.
        if let Some(role) = target.remove("RoleArn") {
            kept.insert(ROLE.to_owned(), role);
        }
        target.insert("Arn".to_owned(), queue(caller).into());
        target.insert("HttpParameters".to_owned(), json!({ "HeaderParameters": kept }));
        target.insert("SqsParameters".to_owned(), json!({ "MessageGroupId": group(&rule) }));
        any = true;
    }
    Ok(any)
}

/// The ARN of the queue of an account and region.
pub(super) fn queue(scope: &Scope) -> String {
    format!("arn:aws:sqs:{}:{}:{QUEUE}", scope.region, scope.account)
}

/// Rewrites the output of ListTargetsByRule. Whether anything was changed.
pub(super) fn listed_targets(output: &mut Value) -> bool {
    let mut any = false;
    for target in output.get_mut("Targets").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        any |= original(target);
    }
    any
}

/// Makes a target what it was. Whether it was another.
pub(super) fn original(target: &mut Map<String, Value>) -> bool {
    let Some(kept) = target.get("HttpParameters").and_then(|parameters| parameters["HeaderParameters"].as_object()).cloned() else {
        return false;
    };
    let Some(cluster) = kept.get(CLUSTER) else { return false };
    target.insert("Arn".to_owned(), cluster.clone());
    target.remove("HttpParameters");
    target.remove("SqsParameters");
    if let Some(role) = kept.get(ROLE) {
        target.insert("RoleArn".to_owned(), role.clone());
    }
    true
}

/// Names a target in its messages: the rule, and what no other target has. Within the 100 characters of a MessageGroupId, since a rule's name has
/// at most 64.
fn group(rule: &str) -> String {
    format!("{rule}.{}", Uuid::new_v4().simple())
}

/// The rule in the name of a target.
pub(super) fn rule_of(group: &str) -> Option<&str> {
    Some(group.rsplit_once('.')?.0)
}

/// What a target that fires once a minute has as its client token, within the 64 characters of one.
pub(super) fn token_of(group: &str, minute: u64) -> String {
    let target = group.rsplit_once('.').map_or(group, |(_, target)| target);
    format!("{target}.{minute}")
}
