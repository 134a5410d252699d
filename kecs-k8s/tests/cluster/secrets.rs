//! Secrets are where they belong, and no longer than they have to be.

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kecs_core::task_spec::EnvValue;
use kecs_core::{ErrorKind, LogQuery, SecretValue, TaskManager};
use kube::api::{Api, ListParams};

use crate::support::{OnCluster, cluster, running, task};

#[tokio::test]
async fn a_secret_reaches_the_container_and_goes_with_its_pod() {
    let Some(cluster) = cluster("a_secret_reaches_the_container_and_goes_with_its_pod").await else { return };
    let spec = task([running("app", r#"echo "$PASSWORD $PLAIN""#).env("PLAIN", "costs $(HOME)").with(|spec| {
        spec.environment.push(("PASSWORD".to_owned(), EnvValue::Secret(SecretValue::new("hush $(HOME)".to_owned()))));
    })]);
    cluster.ensure(&spec).await;
    cluster.until_stopped(&spec).await;
    let lines = cluster.tasks().logs(&spec.task, "app", LogQuery::all()).await.expect("the container is known");
    let lines: Vec<_> = lines.try_collect().await.expect("the lines can be read");
    assert_eq!(lines.iter().map(|line| line.line.as_ref()).collect::<Vec<&[u8]>>(), [b"hush $(HOME) costs $(HOME)"]);

    let name = format!("task-{}", spec.task.id);
    let pod = cluster.pods().await.get(&name).await.expect("it is kept until it is forgotten");
    assert!(!serde_json::to_string(&pod).expect("it has a JSON form").contains("hush"));
    let secrets: Api<Secret> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    let secret = secrets.get(&name).await.expect("the pod's secret");
    assert_eq!(secret.immutable, Some(true));
    let owners = secret.metadata.owner_references.expect("it has an owner");
    assert_eq!(owners.iter().map(|owner| &owner.uid).collect::<Vec<_>>(), [pod.metadata.uid.as_ref().expect("it has one")]);
    cluster.tasks().forget_task(&spec.task).await.expect("an ended task can be forgotten");
    assert_eq!(secrets.get_opt(&name).await.expect("it can be asked"), None);
}

#[tokio::test]
async fn a_pod_that_is_refused_leaves_no_secret() {
    let Some(cluster) = cluster("a_pod_that_is_refused_leaves_no_secret").await else { return };
    let mut spec = task([running("app", "exit 0").with(|spec| {
        spec.environment.push(("PASSWORD".to_owned(), EnvValue::Secret(SecretValue::new("hush".to_owned()))));
    })]);
    // More is reserved for the container than the task has: Kubernetes refuses that.
    spec.cpu = Some(256);
    spec.containers[0].cpu = 512;
    let refusal = cluster.tasks().ensure_task(&spec).await.expect_err("it is not well-formed");
    assert_eq!(refusal.kind(), ErrorKind::Invalid, "{refusal:?}");
    let secrets: Api<Secret> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    assert_eq!(secrets.list(&ListParams::default()).await.expect("secrets can be listed").items, []);
}
