//! What is promised about pods that are no tasks and ask for the sidecar, on a real API server. A program of its own, in which one test runs at a time: a
//! webhook is the whole cluster's.

use std::env;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kecs_core::{Clock, SystemClock, TaskId};
use kecs_k8s::{FailurePolicy, InjectionWebhook, KubernetesConfig, Sidecar, WebhookAddress, WebhookConfig};
use kecs_model::Timestamp;
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// The node, as its API server reaches it.
const NODE: &str = "10.88.0.1";
const PORT: u16 = 9461;
/// How long an API server may take to hear of a change.
const PATIENCE: Duration = Duration::from_secs(30);

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A labelled namespace, and the prefix of a KECS, both gone with the test.
struct Place {
    client: Client,
    namespace: String,
    prefix: String,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    /// `None`, said on the real standard error, where there is no cluster.
    async fn new(test: &str) -> Option<Self> {
        if env::var_os("KECS_TEST_CLUSTER").is_none() {
            writeln!(std::io::stderr(), "skipped: {test}: KECS_TEST_CLUSTER does not say that there is a cluster").ok();
            return None;
        }
        let turn = ONE_AT_A_TIME.lock().await;
        let access = Config::infer().await.expect("the run says how to reach its cluster");
        let client = Client::try_from(access).expect("it can be used");
        let prefix = format!("w{}", &TaskId::random().to_string()[..12]);
        let place = Self { client, namespace: prefix.clone(), prefix, _turn: turn };
        place.make_namespace(&place.namespace, json!({"kecs.io/inject-aws-proxy": "enabled"})).await;
        Some(place)
    }

    async fn make_namespace(&self, name: &str, labels: Value) {
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .create(&PostParams::default(), &serde_json::from_value(namespace).expect("a namespace"))
            .await
            .expect("it is new");
    }

    async fn webhook(&self, clock: Arc<dyn Clock>) -> InjectionWebhook {
        self.webhook_with(clock, FailurePolicy::Ignore).await
    }

    async fn webhook_with(&self, clock: Arc<dyn Clock>, failure_policy: FailurePolicy) -> InjectionWebhook {
        let mut kubernetes = KubernetesConfig::default();
        kubernetes.prefix.clone_from(&self.prefix);
        kubernetes.sidecar = Some(Sidecar::new("registry.test/sidecar:1", "http://kecs.test:5373"));
        kubernetes.clock = clock;
        let mut config = WebhookConfig::new(WebhookAddress::Url { host: NODE.to_owned(), port: PORT });
        config.listen.set_port(PORT);
        config.failure_policy = failure_policy;
        let webhook = InjectionWebhook::start(config, &kubernetes).await.expect("it can listen");
        tokio::time::timeout(PATIENCE, webhook.ready()).await.expect("the API server is there");
        webhook
    }

    /// Creates a pod, which nobody starts: no node has its name.
    async fn create(&self, namespace: &str, name: &str, annotations: Value, parameters: &PostParams) -> Pod {
        let created = self.try_create(namespace, name, annotations, parameters).await;
        created.expect("it is created, whatever the webhook does")
    }

    async fn try_create(
        &self,
        namespace: &str,
        name: &str,
        annotations: Value,
        parameters: &PostParams,
    ) -> Result<Pod, kube::Error> {
        let pod = json!({
            "metadata": {"name": name, "annotations": annotations},
            "spec": {"nodeName": "nowhere", "containers": [{"name": "app", "image": "registry.test/busybox:1"}]},
        });
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let account = "error looking up service account";
        let create = async {
            loop {
                match pods.create(parameters, &serde_json::from_value(pod.clone()).expect("a pod")).await {
                    // A new namespace gets its account in a moment.
                    Err(kube::Error::Api(status)) if status.message.contains(account) => tokio::task::yield_now().await,
                    other => return other,
                }
            }
        };
        tokio::time::timeout(PATIENCE, create).await.expect("the namespace gets its account")
    }

