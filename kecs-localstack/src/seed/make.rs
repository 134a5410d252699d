//! Makes each part of a seed, so that it may be made again.

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Method;
use serde_json::{Value, json};

use super::{Failure, Seed, SeedBucket, SeedLogGroup, SeedParameter, SeedQueue, SeedRole, SeedSecret, SeedTopic, Target};
use crate::aws::{AwsCallError, encoded};

type Made = Result<(), Failure>;

/// The trust policy of ECS's task roles: "Amazon ECS task IAM role" of the developer guide.
const TRUST_OF_TASKS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// One future for each part, by service.
pub(super) fn by_service<'a>(seed: &'a Seed, target: &'a Target<'a>) -> [Vec<BoxFuture<'a, Made>>; 7] {
    [
        seed.parameters.iter().map(|part| parameter(part, target).boxed()).collect(),
        seed.secrets.iter().map(|part| secret(part, target).boxed()).collect(),
        seed.buckets.iter().map(|part| bucket(part, target).boxed()).collect(),
        seed.log_groups.iter().map(|part| log_group(part, target).boxed()).collect(),
        seed.queues.iter().map(|part| queue(part, target).boxed()).collect(),
        seed.topics.iter().map(|part| topic(part, target).boxed()).collect(),
        seed.roles.iter().map(|part| role(part, target).boxed()).collect(),
    ]
}

async fn parameter(part: &SeedParameter, target: &Target<'_>) -> Made {
    let input = json!({ "Name": part.name, "Value": part.value.expose(), "Type": part.kind, "Overwrite": true });
    let made = json_call(target, "ssm", "AmazonSSM.PutParameter", &input).await;
    made.map_err(|error| Failure::of(format!("parameter {}", part.name))(&error))
}

async fn secret(part: &SeedSecret, target: &Target<'_>) -> Made {
    let failed = Failure::of(format!("secret {}", part.name));
    // AWS's clients make the token up where their user does not, and LocalStack refuses a call without.
    let token = || uuid::Uuid::new_v4().to_string();
    let input = json!({ "Name": part.name, "SecretString": part.secret_string.expose(), "ClientRequestToken": token() });
    let made = json_call(target, "secretsmanager", "secretsmanager.CreateSecret", &input).await;
    if unless(made, &["ResourceExistsException"]).map_err(|error| failed(&error))? {
        return Ok(());
    }
    let input = json!({ "SecretId": part.name, "SecretString": part.secret_string.expose(), "ClientRequestToken": token() });
    json_call(target, "secretsmanager", "secretsmanager.PutSecretValue", &input).await.map_err(|error| failed(&error))
}

async fn bucket(part: &SeedBucket, target: &Target<'_>) -> Made {
    let failed = Failure::of(format!("bucket {}", part.name));
    let region = &target.scope.region;
    // CreateBucket wants the constraint in every region but this one.
    let body = match region.as_ref() {
        "us-east-1" => String::new(),
        region => format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        ),
    };
    let made = rest_call(target, &format!("/{}", encoded(&part.name, false)), body.into()).await;
    unless(made, &["BucketAlreadyOwnedByYou"]).map_err(|error| failed(&error))?;
    for object in &part.objects {
        let failed = Failure::of(format!("object s3://{}/{}", part.name, object.key));
        let content = match &object.file {
            Some(file) => tokio::fs::read(file).await.map_err(|error| failed(&format_args!("{}: {error}", file.display())))?,
            None => object.content.clone().into_bytes(),
        };
        let path = format!("/{}/{}", encoded(&part.name, false), encoded(&object.key, true));
        rest_call(target, &path, content.into()).await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

async fn log_group(part: &SeedLogGroup, target: &Target<'_>) -> Made {
    let failed = Failure::of(format!("log group {}", part.name));
    let made = json_call(target, "logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": part.name })).await;
    unless(made, &["ResourceAlreadyExistsException"]).map_err(|error| failed(&error))?;
    let Some(days) = part.retention_in_days else { return Ok(()) };
    let input = json!({ "logGroupName": part.name, "retentionInDays": days });
    json_call(target, "logs", "Logs_20140328.PutRetentionPolicy", &input).await.map_err(|error| failed(&error))
}

