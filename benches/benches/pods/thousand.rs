//! A thousand tasks on nodes that are none: KECS and the API server are real, and nothing else costs anything.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::{Caller, Kecs, Mode, Server, Table};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::hollow::HollowNodes;
use crate::{client, millis};

const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) async fn measure(mode: Mode) -> Result<()> {
    let count = mode.pick(1000, 20);
    let client = client().await?;
    let nodes = HollowNodes::start(&client, count, "hollow").await?;
    let measured = with_nodes(mode, &client, count).await;
    nodes.remove().await?;
    measured
}

async fn with_nodes(mode: Mode, client: &kube::Client, count: usize) -> Result<()> {
    let table = Table::new(&format!("{count} tasks as pods"), &["what", "figure"]);
    let folder = tempfile::tempdir()?;
    let kecs = Kecs::with_pods(&["--runtime", "kubernetes", "--kube-prefix", "bench-many", "--kube-pull-policy", "IfNotPresent"]);
    let server = kecs.start(folder.path())?;
    let mut caller = Caller::new(server.address);
    caller.ecs("CreateCluster", &json!({"clusterName": "hollow"})).await?;
    let container = json!({"name": "app", "image": "busybox", "cpu": 16, "memory": 16, "command": ["sleep", "600"]});
    caller.ecs("RegisterTaskDefinition", &json!({"family": "app", "containerDefinitions": [container]})).await?;
    let described = json!({"clusters": ["hollow"]});
    let of = |what: &'static str| move |cluster: &Value| cluster[what].as_u64();
    until(&mut caller, &described, of("registeredContainerInstancesCount"), count.div_ceil(110)).await?;

    let started = Instant::now();
    for _ in 0..count / 10 {
        let run = caller.ecs("RunTask", &json!({"cluster": "hollow", "taskDefinition": "app", "count": 10})).await?;
        if run["failures"].as_array().is_some_and(|failures| !failures.is_empty()) {
            bail!("a task has no place: {}", run["failures"]);
        }
    }
    until(&mut caller, &described, of("runningTasksCount"), count).await?;
    table.row(&["RunTask of all to all RUNNING", &millis(started.elapsed())]);
    table.row(&["CPU of KECS for that, per task", &micros(server.usage()?.cpu, count)]);
    table.row(&["RSS", &mebibytes(server.resident()?)]);
    let rest = mode.pick(Duration::from_secs(20), Duration::from_millis(200));
    let before = (server.exact_cpu()?, Instant::now());
    tokio::time::sleep(rest).await;
    let used = server.exact_cpu()?.saturating_sub(before.0).as_secs_f64() / before.1.elapsed().as_secs_f64();
    table.row(&["CPU at rest".to_owned(), format!("{:.3} % of a core", used * 100.0)]);

    // A task ends while nobody looks.
    drop(server);
    end_one(client).await?;
    let server = kecs.start(folder.path())?;
    let mut caller = Caller::new(server.address);
    caller.ecs("ListClusters", &json!({})).await?;
    table.row(&["restart to first answer", &millis(server.started.elapsed())]);
    until(&mut caller, &described, of("runningTasksCount"), count - 1).await?;
    table.row(&["restart to a task's end, which came meanwhile, being known", &millis(server.started.elapsed())]);
    stop_all(&server, count - 1).await
}

/// Waits until a number of the cluster is so.
async fn until(caller: &mut Caller, cluster: &Value, of: impl Fn(&Value) -> Option<u64>, wanted: usize) -> Result<()> {
    let looking = async {
        loop {
            let told = caller.ecs("DescribeClusters", cluster).await?;
            if of(&told["clusters"][0]) == Some(wanted as u64) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.with_context(|| format!("it is never {wanted}"))?
}

/// As a kubelet says it.
async fn end_one(client: &kube::Client) -> Result<()> {
    let all: Api<Pod> = Api::all(client.clone());
    let pod = all.list(&ListParams::default().labels("kecs.io/owner=bench-many").limit(1)).await?.items.pop();
    let metadata = pod.context("there are pods")?.metadata;
    let pods: Api<Pod> = Api::namespaced(client.clone(), metadata.namespace.as_deref().unwrap_or_default());
    let now = k8s_openapi::jiff::Timestamp::now().to_string();
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error", "startedAt": now, "finishedAt": now}});
    let container = json!({"name": "app", "image": "busybox", "imageID": "", "ready": false, "restartCount": 0, "state": ended});
    let status = json!({"status": {"phase": "Failed", "containerStatuses": [container]}});
    pods.patch_status(metadata.name.as_deref().unwrap_or_default(), &PatchParams::default(), &Patch::Merge(&status)).await?;
    Ok(())
}

async fn stop_all(server: &Server, count: usize) -> Result<()> {
    let mut caller = Caller::new(server.address);
    let mut page = Value::Null;
    let mut stopped = 0;
    while stopped < count {
        let listed = caller.ecs("ListTasks", &json!({"cluster": "hollow", "nextToken": page})).await?;
        for task in listed["taskArns"].as_array().into_iter().flatten() {
            caller.ecs("StopTask", &json!({"cluster": "hollow", "task": task})).await?;
            stopped += 1;
        }
        page = listed["nextToken"].clone();
        if page.is_null() {
            break;
        }
    }
    until(&mut caller, &json!({"clusters": ["hollow"]}), |cluster| cluster["runningTasksCount"].as_u64(), 0).await
}

fn micros(time: Duration, count: usize) -> String {
    format!("{} µs", time.as_micros() / count.max(1) as u128)
}

#[allow(clippy::cast_precision_loss, reason = "a rough figure")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
