//! An API server that answers, but not with what was asked for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyDataStream, BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kecs_core::task_spec::Condition;
use kecs_core::testing::task_manager::Harness;
use kecs_core::testing::task_ref;
use kecs_core::{BackendHealth, ErrorKind, HostEvent, StopCause, TaskManager};
use kecs_k8s::{KubernetesTaskManager, NodeInstances};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{OnCluster, cluster, cluster_with, end_of, running, task, until_told};

type Answer = UnsyncBoxBody<Bytes, kube::Error>;

/// What stands between a manager and the real API server.
#[derive(Clone, Default)]
struct Between {
    /// What requests that are no watches are answered with.
    refusal: Arc<Mutex<Option<Value>>>,
    /// Requests that are no watches are not answered at all.
    hangs: Arc<AtomicBool>,
    /// What the next watch is told, and nothing else.
    last_word: Arc<Mutex<Option<Value>>>,
    /// Ends the watches that are open.
    ends: Arc<watch::Sender<()>>,
}

impl Between {
    async fn client(&self) -> Client {
        let (between, real) = (self.clone(), OnCluster::client().await);
        let service = tower::service_fn(move |request| between.clone().answer(request, real.clone()));
        Client::new(service, "default")
    }

    async fn answer(self, request: Request<Body>, real: Client) -> Result<Response<Answer>, kube::Error> {
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        if !is_watch {
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            let refusal = self.refusal.lock().expect("nobody panics while holding it").clone();
            return match refusal {
                Some(status) => Ok(response(status["code"].as_u64().expect("a status has a code"), &status)),
                None => Ok(real.send(request).await?.map(BodyExt::boxed_unsync)),
            };
        }
        // Before it is looked for a last word, so that none is missed.
        let mut ended = self.ends.subscribe();
        if let Some(word) = self.last_word.lock().expect("nobody panics while holding it").take() {
            return Ok(response(200, &word));
        }
        let answer = real.send(request).await?;
        Ok(answer.map(|body| {
            let data = BodyDataStream::new(body).take_until(async move { ended.changed().await });
            StreamBody::new(data.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
        }))
    }

    fn refuse(&self, with: Option<Value>) {
        *self.refusal.lock().expect("nobody panics while holding it") = with;
    }
}

fn response(code: u64, body: &Value) -> Response<Answer> {
    let code = u16::try_from(code).expect("a status code is small");
    let body = Full::from(format!("{body}\n"));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).expect("it is one");
    response
}

/// A failure as Kubernetes' API tells it (`Status` of the API reference).
fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message})
}

#[tokio::test]
async fn what_cannot_be_had_now_is_tried_again_and_told() {
    let Some(cluster) = cluster("what_cannot_be_had_now_is_tried_again_and_told").await else { return };
    let between = Between::default();
    let tasks = KubernetesTaskManager::with_client(between.client().await, cluster.config().clone());
    let spec = task([running("app", "exit 0")]);
    tasks.list_tasks(&spec.task.cluster).await.expect("the pods are listed");
    let mut too_many = status(429, "TooManyRequests", "too many requests, please try again later");
    too_many["details"] = json!({"retryAfterSeconds": 7});
    let cases = [
        (status(401, "Unauthorized", "Unauthorized"), None),
        (too_many, Some(Duration::from_secs(7))),
        (status(500, "InternalError", "etcdserver: request timed out"), None),
        (status(503, "ServiceUnavailable", "the server is currently unable to handle the request"), None),
    ];
    for (refusal, after) in cases {
        between.refuse(Some(refusal.clone()));
        let error = tasks.ensure_task(&spec).await.expect_err("the API server refuses");
        assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, after), "{refusal}");
        let BackendHealth::Degraded { reason, .. } = tasks.health() else { panic!("nobody is told: {refusal}") };
        assert!(reason.contains(refusal["message"].as_str().expect("it is text")), "{reason}");
    }
    between.refuse(None);
    tasks.ensure_task(&spec).await.expect("the API server takes it");
    assert_eq!(tasks.health(), BackendHealth::Ready);
    cluster.until_stopped(&spec).await;
}

#[tokio::test]
async fn calls_that_are_not_answered_in_time_may_be_repeated_and_that_is_told() {
    let Some(cluster) = cluster("calls_that_are_not_answered_in_time_may_be_repeated_and_that_is_told").await else { return };
    let between = Between::default();
    let tasks = KubernetesTaskManager::with_client(between.client().await, cluster.config().clone());
    let (known, new) = (task([running("app", "sleep 600 & wait")]), task([running("app", "exit 0")]));
    tasks.ensure_task(&known).await.expect("a well-formed task is taken");
    cluster.until_running(&known).await;
    between.hangs.store(true, Ordering::SeqCst);
    let (ensured, stopped) = futures::join!(tasks.ensure_task(&new), tasks.stop_task(&known.task));
    for outcome in [ensured, stopped] {
        let error = outcome.expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    }
    let BackendHealth::Degraded { reason, .. } = tasks.health() else { panic!("nobody is told") };
    assert!(reason.contains("did not answer in time"), "{reason}");
    between.hangs.store(false, Ordering::SeqCst);
    tasks.ensure_task(&new).await.expect("the API server answers");
    tasks.stop_task(&known.task).await.expect("the API server answers");
    assert_eq!(tasks.health(), BackendHealth::Ready);
    cluster.until_stopped(&new).await;
    assert_eq!(cluster.until_stopped(&known).await.cause, Some(StopCause::Requested));
}

