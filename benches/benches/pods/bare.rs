//! From RunTask to RUNNING, against the same pod without KECS, in turn.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::{Caller, Kecs, Mode, Table, median};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::{client, millis};

/// How often a task is asked for: so much a figure may be too large.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) async fn compare(mode: Mode) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let arguments =
        &["--runtime", "kubernetes", "--kube-prefix", "bench-bare", "--kube-pull-policy", "IfNotPresent", "--kube-nodes", "off"];
    let server = Kecs::with_pods(arguments).start(folder.path())?;
    let mut caller = Caller::new(server.address);
    let container =
        json!({"name": "app", "image": "busybox", "memory": 32, "command": ["sh", "-c", "trap exit TERM; sleep 600 & wait"]});
    caller.ecs("CreateCluster", &json!({})).await?;
    caller.ecs("RegisterTaskDefinition", &json!({"family": "app", "containerDefinitions": [container]})).await?;
    let client = client().await?;
    // The first task makes the namespace.
    let (_, pod) = task(&mut caller, &client).await?;
    let (mut tasks, mut pods) = (Vec::new(), Vec::new());
    for number in 0..mode.pick(21, 2) {
        pods.push(alone(&client, &pod, number).await?);
        tasks.push(task(&mut caller, &client).await?.0);
    }
    let (tasks, pods) = (median(tasks).unwrap_or_default(), median(pods).unwrap_or_default());
    let table = Table::new("From the call to RUNNING", &["what", "median"]);
    table.row(&["the pod alone", &millis(pods)]);
    table.row(&["RunTask", &millis(tasks)]);
    table.row(&["RunTask takes longer by", &millis(tasks.saturating_sub(pods))]);
    clean_up(&client, pod.metadata.namespace.as_deref().unwrap_or_default()).await
}

/// How long a task takes, and its pod.
async fn task(caller: &mut Caller, client: &kube::Client) -> Result<(Duration, Pod)> {
    let started = Instant::now();
    let run = caller.ecs("RunTask", &json!({"taskDefinition": "app"})).await?;
    let arn = run["tasks"][0]["taskArn"].as_str().context("RunTask makes a task")?;
    loop {
        let told = caller.ecs("DescribeTasks", &json!({"tasks": [arn]})).await?;
        match told["tasks"][0]["lastStatus"].as_str() {
            Some("RUNNING") => break,
            Some("STOPPED") => bail!("the task ended: {told}"),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    let took = started.elapsed();
    let id = arn.rsplit('/').next().unwrap_or_default();
    let all: Api<Pod> = Api::all(client.clone());
    let pod = all.list(&ListParams::default().labels(&format!("kecs.io/task-id={id}"))).await?.items.pop();
    Ok((took, pod.context("a task is a pod")?))
}

/// How long the same pod takes that is nobody's.
async fn alone(client: &kube::Client, like: &Pod, number: usize) -> Result<Duration> {
    let namespace = like.metadata.namespace.as_deref().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut pod = Pod { status: None, ..like.clone() };
    pod.metadata = kube::api::ObjectMeta {
        name: Some(format!("alone-{number}")),
        labels: Some([("bench".to_owned(), "alone".to_owned())].into()),
        ..kube::api::ObjectMeta::default()
    };
    if let Some(spec) = &mut pod.spec {
        spec.node_name = None;
    }
    let started = Instant::now();
    let created = pods.create(&PostParams::default(), &pod).await?;
    let version = created.metadata.resource_version.unwrap_or_default();
    let watch = WatchParams::default().fields(&format!("metadata.name=alone-{number}"));
    let mut events = pods.watch(&watch, &version).await?.boxed();
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Modified(pod) = event
            && pod.status.and_then(|status| status.phase).as_deref() == Some("Running")
        {
            return Ok(started.elapsed());
        }
    }
    bail!("the watch ended before the pod ran")
}

async fn clean_up(client: &kube::Client, namespace: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default().labels("bench=alone")).await?;
    Ok(())
}
