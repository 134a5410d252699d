//! An API server that is started again: what it remembers of the time before is too little for the watches of that time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use http_body_util::BodyExt;
use kecs_core::testing::task_manager::Harness;
use kecs_core::{BackendHealth, StopCause, TaskManager};
use kecs_k8s::KubernetesTaskManager;
use kube::api::ListParams;
use kube::client::Body;
use kube::{Client, Error};

use crate::machine::Program;
use crate::support::{OnCluster, cluster, end_of, running, task, until_told};
use crate::{NODE, kubectl};

/// A client that notes whether a watch is answered that its version is too old.
async fn listening(expired: Arc<AtomicBool>) -> Client {
    let real = OnCluster::client().await;
    let service = tower::service_fn(move |request: Request<Body>| {
        let (real, expired) = (real.clone(), expired.clone());
        async move {
            let answer: Response<Body> = real.send(request).await?;
            let listened = answer.map(|body| {
                body.map_frame(move |frame| {
                    let text = frame.data_ref().map(|data| String::from_utf8_lossy(data).into_owned()).unwrap_or_default();
                    if text.contains("\"type\":\"ERROR\"") && text.contains("\"code\":410") {
                        expired.store(true, Ordering::SeqCst);
                    }
                    frame
                })
            });
            Ok::<_, Error>(listened)
        }
    });
    Client::new(service, "default")
}

#[tokio::test]
async fn a_watch_whose_version_the_api_server_has_no_more_lists_anew_and_nothing_is_lost_or_doubled() {
    let name = "a_watch_whose_version_the_api_server_has_no_more_lists_anew_and_nothing_is_lost_or_doubled";
    let Some(cluster) = cluster(name).await else { return };
    let _node = NODE.lock().await;
    let expired = Arc::new(AtomicBool::new(false));
    let tasks = KubernetesTaskManager::with_client(listening(expired.clone()).await, cluster.config().clone());
    let spec = task([running("app", "sleep 2 & wait $!; exit 5")]);
    tasks.ensure_task(&spec).await.expect("a well-formed task is taken");
    cluster.until_running(&spec).await;
    // What the watch does not tell of, and yet makes a new version.
    kubectl(&["create", "configmap", &cluster.config().prefix]);
    kubectl(&["delete", "configmap", &cluster.config().prefix]);
    let server = Program::of("kube-apiserver");
    server.end();
    let next = task([running("app", "exit 6")]);
    let refusal = tasks.ensure_task(&next).await.expect_err("nobody answers");
    assert!(refusal.is_retryable(), "{refusal:?}");
    assert!(matches!(tasks.health(), BackendHealth::Degraded { .. }));
    server.start(&[]);
    let mut again = tokio::time::interval(std::time::Duration::from_millis(200));
    let taken = async {
        while tasks.ensure_task(&next).await.is_err() {
            again.tick().await;
        }
    };
    tokio::time::timeout(cluster.patience(), taken).await.expect("it comes back");
    for (spec, code) in [(&spec, 5), (&next, 6)] {
        let seen = cluster.until_stopped(spec).await;
        assert_eq!((&seen.cause, end_of(&seen, "app").0), (&Some(StopCause::EssentialContainerExited), Some(code)));
        until_told(&tasks, &seen).await;
    }
    assert!(expired.load(Ordering::SeqCst), "the watch was not told that it is too old");
    assert_eq!(tasks.health(), BackendHealth::Ready);
    let pods = cluster.pods().await;
    assert_eq!(pods.list(&ListParams::default()).await.expect("pods can be listed").items.len(), 2);
}
