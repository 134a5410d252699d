//! An API server that is away, slow, or says no.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kecs_core::testing::task_manager::Harness;
use kecs_core::testing::task_ref;
use kecs_core::{BackendHealth, ErrorKind, LogQuery, StopCause, TaskManager};
use kecs_k8s::{KubernetesConfig, KubernetesTaskManager};
use kube::Config;
use kube::api::{Api, DeleteParams};
use kube::config::AuthInfo;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{OnCluster, cluster, end_of, running, task, token, until_told};

#[derive(Clone, Copy)]
enum Cut {
    Off,
    Silently,
}

/// A wire to the API server that can be cut.
struct Wire {
    is_cut: Arc<AtomicBool>,
    port: u16,
    cut: tokio::sync::broadcast::Sender<Cut>,
}

impl Wire {
    async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (is_cut, cut) = (Arc::new(AtomicBool::new(false)), tokio::sync::broadcast::Sender::new(1));
        let (flag, cuts) = (is_cut.clone(), cut.clone());
        tokio::spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                if flag.load(Ordering::SeqCst) {
                    continue;
                }
                let (address, mut cuts) = (address.clone(), cuts.subscribe());
                wires.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(address).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        cut = cuts.recv() => if let Ok(Cut::Silently) = cut {
                            std::future::pending::<()>().await;
                        },
                    }
                });
            }
        });
        Self { is_cut, port, cut }
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        // Nobody may be connected.
        let _ = self.cut.send(Cut::Off);
    }

    /// Nothing more comes over what is connected now, and nobody says so; whoever connects anew is served.
    fn freeze(&self) {
        // Nobody may be connected.
        let _ = self.cut.send(Cut::Silently);
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

/// A manager whose wire can be cut, beside one that sees everything.
async fn wired(cluster: &OnCluster) -> (Wire, KubernetesTaskManager) {
    wired_with(cluster.config().clone()).await
}

async fn wired_with(config: KubernetesConfig) -> (Wire, KubernetesTaskManager) {
    let mut access = Config::infer().await.expect("the run says how to reach its cluster");
    let (host, port) = (access.cluster_url.host().expect("it has one").to_owned(), access.cluster_url.port_u16().unwrap_or(443));
    let wire = Wire::to(format!("{host}:{port}")).await;
    access.tls_server_name = Some(host);
    access.cluster_url = format!("https://127.0.0.1:{}", wire.port).parse().expect("it is a URL");
    (wire, KubernetesTaskManager::with_access(access, config).expect("it can be used"))
}

#[tokio::test]
async fn what_happened_while_the_api_server_was_away_is_told_after() {
    let Some(cluster) = cluster("what_happened_while_the_api_server_was_away_is_told_after").await else { return };
    let (wire, tasks) = wired(&cluster).await;
    let spec = task([running("app", "sleep 3 & wait $!; exit 5")]);
    tasks.ensure_task(&spec).await.expect("a well-formed task is taken");
    cluster.until_running(&spec).await;
    wire.cut();
    let other = task([running("app", "exit 0")]);
    let refusal = tasks.ensure_task(&other).await.expect_err("nobody answers");
    assert!(refusal.is_retryable(), "{refusal:?}");
    assert!(matches!(tasks.health(), BackendHealth::Degraded { .. }), "it is told to whoever asks");
    let seen = cluster.until_stopped(&spec).await;
    wire.mend();
    until_told(&tasks, &seen).await;
    assert_eq!((end_of(&seen, "app").0, &seen.cause), (Some(5), &Some(StopCause::EssentialContainerExited)));
    tasks.ensure_task(&other).await.expect("the server is back");
    assert_eq!(tasks.health(), BackendHealth::Ready);
    cluster.until_stopped(&other).await;
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_made_anew() {
    let Some(cluster) = cluster("a_connection_that_falls_silent_is_made_anew").await else { return };
    let mut config = cluster.config().clone();
    config.watch_silence = Duration::from_secs(2);
    let (wire, tasks) = wired_with(config).await;
    let spec = task([running("app", "sleep 2 & wait $!; exit 5")]);
    tasks.ensure_task(&spec).await.expect("a well-formed task is taken");
    wire.freeze();
    until_told(&tasks, &cluster.until_stopped(&spec).await).await;
}

#[tokio::test]
async fn a_manager_may_come_before_its_api_server() {
    let Some(cluster) = cluster("a_manager_may_come_before_its_api_server").await else { return };
    let (wire, tasks) = wired(&cluster).await;
    wire.cut();
    drop(tasks);
    let mut access = Config::infer().await.expect("the run says how to reach its cluster");
    access.tls_server_name = access.cluster_url.host().map(str::to_owned);
    access.cluster_url = format!("https://127.0.0.1:{}", wire.port).parse().expect("it is a URL");
    let tasks = KubernetesTaskManager::with_access(access, cluster.config().clone()).expect("it can be used");
    let spec = task([running("app", "exit 0")]);
    let ensured = tasks.ensure_task(&spec);
    tokio::pin!(ensured);
    let early = tokio::time::timeout(Duration::from_secs(2), &mut ensured).await;
    assert!(early.is_err(), "nobody answers: {early:?}");
    wire.mend();
    ensured.await.expect("the server is there");
    cluster.until_stopped(&spec).await;
}

#[tokio::test]
async fn a_token_that_is_not_valid_any_more_is_told_until_it_is_renewed() {
    let Some(cluster) = cluster("a_token_that_is_not_valid_any_more_is_told_until_it_is_renewed").await else { return };
    let file = std::env::temp_dir().join(&cluster.config().prefix);
    let mut access = Config::infer().await.expect("the run says how to reach its cluster");
    access.auth_info = AuthInfo { token_file: Some(file.display().to_string()), ..AuthInfo::default() };
    std::fs::write(&file, token(&cluster).await).expect("the file is ours");
    let tasks = KubernetesTaskManager::with_access(access, cluster.config().clone()).expect("it can be used");
    let known = task([running("app", "sleep 2 & wait $!; exit 4")]);
    tasks.ensure_task(&known).await.expect("the token is valid");
    // It is no longer valid than its account is there, but for the ten seconds for which the API server may remember it.
    let (client, account) = (OnCluster::client().await, &cluster.config().prefix);
    Api::<ServiceAccount>::namespaced(client.clone(), "default")
        .delete(account, &DeleteParams::default())
        .await
        .expect("an operator may");
    let mut again = tokio::time::interval(Duration::from_millis(200));
    // Nobody knows it, so the API server is asked.
    let unknown = task_ref("default");
    let refused = async {
        loop {
            again.tick().await;
            if let Err(refusal) = tasks.stop_task(&unknown).await {
                return refusal;
            }
        }
    };
    let refusal = tokio::time::timeout(cluster.patience(), refused).await.expect("the token is not valid any more");
    assert_eq!((refusal.kind(), refusal.to_string().contains("Unauthorized")), (ErrorKind::Unavailable, true), "{refusal}");
    let BackendHealth::Degraded { reason, .. } = tasks.health() else { panic!("nobody is told") };
    assert!(reason.contains("Unauthorized"), "{reason}");
    Api::<ClusterRoleBinding>::all(client).delete(account, &DeleteParams::default()).await.expect("an operator may");
    std::fs::write(&file, token(&cluster).await).expect("the file is ours");
    // The client reads the file once a minute.
    let spec = task([running("app", "exit 5")]);
    let taken = async {
        while let Err(refusal) = tasks.ensure_task(&spec).await.and(tasks.stop_task(&unknown).await) {
            assert!(refusal.is_retryable(), "{refusal:?}");
            again.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(3), taken).await.expect("it is renewed");
    std::fs::remove_file(&file).expect("the file is ours");
    assert_eq!(tasks.health(), BackendHealth::Ready);
    for (spec, code) in [(&known, 4), (&spec, 5)] {
        let seen = cluster.until_stopped(spec).await;
        assert_eq!(end_of(&seen, "app").0, Some(code));
        until_told(&tasks, &seen).await;
    }
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_waited_for() {
    let Some(cluster) = cluster("a_quota_that_is_used_up_is_waited_for").await else { return };
    let first = task([running("app", "exit 0")]);
    cluster.ensure(&first).await;
    cluster.until_stopped(&first).await;
    let (second, refusal) = cluster.refuse_pods(|| task([running("app", "exit 0")])).await;
    assert_eq!(refusal.kind(), ErrorKind::Unavailable, "{refusal:?}");
    assert!(refusal.to_string().contains("exceeded quota"), "{refusal}");
    assert!(matches!(cluster.tasks().health(), BackendHealth::Degraded { reason, .. } if reason.contains("exceeded quota")));
    cluster.take_pods().await;
    let mut again = tokio::time::interval(Duration::from_millis(200));
    loop {
        again.tick().await;
        if cluster.tasks().ensure_task(&second).await.is_ok() {
            break;
        }
    }
    cluster.until_stopped(&second).await;
    assert_eq!(cluster.tasks().health(), BackendHealth::Ready);
}

#[tokio::test]
async fn without_a_way_to_a_cluster_there_is_no_manager() {
    let mut config = KubernetesConfig::default();
    config.kubeconfig = Some("/no/such/kubeconfig".into());
    let refusal = KubernetesTaskManager::connect(config).await.expect_err("there is no such file");
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_log_goes_on_where_it_was_cut() {
    let Some(cluster) = cluster("a_log_goes_on_where_it_was_cut").await else { return };
    let (wire, tasks) = wired(&cluster).await;
    let spec = task([running("app", "for i in 1 2 3 4 5 6 7 8; do echo $i; echo same; sleep 1 & wait $!; done")]);
    tasks.ensure_task(&spec).await.expect("a well-formed task is taken");
    cluster.until_running(&spec).await;
    let mut lines = tasks.logs(&spec.task, "app", LogQuery::follow()).await.expect("the container is known");
    let mut told = Vec::new();
    let all = async {
        while let Some(line) = lines.next().await {
            told.push(String::from_utf8(line.expect("it can be read").line.to_vec()).expect("the test printed UTF-8"));
            if told.len() == 4 {
                wire.cut();
                // While the wire is cut, the container goes on.
                cluster.until_stopped(&spec).await;
                wire.mend();
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), all).await.expect("the log ends");
    let expected: Vec<String> = (1..=8).flat_map(|number| [number.to_string(), "same".to_owned()]).collect();
    assert_eq!(told, expected);
}
