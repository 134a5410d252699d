//! An API server that has no time for KECS ("API Priority and Fairness").

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use kecs_core::testing::task_manager::Harness;
use kecs_core::testing::task_ref;
use kecs_core::{BackendHealth, ErrorKind, StopCause, TaskManager};
use kecs_k8s::KubernetesTaskManager;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use kube::config::AuthInfo;
use kube::{Client, Config};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{OnCluster, cluster, end_of, running, task, token, until_told};

/// Lets no request of an account pass, until that is lifted.
struct NoShare {
    levels: Api<PriorityLevelConfiguration>,
    schemas: Api<FlowSchema>,
    name: String,
}

impl NoShare {
    async fn of(account: &str) -> Self {
        let client = OnCluster::client().await;
        let (levels, schemas) = (Api::all(client.clone()), Api::all(client));
        let limited = json!({"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}});
        let level = json!({"metadata": {"name": account}, "spec": {"type": "Limited", "limited": limited}});
        let subject = json!({"kind": "ServiceAccount", "serviceAccount": {"name": account, "namespace": "default"}});
        let all = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": true});
        let schema = json!({"metadata": {"name": account}, "spec": {
            "priorityLevelConfiguration": {"name": account}, "matchingPrecedence": 2,
            "rules": [{"subjects": [subject], "resourceRules": [all]}],
        }});
        let level = serde_json::from_value(level).expect("it is an object");
        levels.create(&PostParams::default(), &level).await.expect("an operator may");
        let schema = serde_json::from_value(schema).expect("it is an object");
        schemas.create(&PostParams::default(), &schema).await.expect("an operator may");
        Self { levels, schemas, name: account.to_owned() }
    }

    async fn lift(self) {
        self.schemas.delete(&self.name, &DeleteParams::default()).await.expect("an operator may");
        self.levels.delete(&self.name, &DeleteParams::default()).await.expect("an operator may");
    }
}

#[tokio::test]
async fn an_api_server_that_has_no_time_is_asked_again_when_it_says_and_nothing_is_doubled() {
    let Some(cluster) = cluster("an_api_server_that_has_no_time_is_asked_again_when_it_says_and_nothing_is_doubled").await else {
        return;
    };
    let mut access = Config::infer().await.expect("the run says how to reach its cluster");
    access.auth_info = AuthInfo { token: Some(token(&cluster).await.into()), ..AuthInfo::default() };
    let tasks = KubernetesTaskManager::with_access(access.clone(), cluster.config().clone()).expect("it can be used");
    let known = task([running("app", "sleep 600 & wait")]);
    tasks.ensure_task(&known).await.expect("a well-formed task is taken");
    cluster.until_running(&known).await;
    let no_share = NoShare::of(&cluster.config().prefix).await;
    // One request at a time passes all the same.
    let mut crowd = JoinSet::new();
    for _ in 0..16 {
        let pods: Api<Pod> = Api::all(Client::try_from(access.clone()).expect("it can be used"));
        crowd.spawn(async move {
            loop {
                // As a rule it is refused, too.
                let _ = pods.list(&ListParams::default()).await;
            }
        });
    }
    // Nobody knows it, so the API server is asked.
    let unknown = task_ref("default");
    let refused = async {
        loop {
            if let Err(refusal) = tasks.stop_task(&unknown).await {
                return refusal;
            }
        }
    };
    let refusal = tokio::time::timeout(cluster.patience(), refused).await.expect("it has no time");
    assert_eq!(refusal.kind(), ErrorKind::Unavailable, "{refusal:?}");
    assert!(refusal.retry_after().is_some_and(|after| after >= Duration::from_secs(1)), "{refusal:?}");
    let BackendHealth::Degraded { reason, .. } = tasks.health() else { panic!("nobody is told") };
    assert!(reason.ends_with("Too many requests, please try again later."), "{reason}");
    drop(crowd);
    no_share.lift().await;
    let next = task([running("app", "exit 5")]);
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let through = async {
        while tasks.ensure_task(&next).await.and(tasks.stop_task(&known.task).await).and(tasks.stop_task(&unknown).await).is_err() {
            again.tick().await;
        }
    };
    tokio::time::timeout(cluster.patience(), through).await.expect("it has time");
    let (ended, stopped) = (cluster.until_stopped(&next).await, cluster.until_stopped(&known).await);
    assert_eq!((end_of(&ended, "app").0, stopped.cause.clone()), (Some(5), Some(StopCause::Requested)));
    until_told(&tasks, &ended).await;
    until_told(&tasks, &stopped).await;
    assert_eq!(tasks.health(), BackendHealth::Ready);
    let of_task = ListParams::default().labels(&format!("kecs.io/task-id={}", next.task.id));
    assert_eq!(cluster.pods().await.list(&of_task).await.expect("pods can be listed").items.len(), 1);
}