    /// Creates pods that ask until the API server has heard of a change.
    async fn until(&self, what: &str, is_so: impl Fn(&Pod) -> bool) -> Pod {
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let search = async {
            loop {
                let pod = self.create(&self.namespace, "trial", asking(), &dry).await;
                if is_so(&pod) {
                    return pod;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("no pod was ever {what}"))
    }

    async fn bundle(&self) -> String {
        let registrations: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let found = registrations.get(&format!("{}-aws-proxy", self.prefix)).await.expect("it is registered");
        let bundle = found.webhooks.expect("it has one")[0].client_config.ca_bundle.clone().expect("it says whom to trust");
        String::from_utf8(bundle.0).expect("it is PEM")
    }

    async fn clean_up(self) {
        let registrations: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        registrations.delete(&format!("{}-aws-proxy", self.prefix), &DeleteParams::default()).await.expect("it is registered");
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.expect("it is there");
    }
}

fn asking() -> Value {
    json!({"kecs.io/inject-aws-proxy": "true"})
}

fn sidecars(pod: &Pod) -> usize {
    let first = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
    first.map_or(0, |all| all.iter().filter(|container| container.image.as_deref() == Some("registry.test/sidecar:1")).count())
}

fn endpoint(pod: &Pod) -> Option<String> {
    let variables = pod.spec.as_ref()?.containers[0].env.as_ref()?;
    variables.iter().find(|variable| variable.name == "AWS_ENDPOINT_URL")?.value.clone()
}

#[tokio::test]
async fn a_pod_that_asks_in_a_labelled_namespace_gets_the_sidecar_and_no_other_does() {
    let Some(place) = Place::new("a_pod_that_asks_in_a_labelled_namespace_gets_the_sidecar_and_no_other_does").await else {
        return;
    };
    let webhook = place.webhook(Arc::new(SystemClock)).await;
    // Also what `kubectl apply --dry-run=server` does.
    let dry = place.until("injected", |pod| sidecars(pod) == 1).await;
    assert_eq!(endpoint(&dry).as_deref(), Some("http://localhost:4566"));
    let pods: Api<Pod> = Api::namespaced(place.client.clone(), &place.namespace);
    assert!(pods.get_opt("trial").await.expect("it can be asked").is_none(), "a dry run makes nothing");

    let parameters = PostParams::default();
    let asked = place.create(&place.namespace, "asks", asking(), &parameters).await;
    assert_eq!((sidecars(&asked), endpoint(&asked).as_deref()), (1, Some("http://localhost:4566")));
    let silent = place.create(&place.namespace, "silent", json!({}), &parameters).await;
    assert_eq!((sidecars(&silent), endpoint(&silent)), (0, None));
    let refuses = place.create(&place.namespace, "refuses", json!({"kecs.io/inject-aws-proxy": "false"}), &parameters).await;
    assert_eq!((sidecars(&refuses), endpoint(&refuses)), (0, None));
    let elsewhere = format!("{}-plain", place.prefix);
    place.make_namespace(&elsewhere, json!({})).await;
    let unlabelled = place.create(&elsewhere, "asks", asking(), &parameters).await;
    assert_eq!((sidecars(&unlabelled), endpoint(&unlabelled)), (0, None));

    // What came out, created again, as a backup does it.
    let mut again = asked.clone();
    again.metadata = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
        name: Some("again".to_owned()),
        annotations: asked.metadata.annotations.clone(),
        ..Default::default()
    };
    let again = pods.create(&parameters, &again).await.expect("it is created");
    assert_eq!(sidecars(&again), 1, "once is enough: {again:#?}");
    webhook.shutdown().await;
    place.clean_up().await;
}

#[tokio::test]
async fn while_nobody_answers_pods_are_created_as_they_are() {
    let Some(place) = Place::new("while_nobody_answers_pods_are_created_as_they_are").await else { return };
    let webhook = place.webhook(Arc::new(SystemClock)).await;
    place.until("injected", |pod| sidecars(pod) == 1).await;
    let known = place.bundle().await;
    webhook.shutdown().await;
    let pod = place.create(&place.namespace, "alone", asking(), &PostParams::default()).await;
    assert_eq!((sidecars(&pod), endpoint(&pod)), (0, None));
    // The next one, or a second one beside it, has the same certificates.
    let _webhook = place.webhook(Arc::new(SystemClock)).await;
    assert_eq!(place.bundle().await, known);
    place.until("injected", |pod| sidecars(pod) == 1).await;
    place.clean_up().await;
}

#[tokio::test]
async fn with_the_policy_fail_pods_that_ask_are_refused_while_nobody_answers_and_others_are_not() {
    let test = "with_the_policy_fail_pods_that_ask_are_refused_while_nobody_answers_and_others_are_not";
    let Some(place) = Place::new(test).await else { return };
    let webhook = place.webhook_with(Arc::new(SystemClock), FailurePolicy::Fail).await;
    place.until("injected", |pod| sidecars(pod) == 1).await;
    webhook.shutdown().await;
    let parameters = PostParams::default();
    match place.try_create(&place.namespace, "asks", asking(), &parameters).await {
        Err(kube::Error::Api(status)) => {
            // "failed calling webhook \"…\"" and 500: what the API server says of a webhook with this policy.
            assert_eq!(status.code, 500, "{}", status.message);
            assert!(status.message.contains("failed calling webhook \"aws-proxy.kecs.io\""), "{}", status.message);
        }
        other => panic!("a refusal was expected, not {other:?}"),
    }
    let silent = place.create(&place.namespace, "silent", json!({}), &parameters).await;
    assert_eq!(sidecars(&silent), 0);
    place.clean_up().await;
}

/// The real time, some time ago.
#[derive(Debug)]
struct Ago(Duration);

impl Clock for Ago {
    fn now(&self) -> Timestamp {
        let ago = i64::try_from(self.0.as_millis()).expect("a short time");
        Timestamp::from_millis(SystemClock.now().as_millis() - ago)
    }
}

#[tokio::test]
async fn a_new_authority_takes_over_without_a_gap() {
    let Some(place) = Place::new("a_new_authority_takes_over_without_a_gap").await else { return };
    let authorities = |bundle: &str| bundle.matches("BEGIN CERTIFICATE").count();
    place.webhook(Arc::new(Ago(Duration::from_hours(250 * 24)))).await.shutdown().await;
    let old = place.bundle().await;
    assert_eq!(authorities(&old), 1);

    // Its authority is to be followed by another, which is known but not used yet.
    let webhook = place.webhook(Arc::new(Ago(Duration::from_hours(4)))).await;
    let both = place.bundle().await;
    assert!(both.starts_with(&old) && authorities(&both) == 2, "{both}");
    place.until("injected", |pod| sidecars(pod) == 1).await;
    webhook.shutdown().await;

    let _webhook = place.webhook(Arc::new(SystemClock)).await;
    assert_eq!(place.bundle().await, both, "the old one may still be served by another KECS");
    place.until("injected", |pod| sidecars(pod) == 1).await;
    place.clean_up().await;
}