#[tokio::test]
async fn nodes_that_cannot_be_watched_are_told_until_they_can() {
    let of_default = NodeInstances::All(task_ref("default").cluster);
    let name = "nodes_that_cannot_be_watched_are_told_until_they_can";
    let Some(cluster) = cluster_with(name, |config| config.nodes = of_default).await else { return };
    let between = Between::default();
    let tasks = KubernetesTaskManager::with_client(between.client().await, cluster.config().clone());
    tasks.list_tasks(&task_ref("default").cluster).await.expect("the pods are listed");
    between.refuse(Some(status(403, "Forbidden", "nodes is forbidden")));
    let mut told = tasks.watch_instances().expect("nodes are instances");
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let degraded = async {
        loop {
            tokio::select! {
                event = told.next() => panic!("nothing can be told: {event:?}"),
                _ = again.tick() => {}
            }
            if let BackendHealth::Degraded { reason, .. } = tasks.health() {
                return reason;
            }
        }
    };
    let reason = tokio::time::timeout(cluster.patience(), degraded).await.expect("it is told");
    assert_eq!(reason, "cannot watch the nodes: nodes is forbidden (--kube-nodes off does without)");
    between.refuse(None);
    let listed = tokio::time::timeout(cluster.patience(), told.next()).await.expect("it is tried again");
    assert!(matches!(listed, Some(Ok(HostEvent::Resynced(_)))), "{listed:?}");
    assert_eq!(tasks.health(), BackendHealth::Ready);
}

#[tokio::test]
async fn a_watch_that_is_told_that_it_is_too_old_lists_anew() {
    let Some(cluster) = cluster("a_watch_that_is_told_that_it_is_too_old_lists_anew").await else { return };
    let between = Between::default();
    let tasks = KubernetesTaskManager::with_client(between.client().await, cluster.config().clone());
    let spec = task([running("app", "exit 5")]);
    tasks.list_tasks(&spec.task.cluster).await.expect("the pods are listed");
    let gone = json!({"type": "ERROR", "object": status(410, "Expired", "too old resource version: 1 (2)")});
    *between.last_word.lock().expect("nobody panics while holding it") = Some(gone);
    between.ends.send_replace(());
    cluster.ensure(&spec).await;
    let seen = cluster.until_stopped(&spec).await;
    until_told(&tasks, &seen).await;
    assert!(between.last_word.lock().expect("nobody panics while holding it").is_none(), "the watch was told");
}

/// Makes something of the admission API, and gives what takes it away.
async fn admission(version: &str, kind: &str, object: Value) -> (Api<DynamicObject>, String) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("admissionregistration.k8s.io", version, kind));
    let api: Api<DynamicObject> = Api::all_with(OnCluster::client().await, &resource);
    let object: DynamicObject = serde_json::from_value(object).expect("it is an object");
    let made = api.create(&PostParams::default(), &object).await.expect("an operator may");
    (api, made.metadata.name.expect("it has a name"))
}

