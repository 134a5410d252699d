//! Files that containers are given before they start.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kecs_core::task_spec::Artifact;
use kecs_core::testing::{ContainerBuilder, task_ref};
use kecs_core::{BackendError, ClusterRef, ErrorKind, ObjectContent, ObjectRef, ObjectSource, TaskManager};
use kube::api::{Api, ListParams};

use crate::support::{OnCluster, cluster, end_of, running, task};

/// Each object is a script that ends with its key; `missing` is missing, and `large` is larger than a pod can be given.
#[derive(Debug)]
struct Bucket;

#[async_trait]
impl ObjectSource for Bucket {
    async fn open(&self, _: &ClusterRef, object: &ObjectRef) -> Result<ObjectContent, BackendError> {
        let content = match &*object.key {
            "missing" => return Err(BackendError::new(ErrorKind::NotFound, "api error NoSuchKey: it is not there")),
            "large" => vec![b'#'; 1024 * 1024 + 1],
            key => format!("#!/bin/sh\nexit {key}\n").into_bytes(),
        };
        Ok(futures::stream::iter([Ok(Bytes::from(content))]).boxed())
    }
}

fn given(container: ContainerBuilder, key: &str) -> ContainerBuilder {
    let object = ObjectRef { bucket: "bucket".into(), key: key.into() };
    let artifact = Artifact::new(1, "/opt/tools/run".to_owned(), object, None, task_ref("default").cluster, Arc::new(Bucket));
    container.with(|spec| spec.artifacts.push(artifact))
}

#[tokio::test]
async fn a_container_finds_its_file_and_may_run_it() {
    let Some(cluster) = cluster("a_container_finds_its_file_and_may_run_it").await else { return };
    let as_nobody = running("app", "/opt/tools/run").with(|spec| spec.user = Some("65534".to_owned()));
    let spec = task([given(as_nobody, "12")]);
    cluster.ensure(&spec).await;
    assert_eq!(end_of(&cluster.until_stopped(&spec).await, "app").0, Some(12));
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    let secrets: Api<Secret> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    assert_eq!(secrets.list(&ListParams::default()).await.expect("secrets can be listed").items, []);
}

#[tokio::test]
async fn a_file_that_cannot_be_given_fails_the_task() {
    let Some(cluster) = cluster("a_file_that_cannot_be_given_fails_the_task").await else { return };
    for (key, why) in [("missing", "NoSuchKey"), ("large", "larger than 1 MiB")] {
        let spec = task([given(running("app", "exit 0"), key)]);
        let refusal = cluster.tasks().ensure_task(&spec).await.expect_err("it cannot be had");
        assert_eq!(refusal.kind(), ErrorKind::Invalid, "{refusal:?}");
        let text = format!("ResourceInitializationError: failed to download artifacts: s3://bucket/{key}: ");
        assert!(refusal.to_string().starts_with(&text) && refusal.to_string().contains(why), "{refusal}");
    }
}
