//! Secrets are where they belong, and no longer than they have to be.

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kecs_core::{ErrorKind, LogQuery, TaskManager};
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::support::{OnCluster, cluster, running, task, with_password};

#[tokio::test]
async fn a_secret_reaches_the_container_and_goes_with_its_pod() {
    let Some(cluster) = cluster("a_secret_reaches_the_container_and_goes_with_its_pod").await else { return };
    let spec = task([with_password("app", r#"echo "$PASSWORD $PLAIN""#, "hush $(HOME)").env("PLAIN", "costs $(HOME)")]);
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
    let mut spec = task([with_password("app", "exit 0", "hush")]);
    // More is reserved for the container than the task has: Kubernetes refuses that.
    spec.cpu = Some(256);
    spec.containers[0].cpu = 512;
    let refusal = cluster.tasks().ensure_task(&spec).await.expect_err("it is not well-formed");
    assert_eq!(refusal.kind(), ErrorKind::Invalid, "{refusal:?}");
    let secrets: Api<Secret> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    assert_eq!(secrets.list(&ListParams::default()).await.expect("secrets can be listed").items, []);
}

#[tokio::test]
async fn a_task_whose_pod_never_came_to_be_leaves_no_secret_once_it_is_forgotten() {
    let Some(cluster) = cluster("a_task_whose_pod_never_came_to_be_leaves_no_secret_once_it_is_forgotten").await else { return };
    let first = task([running("app", "exit 0")]);
    cluster.ensure(&first).await;
    cluster.until_stopped(&first).await;
    let (spec, refusal) = cluster.refuse_pods(|| task([with_password("app", "exit 0", "hush")])).await;
    assert_eq!(refusal.kind(), ErrorKind::Unavailable, "{refusal:?}");
    assert_eq!(cluster.secrets(spec.task.id).await.len(), 1, "the pod may come to be at any moment");
    cluster.stop(&spec).await;
    assert_eq!(cluster.tasks().observe_task(&spec.task).await.expect("it can be asked"), None);
    cluster.tasks().forget_task(&spec.task).await.expect("what never started can be forgotten");
    assert_eq!(cluster.secrets(spec.task.id).await, []);
}

#[tokio::test]
async fn a_pod_that_does_not_own_its_secret_yet_gets_it_when_its_task_is_ensured_again() {
    let Some(cluster) = cluster("a_pod_that_does_not_own_its_secret_yet_gets_it_when_its_task_is_ensured_again").await else {
        return;
    };
    let spec = task([with_password("app", "sleep 600 & wait", "hush")]);
    cluster.ensure(&spec).await;
    // As a control plane leaves it that ends just after it created the pod.
    let name = format!("task-{}", spec.task.id);
    let secrets: Api<Secret> = Api::namespaced(OnCluster::client().await, &cluster.namespace().await);
    let unowned = Patch::Merge(json!({"metadata": {"ownerReferences": null}}));
    let secret = secrets.patch(&name, &PatchParams::default(), &unowned).await.expect("an operator may");
    assert_eq!(secret.metadata.owner_references, None);
    cluster.ensure(&spec).await;
    let pod = cluster.pods().await.get(&name).await.expect("it is there");
    let owners = secrets.get(&name).await.expect("it is there").metadata.owner_references.unwrap_or_default();
    assert_eq!(owners.iter().map(|owner| Some(&owner.uid)).collect::<Vec<_>>(), [pod.metadata.uid.as_ref()]);
    cluster.clean_up(&spec).await;
}
