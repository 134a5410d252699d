//! Parameters of Systems Manager, ten with one call.

use futures::future::join_all;
use kecs_core::arn::Arn;
use kecs_core::{Scope, SecretError, SecretValue};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{Answer, failure, owner};
use crate::{AwsCallError, AwsClient, Caller};

/// "Names: Minimum number of 1 item. Maximum number of 10 items." (GetParameters)
const BATCH: usize = 10;

/// What one reference asks for.
#[derive(Debug)]
struct Wanted<'a> {
    place: usize,
    /// The name or ARN as the user wrote it, with `:version` or `:label`.
    text: &'a str,
    /// The parameter's ARN, by which the answer is told from the others: emulators differ in the names that they answer with.
    arn: String,
}

/// What one call asks for: parameters of one account and region, none of them twice, since the answer does not say for which version it is.
#[derive(Debug)]
struct Batch<'a> {
    caller: Caller,
    wanted: Vec<Wanted<'a>>,
}

/// Reads parameters. The answers are numbered like the names.
pub(super) async fn read(client: &AwsClient, cluster: &Scope, names: &[(usize, &str)]) -> Vec<(usize, Answer)> {
    let mut batches: Vec<Batch<'_>> = Vec::new();
    for &(place, text) in names {
        let (caller, wanted) = wanted(place, text, cluster);
        let fits = |batch: &&mut Batch<'_>| {
            batch.caller == caller && batch.wanted.len() < BATCH && batch.wanted.iter().all(|other| other.arn != wanted.arn)
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.wanted.push(wanted),
            None => batches.push(Batch { caller, wanted: vec![wanted] }),
        }
    }
    join_all(batches.into_iter().map(|batch| batch.read(client))).await.into_iter().flatten().collect()
}

fn wanted<'a>(place: usize, text: &'a str, cluster: &Scope) -> (Caller, Wanted<'a>) {
    let arn = Arn::parse(text);
    let caller = owner(arn.as_ref(), cluster);
    let resource = match arn {
        Some(arn) => arn.resource.to_owned(),
        None => format!("parameter/{}", text.trim_start_matches('/')),
    };
    let resource = resource.split(':').next().unwrap_or_default();
    let arn = Arn {
        partition: arn.map_or_else(|| caller.partition(), |arn| arn.partition),
        service: "ssm",
        region: &caller.region,
        account: &caller.account,
        resource,
    };
    let arn = arn.to_string();
    (caller, Wanted { place, text, arn })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameters {
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    /// Not there for a secret that is read by `/aws/reference/secretsmanager/…`.
    #[serde(rename = "ARN")]
    arn: Option<String>,
    #[serde(deserialize_with = "value")]
    value: SecretValue,
}

fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretValue, D::Error> {
    String::deserialize(deserializer).map(SecretValue::new)
}

impl Parameter {
    fn is(&self, wanted: &Wanted<'_>) -> bool {
        match &self.arn {
            // moto makes an ARN of the account that it takes the caller for.
            Some(arn) => resource(arn) == resource(&wanted.arn),
            None => wanted.text.split(':').next() == Some(&self.name),
        }
    }
}

fn resource(arn: &str) -> &str {
    Arn::parse(arn).map_or(arn, |arn| arn.resource)
}

impl Batch<'_> {
    async fn read(self, client: &AwsClient) -> Vec<(usize, Answer)> {
        let names: Vec<&str> = self.wanted.iter().map(|wanted| wanted.text).collect();
        let input = json!({ "Names": names, "WithDecryption": true });
        let answer: Result<GetParameters, AwsCallError> = client.json(&self.caller, "ssm", "AmazonSSM.GetParameters", &input).await;
        let found = match answer {
            Ok(answer) => answer.parameters,
            Err(error) => return self.wanted.iter().map(|wanted| (wanted.place, Err(failure("", &error)))).collect(),
        };
        let value = |wanted: &Wanted<'_>| found.iter().find(|parameter| parameter.is(wanted)).map(|found| found.value.clone());
        let missing: Vec<&str> = self.wanted.iter().filter(|wanted| value(wanted).is_none()).map(|wanted| wanted.text).collect();
        // As Fargate has it; several are joined as the ECS agent does (agent/ssm/ssm.go).
        let message = format!("invalid ssm parameters: {}", missing.join(","));
        let answer = |wanted: &Wanted<'_>| value(wanted).ok_or_else(|| SecretError::NotFound { message: message.clone() });
        self.wanted.iter().map(|wanted| (wanted.place, answer(wanted))).collect()
    }
}
