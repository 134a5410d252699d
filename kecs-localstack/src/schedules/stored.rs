//! The schedules that the backend stores.

use bytes::Bytes;
use http::Method;
use kecs_core::Scope;
use serde_json::Value;

use super::agenda::Key;
use super::schedule::targets_ecs;
use crate::aws::encoded;
use crate::look_into::whole;
use crate::{AwsCallError, AwsClient};

/// A schedule as GetSchedule answers it; `None` if it is not there.
pub(super) async fn schedule(client: &AwsClient, key: &Key) -> Result<Option<Value>, AwsCallError> {
    match call(client, &key.scope, Method::GET, &path(key)).await {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error),
    }
}

/// All schedules of an account and region that have ECS as their target.
pub(super) async fn schedules(client: &AwsClient, scope: &Scope) -> Result<Vec<(Key, Value)>, AwsCallError> {
    let mut found = Vec::new();
    let mut page = "/schedules?MaxResults=100".to_owned();
    loop {
        let listed = call(client, scope, Method::GET, &page).await?;
        for item in listed["Schedules"].as_array().into_iter().flatten().filter(|item| targets_ecs(item)) {
            let member = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let key = Key { scope: scope.clone(), group: member("GroupName"), name: member("Name") };
            // It may have been deleted since.
            if let Some(written) = schedule(client, &key).await? {
                found.push((key, written));
            }
        }
        match listed["NextToken"].as_str() {
            Some(next) => page = format!("/schedules?MaxResults=100&NextToken={}", encoded(next, false)),
            None => return Ok(found),
        }
    }
}

/// Deletes a schedule.
pub(super) async fn delete(client: &AwsClient, key: &Key) -> Result<(), AwsCallError> {
    call(client, &key.scope, Method::DELETE, &path(key)).await.map(drop)
}

fn path(key: &Key) -> String {
    format!("/schedules/{}?groupName={}", key.name, key.group)
}

async fn call(client: &AwsClient, scope: &Scope, method: Method, path: &str) -> Result<Value, AwsCallError> {
    let answer = client.rest(scope, "scheduler", method, path, Bytes::new()).await?;
    let body = whole(answer.into_body()).await.map_err(AwsCallError::Unanswered)?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
