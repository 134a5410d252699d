//! Every field of a task definition, from the request to the pod: `kecs-k8s/fields` says what becomes of it, and here it does.
//!
//! `cargo xtask fields` writes the same into docs/kubernetes.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::testing::{container, spec};
use kecs_core::{Engine, EngineConfig, MemoryStore, MockLogDriver, MockObjectSource, MockSecretSource, SecretValue, TaskSpec};
use kecs_model::ecs::{ContainerDefinition, EcsApi, TaskDefinition};
use kecs_model::{ApiError, RequestContext};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::try_with;
use crate::config::KubernetesConfig;

const TASK_DEFINITION: &str = include_str!("../../../fields/task-definition.json");
const CONTAINER: &str = include_str!("../../../fields/container.json");

/// Fields, and what becomes of them.
#[derive(Deserialize)]
struct Row {
    fields: Vec<String>,
    verdict: Verdict,
    how: String,
    /// What the definition needs for them.
    #[serde(default)]
    with: BTreeMap<String, Value>,
    /// A value of each field, which is another than the one that the definition has. Without one KECS does alone what the field is for.
    #[serde(default)]
    samples: BTreeMap<String, Value>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Honoured,
    Ignored,
    Refused,
}

fn rows(file: &str) -> Vec<Row> {
    serde_json::from_str(file).expect("the file is a table")
}

/// A task definition in which the fields of a row may be others.
fn definition(row: &Row) -> Value {
    let mut definition = json!({
        "family": "app", "executionRoleArn": "arn:aws:iam::000000000000:role/execution", "volumes": [{"name": "data"}],
        "containerDefinitions": [
            {"name": "app", "image": "app", "memory": 64},
            {"name": "other", "image": "other", "memory": 64, "mountPoints": [{"sourceVolume": "data", "containerPath": "/other"}]},
        ],
    });
    for (field, value) in &row.with {
        definition[field] = value.clone();
    }
    definition
}

/// ECS, with a backend that tells what it is to run.
struct Ecs {
    engine: Arc<Engine>,
    told: UnboundedReceiver<TaskSpec>,
    /// Who every task is here, so that tasks of the same definition have the same pod.
    same: TaskSpec,
}

impl Ecs {
    async fn start() -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let tasks = MemoryTaskManager::builder().script(move |spec| {
            tell.send(spec.clone()).expect("the test waits for it");
            None
        });
        let mut config = EngineConfig::new(Arc::new(tasks.build()), Arc::new(MemoryStore::new()));
        let mut secrets = MockSecretSource::new();
        secrets.expect_handles().return_const(true);
        let value = || SecretValue::new(r#"{"username": "me", "password": "hush"}"#.to_owned());
        secrets.expect_resolve_all().returning(move |_, references| references.iter().map(|_| Ok(value())).collect());
        config.services.secrets.push(Arc::new(secrets));
        let mut objects = MockObjectSource::new();
        objects.expect_open().returning(|_, _| Ok(futures::stream::iter([Ok(Bytes::from_static(b"MODE=test"))]).boxed()));
        config.services.objects = Some(Arc::new(objects));
        let mut logs = MockLogDriver::new();
        logs.expect_handles().returning(|driver| driver == "awsfirelens");
        logs.expect_prepare().returning(|_| Ok(()));
        logs.expect_is_blocking().return_const(false);
        logs.expect_ship().return_const(());
        config.services.logs.push(Arc::new(logs));
        let engine = Engine::start(config).await.expect("it starts");
        engine.create_cluster(&RequestContext::local(), request(json!({}))).await.expect("a cluster");
        Self { engine, told, same: spec([container("app")]) }
    }