/// A namespace of the cluster of these tasks, and how the admission API selects it.
async fn selected(cluster: &OnCluster) -> Value {
    let first = task([running("app", "exit 0")]);
    cluster.ensure(&first).await;
    cluster.until_stopped(&first).await;
    json!({"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace().await}})
}

#[tokio::test]
async fn a_webhook_that_cannot_be_asked_is_waited_for() {
    let Some(cluster) = cluster("a_webhook_that_cannot_be_asked_is_waited_for").await else { return };
    let namespace = selected(&cluster).await;
    let name = format!("{}-away", cluster.config().prefix);
    let webhook = json!({
        "name": "away.kecs.io", "clientConfig": {"url": "https://127.0.0.1:1/"}, "failurePolicy": "Fail", "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "timeoutSeconds": 1, "namespaceSelector": namespace,
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    });
    let object = json!({"metadata": {"name": name}, "webhooks": [webhook]});
    let (webhooks, name) = admission("v1", "ValidatingWebhookConfiguration", object).await;
    let refusal = refused(&cluster).await;
    webhooks.delete(&name, &DeleteParams::default()).await.expect("an operator may");
    assert_eq!(refusal.kind(), ErrorKind::Unavailable, "{refusal:?}");
    assert!(refusal.to_string().contains("failed calling webhook \"away.kecs.io\""), "{refusal}");
    let spec = task([running("app", "exit 0")]);
    let mut again = tokio::time::interval(Duration::from_millis(200));
    while cluster.tasks().ensure_task(&spec).await.is_err() {
        again.tick().await;
    }
    cluster.until_stopped(&spec).await;
    assert_eq!(cluster.tasks().health(), BackendHealth::Ready);
}

/// A policy that denies what is done with the pods of these tasks' namespace.
struct Denial {
    policies: Api<DynamicObject>,
    bindings: Api<DynamicObject>,
    name: String,
}

const DENIED: &str = "no tasks on Thursdays";

impl Denial {
    async fn of(operation: &str, cluster: &OnCluster) -> Self {
        let namespace = selected(cluster).await;
        let name = format!("{}-denies", cluster.config().prefix);
        let rules = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": ["pods"]}]);
        let policy = json!({"metadata": {"name": name}, "spec": {
            "failurePolicy": "Fail", "matchConstraints": {"resourceRules": rules},
            "validations": [{"expression": "false", "message": DENIED}],
        }});
        let binding = json!({"metadata": {"name": name}, "spec": {
            "policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": namespace},
        }});
        let (policies, name) = admission("v1", "ValidatingAdmissionPolicy", policy).await;
        let (bindings, _) = admission("v1", "ValidatingAdmissionPolicyBinding", binding).await;
        Self { policies, bindings, name }
    }

    async fn lift(self) {
        self.bindings.delete(&self.name, &DeleteParams::default()).await.expect("an operator may");
        self.policies.delete(&self.name, &DeleteParams::default()).await.expect("an operator may");
    }
}

#[tokio::test]
async fn what_a_policy_denies_is_final_and_in_its_words() {
    let Some(cluster) = cluster("what_a_policy_denies_is_final_and_in_its_words").await else { return };
    let denial = Denial::of("CREATE", &cluster).await;
    let refusal = refused(&cluster).await;
    denial.lift().await;
    assert_eq!(refusal.kind(), ErrorKind::Invalid, "{refusal:?}");
    assert!(refusal.to_string().contains(DENIED), "{refusal}");
}

#[tokio::test]
async fn a_change_that_a_policy_denies_is_told_and_tried_until_it_comes_about() {
    let Some(cluster) = cluster("a_change_that_a_policy_denies_is_told_and_tried_until_it_comes_about").await else { return };
    let sleeper = task([running("app", "sleep 600 & wait")]);
    cluster.ensure(&sleeper).await;
    cluster.until_running(&sleeper).await;
    let denial = Denial::of("UPDATE", &cluster).await;
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let in_force = async {
        let (pods, name) = (cluster.pods().await, format!("task-{}", sleeper.task.id));
        let label = Patch::Merge(json!({"metadata": {"labels": {"looked": "at"}}}));
        while pods.patch(&name, &PatchParams { dry_run: true, ..PatchParams::default() }, &label).await.is_ok() {
            again.tick().await;
        }
    };
    tokio::time::timeout(cluster.patience(), in_force).await.expect("it comes into force");
    // To let `app` start its image is written on the pod.
    let first = running("first", "exit 0").essential(false);
    let ordered = task([running("app", "exit 7").depends_on("first", Condition::Success), first]);
    cluster.ensure(&ordered).await;
    until_degraded(&cluster).await;
    let refusal = cluster.tasks().stop_task(&sleeper.task).await.expect_err("the policy denies it");
    assert_eq!(refusal.kind(), ErrorKind::Invalid, "{refusal:?}");
    cluster.ensure(&task([running("app", "exit 0")])).await;
    until_degraded(&cluster).await;
    denial.lift().await;
    while cluster.tasks().stop_task(&sleeper.task).await.is_err() {
        again.tick().await;
    }
    assert_eq!(cluster.until_stopped(&sleeper).await.cause, Some(StopCause::Requested));
    assert_eq!(end_of(&cluster.until_stopped(&ordered).await, "app").0, Some(7));
    assert_eq!(cluster.tasks().health(), BackendHealth::Ready);
}

/// Waits until it is told that a change is denied.
async fn until_degraded(cluster: &OnCluster) {
    let mut again = tokio::time::interval(Duration::from_millis(200));
    let told = async {
        loop {
            match cluster.tasks().health() {
                BackendHealth::Degraded { reason, .. } if reason.contains(DENIED) => return,
                _ => again.tick().await,
            };
        }
    };
    tokio::time::timeout(cluster.patience(), told).await.expect("it is told");
}

/// What a task is refused with, once what refuses it is in force.
async fn refused(cluster: &OnCluster) -> kecs_core::BackendError {
    let looking = async {
        loop {
            let spec = task([running("app", "exit 0")]);
            match cluster.tasks().ensure_task(&spec).await {
                Err(refusal) => return refusal,
                Ok(()) => drop(cluster.until_stopped(&spec).await),
            }
        }
    };
    tokio::time::timeout(cluster.patience(), looking).await.expect("it comes into force")
}
