//! Environment files and artifacts: what is read, who wins, and what is said when one is missing.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::{ResolveError, environment, input, resolve};
use crate::task_spec::ContainerSpec;
use crate::{BackendError, ErrorKind, MockObjectSource, ObjectSource, TaskServices};

/// A bucket with these files, each of which comes in pieces.
fn bucket(files: &[(&'static str, &'static str)]) -> Arc<dyn ObjectSource> {
    let files = files.to_vec();
    let mut source = MockObjectSource::new();
    source.expect_open().returning(move |_, object| {
        let found = files.iter().find(|(key, _)| *key == &*object.key);
        let Some((_, text)) = found else {
            return Err(BackendError::new(ErrorKind::NotFound, "api error NoSuchKey: The specified key does not exist."));
        };
        let pieces: Vec<_> = text.as_bytes().chunks(5).map(|piece| Ok(Bytes::from_static(piece))).collect();
        Ok(futures::stream::iter(pieces).boxed())
    });
    Arc::new(source)
}

fn named(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "type": "s3", "value": format!("arn:aws:s3:::bucket/{key}") })).collect()
}

async fn with(container: Value, change: Value, objects: Option<Arc<dyn ObjectSource>>) -> Result<ContainerSpec, ResolveError> {
    let task = json!({ "overrides": { "containerOverrides": [change] } });
    let services = TaskServices { objects, ..TaskServices::default() };
    Ok(resolve(&input(json!({ "containerDefinitions": [container] }), task), &services, None).await?.containers.remove(0))
}

#[tokio::test]
async fn the_first_file_wins_over_the_next_and_the_definition_and_the_override_over_both() {
    let objects = bucket(&[("a.env", "A=file a\nB=file a\nC=file a\nD=file a"), ("b.env", "A=file b\nE=file b")]);
    let definition = json!({
        "name": "web",
        "environmentFiles": named(&["a.env", "b.env"]),
        "environment": [{ "name": "B", "value": "definition" }, { "name": "C", "value": "definition" }],
    });
    let change = json!({ "name": "web", "environment": [{ "name": "C", "value": "override" }] });
    let spec = with(definition, change, Some(objects)).await.unwrap();
    let mut environment = environment(&spec);
    environment.sort_unstable();
    assert_eq!(environment, [("A", "file a"), ("B", "definition"), ("C", "override"), ("D", "file a"), ("E", "file b")]);
}

// "… instead of the value from the container definition" (ContainerOverride, environmentFiles).
#[tokio::test]
async fn an_override_s_files_replace_the_definition_s() {
    let definition = json!({ "name": "web", "environmentFiles": named(&["missing.env"]) });
    let change = json!({ "name": "web", "environmentFiles": named(&["b.env"]) });
    let spec = with(definition.clone(), change, Some(bucket(&[("b.env", "A=1")]))).await.unwrap();
    assert_eq!(environment(&spec), [("A", "1")]);
    let none = with(definition, json!({ "name": "web", "environmentFiles": [] }), None).await.unwrap();
    assert_eq!(environment(&none), []);
}

async fn refusal(objects: Option<Arc<dyn ObjectSource>>) -> String {
    let definition = json!({ "name": "web", "environmentFiles": named(&["a.env"]) });
    with(definition, json!({ "name": "web" }), objects).await.unwrap_err().to_string()
}

// The form of the reports of ECS's users: "ResourceInitializationError: failed to download env files: service call has been retried 1 time(s): …".
#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_stops_the_task_in_the_words_of_ecs() {
    let start = "ResourceInitializationError: failed to download env files:";
    assert_eq!(
        refusal(Some(bucket(&[]))).await,
        format!("{start} s3://bucket/a.env: api error NoSuchKey: The specified key does not exist.")
    );
    let mut down = MockObjectSource::new();
    down.expect_open().times(4).returning(|_, _| Err(BackendError::new(ErrorKind::Unavailable, "connection refused")));
    assert_eq!(
        refusal(Some(Arc::new(down))).await,
        format!("{start} service call has been retried 3 time(s): s3://bucket/a.env: connection refused")
    );
    assert_eq!(refusal(None).await, format!("{start} they are in Amazon S3, and no AWS services backend is configured"));
}

#[tokio::test]
async fn a_file_without_end_is_given_up() {
    let mut source = MockObjectSource::new();
    source.expect_open().returning(|_, _| Ok(futures::stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 8192]))).boxed()));
    assert!(refusal(Some(Arc::new(source))).await.ends_with("such a file may have 1 MiB at most"));
}

fn labelled(labels: Value) -> Value {
    json!({ "name": "web", "dockerLabels": labels })
}

#[tokio::test]
async fn a_label_gives_a_container_a_file_whose_checksum_is_checked() {
    // SHA-256 of "abc" (FIPS 180-2, appendix B.1).
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let labels = json!({
        "kecs.io/artifact.10": format!("s3://bucket/abc => /opt/abc sha256:{abc}"),
        "kecs.io/artifact.9": format!("s3://bucket/other => /opt/other sha256:{abc}"),
        "kecs.io/artifact.1": "s3://bucket/other => /opt/any",
        "tier": "front",
    });
    let objects = bucket(&[("abc", "abc"), ("other", "other text")]);
    let spec = with(labelled(labels), json!({ "name": "web" }), Some(objects)).await.unwrap();
    let paths: Vec<_> = spec.artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(paths, ["/opt/any", "/opt/other", "/opt/abc"], "in the order of their numbers");
    let read = async |at: usize| -> Result<Vec<u8>, BackendError> {
        let pieces: Vec<Bytes> = spec.artifacts[at].open().await?.try_collect().await?;
        Ok(pieces.concat())
    };
    assert_eq!(read(0).await.unwrap(), b"other text");
    assert_eq!(read(2).await.unwrap(), b"abc");
    let wrong = read(1).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Invalid);
    assert!(wrong.to_string().starts_with("the checksum of s3://bucket/other is sha256:"), "{wrong}");
    assert!(wrong.to_string().ends_with(&format!(", not sha256:{abc}")), "{wrong}");
}

#[tokio::test]
async fn a_label_that_cannot_be_read_fails_the_task() {
    let start = "ResourceInitializationError: failed to download artifacts: the label kecs.io/artifact";
    for (label, text) in [("kecs.io/artifact.1", "s3://bucket/abc"), ("kecs.io/artifact.x", "s3://bucket/abc => /abc")] {
        let failed = with(labelled(json!({ label: text })), json!({ "name": "web" }), Some(bucket(&[]))).await.unwrap_err();
        assert!(failed.to_string().starts_with(start), "{failed}");
    }
    let label = labelled(json!({ "kecs.io/artifact.1": "s3://bucket/abc => /abc" }));
    let failed = with(label, json!({ "name": "web" }), None).await.unwrap_err();
    assert!(failed.to_string().ends_with("no AWS services backend is configured"), "{failed}");
}