/// CreateQueue refuses other attributes for a queue that is there, so these are set by a call of their own.
async fn queue(part: &SeedQueue, target: &Target<'_>) -> Made {
    let failed = Failure::of(format!("queue {}", part.name));
    let create = |attributes: Value| async move {
        let input = json!({ "QueueName": part.name, "Attributes": attributes });
        target.client.json::<Value>(target.scope, "sqs", "AmazonSQS.CreateQueue", &input).await
    };
    match create(json!(part.attributes)).await {
        Ok(_) => return Ok(()),
        Err(error) if matches!(error.code(), Some("QueueAlreadyExists" | "QueueNameExists")) => {}
        Err(error) => return Err(failed(&error)),
    }
    let queue = json_value(target, "sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": part.name })).await;
    let queue = queue.map_err(|error| failed(&error))?;
    let input = json!({ "QueueUrl": queue["QueueUrl"], "Attributes": part.attributes });
    json_call(target, "sqs", "AmazonSQS.SetQueueAttributes", &input).await.map_err(|error| failed(&error))
}

async fn topic(part: &SeedTopic, target: &Target<'_>) -> Made {
    let is_fifo = part.name.strip_suffix(".fifo").is_some();
    let fifo = [("Attributes.entry.1.key", "FifoTopic"), ("Attributes.entry.1.value", "true")];
    let mut parameters = vec![("Name", part.name.as_str())];
    parameters.extend(is_fifo.then_some(fifo).into_iter().flatten());
    let made = target.client.query(target.scope, "sns", "2010-03-31", "CreateTopic", &parameters).await;
    made.map(drop).map_err(|error| Failure::of(format!("topic {}", part.name))(&error))
}

async fn role(part: &SeedRole, target: &Target<'_>) -> Made {
    let failed = Failure::of(format!("role {}", part.name));
    let call = |action: &'static str, parameters: Vec<(&'static str, String)>| async move {
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        target.client.query(target.scope, "iam", "2010-05-08", action, &parameters).await.map(drop)
    };
    let name = || ("RoleName", part.name.clone());
    let trust = part.assume_role_policy_document.clone().unwrap_or_else(|| TRUST_OF_TASKS.to_owned());
    let made = call("CreateRole", vec![name(), ("AssumeRolePolicyDocument", trust.clone())]).await;
    if !unless(made, &["EntityAlreadyExists"]).map_err(|error| failed(&error))? {
        call("UpdateAssumeRolePolicy", vec![name(), ("PolicyDocument", trust)]).await.map_err(|error| failed(&error))?;
    }
    for (policy, document) in &part.policies {
        let parameters = vec![name(), ("PolicyName", policy.clone()), ("PolicyDocument", document.clone())];
        call("PutRolePolicy", parameters).await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Whether it was made; `false` if it failed for being there already, as one of these errors says.
fn unless(made: Result<(), AwsCallError>, exists: &[&str]) -> Result<bool, AwsCallError> {
    match made {
        Ok(()) => Ok(true),
        Err(error) if error.code().is_some_and(|code| exists.contains(&code)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn json_value(target: &Target<'_>, service: &str, operation: &'static str, input: &Value) -> Result<Value, AwsCallError> {
    target.client.json(target.scope, service, operation, input).await
}

async fn json_call(target: &Target<'_>, service: &str, operation: &'static str, input: &Value) -> Result<(), AwsCallError> {
    json_value(target, service, operation, input).await.map(drop)
}

async fn rest_call(target: &Target<'_>, path: &str, body: Bytes) -> Result<(), AwsCallError> {
    target.client.rest(target.scope, "s3", Method::PUT, path, body).await.map(drop)
}
