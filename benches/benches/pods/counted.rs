//! What a task costs the API server: calls, and bytes both ways without their heads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use benches::{Mode, Table};
use futures::StreamExt;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use kecs_core::testing::{container, spec};
use kecs_core::{TaskEvent, TaskManager, TaskPhase, TaskSpec};
use kecs_k8s::{KubernetesConfig, KubernetesTaskManager};
use kube::client::{Body, ClientBuilder, DynBody};
use tower::util::{MapRequestLayer, MapResponseLayer};

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counts {
    fn now(&self) -> [u64; 3] {
        [&self.calls, &self.sent, &self.received].map(|count| count.load(Ordering::Relaxed))
    }
}

pub(crate) async fn count(mode: Mode) -> Result<()> {
    let counts = Arc::new(Counts::default());
    let mut config = KubernetesConfig::default();
    "bench-counted".clone_into(&mut config.prefix);
    config.image_pull_policy = Some("IfNotPresent".to_owned());
    let tasks = KubernetesTaskManager::with_client(client(&counts).await?, config);
    // What is done once only: the namespace, the version, the watch.
    live(&tasks).await?;
    let before = counts.now();
    let times = mode.pick(20, 1);
    for _ in 0..times {
        live(&tasks).await?;
    }
    let after = counts.now();
    let table = Table::new("A task's life, as the API server sees it", &["what", "per task"]);
    for (index, what) in ["calls", "bytes sent", "bytes received, the watch included"].into_iter().enumerate() {
        table.row(&[what.to_owned(), format!("{}", (after[index] - before[index]) / times)]);
    }
    Ok(())
}

/// A task from its start to its being forgotten.
async fn live(tasks: &KubernetesTaskManager) -> Result<()> {
    let line = "trap exit TERM; sleep 600 & wait";
    let container = container("app").with(|container| "busybox".clone_into(&mut container.image)).command(["sh", "-c", line]);
    let task = spec([container]);
    tasks.ensure_task(&task).await?;
    until(tasks, &task, TaskPhase::Running).await?;
    tasks.stop_task(&task.task).await?;
    until(tasks, &task, TaskPhase::Stopped).await?;
    Ok(tasks.forget_task(&task.task).await?)
}

async fn until(tasks: &KubernetesTaskManager, task: &TaskSpec, phase: TaskPhase) -> Result<()> {
    let mut events = tasks.watch_tasks(&task.task.cluster);
    let seen = async {
        while let Some(event) = events.next().await {
            let seen = match event? {
                TaskEvent::Observed(seen) => vec![seen],
                TaskEvent::Resynced(all) => all,
                _ => continue,
            };
            if seen.iter().any(|seen| seen.task == task.task && seen.phase >= phase) {
                return Ok(());
            }
        }
        anyhow::bail!("the watch ended")
    };
    tokio::time::timeout(PATIENCE, seen).await.with_context(|| format!("the task is never {phase:?}"))?
}

/// A client that counts.
async fn client(counts: &Arc<Counts>) -> Result<kube::Client> {
    let config = kube::Config::infer().await.context("nothing says how to reach the cluster")?;
    let (sent, received) = (Arc::clone(counts), Arc::clone(counts));
    let requests = MapRequestLayer::new(move |request: Request<Body>| {
        sent.calls.fetch_add(1, Ordering::Relaxed);
        sent.sent.fetch_add(request.body().size_hint().lower(), Ordering::Relaxed);
        request
    });
    let answers = MapResponseLayer::new(move |response: Response<Box<DynBody>>| {
        let received = Arc::clone(&received);
        response.map(|body| {
            body.map_frame(move |frame| {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                received.received.fetch_add(length, Ordering::Relaxed);
                frame
            })
        })
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&answers).with_layer(&requests).build())
}