    /// What is made in Kubernetes for a task of this definition, or why nothing is.
    async fn manifest(&mut self, definition: Value) -> Result<String, String> {
        let ctx = RequestContext::local();
        let (mode, launch_types) = (definition["networkMode"].clone(), definition["requiresCompatibilities"].clone());
        let words = |error: ApiError| error.message().to_owned();
        let registered = self.engine.register_task_definition(&ctx, request(definition)).await.map_err(words)?;
        let arn = registered.task_definition.and_then(|definition| definition.task_definition_arn);
        let mut run = json!({"taskDefinition": arn, "group": "group", "launchType": launch_types[0]});
        if mode == "awsvpc" {
            run["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        }
        self.engine.run_task(&ctx, request(run)).await.map_err(words)?;
        let told = tokio::time::timeout(Duration::from_secs(30), self.told.recv()).await;
        let told = told.expect("it is resolved").expect("the engine lives");
        let TaskSpec { task, arn, revision, .. } = self.same.clone();
        let task = TaskSpec { task, arn, revision, ..told };
        let manifest = try_with(&task, &KubernetesConfig::default()).map_err(|error| error.to_string())?;
        let pod = serde_json::to_string(&manifest.pod).expect("a pod has a JSON form");
        Ok(format!("{pod} {:?} {:?}", manifest.secrets, manifest.claims))
    }

    /// Tries each field of a table; `set` puts a value into the definition.
    async fn try_all(&mut self, rows: &[Row], set: impl Fn(&mut Value, &str, &Value)) {
        let mut wrong = Vec::new();
        for (row, field) in rows.iter().flat_map(|row| row.fields.iter().map(move |field| (row, field))) {
            let Some(sample) = row.samples.get(field) else {
                assert!(row.verdict == Verdict::Honoured && row.how.contains("KECS"), "{field}: there is nothing to try it with");
                continue;
            };
            let plain = self.manifest(definition(row)).await.expect("it can run");
            let mut changed = definition(row);
            set(&mut changed, field, sample);
            let outcome = self.manifest(changed).await;
            let is_so = match (row.verdict, &outcome) {
                (Verdict::Honoured, Ok(manifest)) => *manifest != plain,
                (Verdict::Ignored, Ok(manifest)) => *manifest == plain,
                // By the name, or that of one in the list.
                (Verdict::Refused, Err(why)) => {
                    why.to_ascii_lowercase().contains(field.trim_end_matches('s').to_ascii_lowercase().as_str())
                }
                _ => false,
            };
            if !is_so {
                wrong.push(format!("{field} is not {:?}: {outcome:?}; without it: {plain}", row.verdict));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn request<T: DeserializeOwned>(input: Value) -> T {
    serde_json::from_value(input).expect("a request")
}

/// The names of a structure's members, from how it prints itself.
fn members(printed: &str) -> BTreeSet<String> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    lines.filter(|(name, _)| !name.starts_with(' ')).map(|(name, _)| camel_case(name)).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_ascii_uppercase() + &word[1..])
}

/// Each member of the model is in the table, once.
fn check(rows: &[Row], members: &BTreeSet<String>) {
    let mut fields = BTreeSet::new();
    for row in rows {
        for field in &row.fields {
            assert!(fields.insert(field.clone()), "{field} has two rows");
        }
        assert!(row.samples.keys().all(|field| row.fields.contains(field)), "{:?} tries another field", row.fields);
    }
    assert_eq!(&fields, members);
}

#[tokio::test]
async fn each_field_of_a_task_definition_is_what_the_table_says() {
    let rows = rows(TASK_DEFINITION);
    check(&rows, &members(&format!("{:#?}", TaskDefinition::default())));
    Ecs::start().await.try_all(&rows, |definition, field, sample| definition[field] = sample.clone()).await;
}

#[tokio::test]
async fn each_field_of_a_container_definition_is_what_the_table_says() {
    let rows = rows(CONTAINER);
    check(&rows, &members(&format!("{:#?}", ContainerDefinition::default())));
    let set = |definition: &mut Value, field: &str, sample: &Value| {
        definition["containerDefinitions"][0][field] = sample.clone();
    };
    Ecs::start().await.try_all(&rows, set).await;
}
