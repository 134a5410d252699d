//! Secrets: who is asked, and what is said when one is missing.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{container_with, environment};
use crate::{ClusterRef, MockSecretSource, SecretError, SecretRef, SecretSource, SecretValue};

const ASM: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db";

/// A source for one kind of reference, which answers with these words, or cannot be asked.
fn source(asm: bool, value: Option<&'static str>, times: usize) -> Arc<dyn SecretSource> {
    let mut source = MockSecretSource::new();
    source.expect_handles().returning(move |reference| matches!(reference, SecretRef::SecretsManager { .. }) == asm);
    source.expect_resolve_all().times(times).returning(move |_, references| {
        let answer = |_| match value {
            Some(value) => Ok(SecretValue::new(value.to_owned())),
            None => Err(SecretError::Unavailable { message: "connection refused".to_owned(), source: None }),
        };
        references.iter().map(answer).collect()
    });
    Arc::new(source)
}

fn definition(secrets: Value) -> Value {
    json!({ "name": "web", "secrets": secrets, "environment": [{ "name": "PLAIN", "value": "1" }] })
}

#[tokio::test]
async fn the_first_source_that_handles_a_reference_answers_for_it() {
    let sources = [source(true, Some("from asm"), 1), source(false, Some("from ssm"), 1), source(false, Some("never asked"), 0)];
    let definition = definition(json!([{ "name": "A", "valueFrom": ASM }, { "name": "B", "valueFrom": "/app/b" }]));
    let spec = container_with(definition, json!({ "name": "web" }), "bridge", &sources).await.unwrap();
    assert_eq!(environment(&spec), [("PLAIN", "1"), ("A", "from asm"), ("B", "from ssm")]);
}

#[tokio::test]
async fn a_secret_that_is_named_twice_is_read_once() {
    let sources = [source(true, Some("value"), 1)];
    let definition = json!({
        "name": "web",
        "secrets": [{ "name": "A", "valueFrom": ASM }, { "name": "B", "valueFrom": ASM }],
        "logConfiguration": { "logDriver": "splunk", "secretOptions": [{ "name": "splunk-token", "valueFrom": ASM }] },
    });
    let spec = container_with(definition, json!({ "name": "web" }), "bridge", &sources).await.unwrap();
    assert_eq!(environment(&spec), [("A", "value"), ("B", "value")]);
    assert_eq!(spec.log.unwrap().secret_options["splunk-token"].expose(), "value");
}

#[tokio::test]
async fn an_override_of_other_variables_keeps_the_secrets() {
    let sources = [source(true, Some("value"), 1)];
    let change = json!({ "name": "web", "environment": [{ "name": "PLAIN", "value": "2" }] });
    let definition = definition(json!([{ "name": "A", "valueFrom": ASM }]));
    let spec = container_with(definition, change, "bridge", &sources).await.unwrap();
    assert_eq!(environment(&spec), [("PLAIN", "2"), ("A", "value")]);
}

#[tokio::test]
async fn a_reference_without_a_source_fails_the_task_in_the_words_of_ecs() {
    // Of Fargate, up to the colon (aws/copilot-cli#4504).
    const PREFIX: &str =
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ";
    for (reference, from) in [(ASM, "unable to retrieve secret from asm"), ("/app/b", "unable to retrieve secrets from ssm")] {
        let definition = definition(json!([{ "name": "A", "valueFrom": reference }]));
        let error = container_with(definition, json!({ "name": "web" }), "bridge", &[]).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{PREFIX}{from}: no secret source is configured for {reference}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_asked_is_asked_again_and_that_is_told() {
    let sources = [source(true, None, 4)];
    let definition = definition(json!([{ "name": "A", "valueFrom": ASM }]));
    let error = container_with(definition, json!({ "name": "web" }), "bridge", &sources).await.unwrap_err();
    let text = error.to_string();
    assert!(text.ends_with("from asm: service call has been retried 4 time(s): connection refused"), "{text}");
}

#[tokio::test]
async fn the_secret_of_a_private_registry_is_read_like_the_others() {
    let definition = json!({
        "name": "web", "image": "registry.example.com/app:1", "repositoryCredentials": { "credentialsParameter": ASM },
    });
    let spec = container_with(definition, json!({ "name": "web" }), "bridge", &[source(true, Some("{}"), 1)]).await.unwrap();
    assert_eq!(spec.registry_credentials.unwrap().expose(), "{}");
}

#[tokio::test]
async fn the_secret_of_a_private_registry_may_go_by_its_name() {
    // "if the secret exists in the same Region as the task that you're launching then you can use either the full ARN or the name of the secret"
    // (API reference, RepositoryCredentials).
    let definition = json!({
        "name": "web", "image": "registry.example.com/app:1", "repositoryCredentials": { "credentialsParameter": "/registry" },
        "secrets": [{ "name": "A", "valueFrom": "/registry" }],
    });
    let sources = [source(true, Some("from asm"), 1), source(false, Some("from ssm"), 1)];
    let spec = container_with(definition, json!({ "name": "web" }), "bridge", &sources).await.unwrap();
    assert_eq!(spec.registry_credentials.unwrap().expose(), "from asm");
    assert_eq!(spec.environment[0].1.expose(), "from ssm");
}

/// Reads all parameters with one call, and knows whose task asks.
#[derive(Debug, Default)]
struct Batches(Mutex<Vec<(String, usize)>>);

#[async_trait]
impl SecretSource for Batches {
    fn handles(&self, _: &SecretRef) -> bool {
        true
    }

    async fn resolve(&self, _: &ClusterRef, _: &SecretRef) -> Result<SecretValue, SecretError> {
        unreachable!("several are read at once")
    }

    async fn resolve_all(&self, cluster: &ClusterRef, references: &[SecretRef]) -> Vec<Result<SecretValue, SecretError>> {
        self.0.lock().unwrap().push((cluster.to_string(), references.len()));
        references.iter().map(|reference| Ok(SecretValue::new(format!("{reference:?}")))).collect()
    }
}

#[tokio::test]
async fn a_source_gets_all_its_references_at_once_and_the_cluster() {
    let batches = Arc::new(Batches::default());
    let definition = definition(json!([{ "name": "A", "valueFrom": "/a" }, { "name": "B", "valueFrom": "/b" }]));
    let spec = container_with(definition, json!({ "name": "web" }), "bridge", &[Arc::clone(&batches) as _]).await.unwrap();
    assert_eq!(*batches.0.lock().unwrap(), [("000000000000/us-east-1/default".to_owned(), 2)]);
    assert!(environment(&spec)[1].1.contains("/a") && environment(&spec)[2].1.contains("/b"));
}
