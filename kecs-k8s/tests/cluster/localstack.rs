//! LocalStacks as Deployments. The image is a stand-in that the cluster has; the manifest is what LocalStack's own would get.

use std::io::ErrorKind;
use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::storage::v1::StorageClass;
use kecs_core::{BackendError, TaskId};
use kecs_k8s::{DeployedLocalStack, KubernetesLocalStacks, LocalStackSettings, VolumeClass};
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{OnCluster, cluster};

const STAND_IN: &str = "registry.test/localstack:4.14.0";
const PATIENCE: Duration = Duration::from_secs(90);

/// LocalStacks in a namespace of their own.
struct Own {
    client: Client,
    namespace: String,
    stacks: KubernetesLocalStacks,
}

impl Own {
    /// `None`, said on the real standard error, where there is no cluster.
    async fn namespace(test: &str) -> Option<Self> {
        cluster(test).await?;
        let client = OnCluster::client().await;
        let namespace = format!("aws-{}", &TaskId::random().to_string()[..12]);
        let stacks = KubernetesLocalStacks::with_client(client.clone(), "kecs", &namespace);
        Some(Self { client, namespace, stacks })
    }

    async fn deploy(&self, settings: &LocalStackSettings) -> DeployedLocalStack {
        self.try_deploy(settings).await.unwrap_or_else(|error| panic!("it should be rolled out: {error}"))
    }

    async fn try_deploy(&self, settings: &LocalStackSettings) -> Result<DeployedLocalStack, String> {
        let waits = Mutex::new(Vec::new());
        let deploy =
            self.stacks.deploy(settings, |reason| waits.lock().expect("nobody panics while holding it").push(reason.to_owned()));
        let Ok(outcome) = tokio::time::timeout(PATIENCE, deploy).await else { panic!("not in time; it waited for {waits:?}") };
        outcome.map_err(|error| error.to_string())
    }

    fn api<K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>>(&self) -> Api<K>
    where
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The names of the pods that there are, and their variables called SERVICES.
    async fn pods(&self) -> Vec<(String, String)> {
        let pods = self.api::<Pod>().list(&ListParams::default()).await.expect("pods can be listed").items;
        let variables = |pod: &Pod| pod.spec.as_ref()?.containers.first()?.env.clone();
        let services = |pod: &Pod| variables(pod)?.into_iter().find(|variable| variable.name == "SERVICES")?.value;
        pods.iter().map(|pod| (pod.metadata.name.clone().unwrap_or_default(), services(pod).unwrap_or_default())).collect()
    }

    async fn clean_up(self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(&self.namespace, &DeleteParams::default()).await.expect("it is there");
    }
}

fn settings(services: &str) -> LocalStackSettings {
    let mut settings = LocalStackSettings::new(STAND_IN);
    settings.environment.insert("SERVICES".to_owned(), services.to_owned());
    settings.requests = [("memory".to_owned(), "16Mi".to_owned())].into();
    settings
}

/// What is answered to a GET, headers and all.
async fn get(endpoint: &str, path: &str) -> String {
    let authority = endpoint.trim_start_matches("http://");
    let asking = async {
        let mut stream = loop {
            match TcpStream::connect(authority).await {
                // The node has not heard of the pod yet, and nothing tells when it has.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                connected => break connected?,
            }
        };
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await.expect("it answers in time");
    answer.unwrap_or_else(|error| panic!("{endpoint} should answer: {error}"))
}

#[tokio::test]
async fn a_localstack_is_reached_by_its_service_when_its_rollout_is_over() {
    let Some(own) = Own::namespace("a_localstack_is_reached_by_its_service_when_its_rollout_is_over").await else { return };
    let deployed = own.deploy(&settings("s3")).await;
    assert_eq!(deployed.endpoint(), format!("http://localstack.{}.svc.cluster.local:4566", own.namespace));
    let health = get(deployed.endpoint(), "/_localstack/health").await;
    assert!(health.contains(r#"{"services": {"s3": "available"}, "edition": "community""#), "{health}");
    own.clean_up().await;
}

#[tokio::test]
async fn the_same_settings_leave_it_running_and_others_replace_it() {
    let Some(own) = Own::namespace("the_same_settings_leave_it_running_and_others_replace_it").await else { return };
    drop(own.deploy(&settings("s3")).await);
    let first = own.pods().await;
    let before = own.deploy(&settings("s3")).await;
    assert_eq!(own.pods().await, first, "it is as it was");

    let after = own.deploy(&settings("s3,sqs")).await;
    assert_eq!(before.ended().await, "its pod is gone");
    let second = own.pods().await;
    assert_eq!(second.len(), 1, "one at a time: {second:?}");
    assert_ne!(second[0].0, first[0].0);
    assert_eq!(second[0].1, "s3,sqs");
    assert!(get(after.endpoint(), "/_localstack/health").await.contains(r#""sqs": "available""#));
    own.clean_up().await;
}

#[tokio::test]
async fn clusters_with_settings_of_their_own_have_their_own() {
    let Some(own) = Own::namespace("clusters_with_settings_of_their_own_have_their_own").await else { return };
    let mut of_cluster = settings("ssm");
    of_cluster.cluster = Some("payments".to_owned());
    let shared_settings = settings("s3");
    let (shared, payments) = tokio::join!(own.deploy(&shared_settings), own.deploy(&of_cluster));
    assert!(payments.endpoint().starts_with("http://localstack-payments."), "{}", payments.endpoint());
    assert!(get(payments.endpoint(), "/_localstack/health").await.contains(r#"{"ssm": "available"}"#));
    assert!(get(shared.endpoint(), "/_localstack/health").await.contains(r#"{"s3": "available"}"#));
    own.clean_up().await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_fails_it_with_the_reason() {
    let Some(own) = Own::namespace("an_image_that_is_nowhere_fails_it_with_the_reason").await else { return };
    let mut settings = settings("s3");
    settings.image = "registry.test/localstack:0.0.0".to_owned();
    let reason = own.try_deploy(&settings).await.expect_err("nobody has the image");
    assert!(reason.starts_with("its image registry.test/localstack:0.0.0 cannot be pulled: "), "{reason}");
    let deployment = own.api::<Deployment>().get("localstack").await.expect("it is there");
    assert_eq!(deployment.spec.and_then(|spec| spec.replicas), Some(0), "nobody goes on trying");
    own.clean_up().await;
}

#[tokio::test]
async fn a_program_that_ends_again_and_again_fails_it_with_its_last_words() {
    let Some(own) = Own::namespace("a_program_that_ends_again_and_again_fails_it_with_its_last_words").await else { return };
    let mut settings = settings("s3");
    settings.environment.insert("STAND_IN_FAILS".to_owned(), "1".to_owned());
    let reason = own.try_deploy(&settings).await.expect_err("it exits");
    assert_eq!(reason, "it ends again and again; last, it exited with code 3, and said last: it was told to fail");
    own.clean_up().await;
}

#[tokio::test]
async fn what_no_node_has_room_for_is_waited_for_with_the_reason() {
    let Some(own) = Own::namespace("what_no_node_has_room_for_is_waited_for_with_the_reason").await else { return };
    let mut settings = settings("s3");
    settings.requests.insert("cpu".to_owned(), "1000".to_owned());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let deploy = own.stacks.deploy(&settings, |reason| drop(tell.send(reason.to_owned())));
    let reason = tokio::select! {
        outcome = deploy => panic!("it has no node: {outcome:?}"),
        reason = tokio::time::timeout(PATIENCE, told.recv()) => reason.expect("the scheduler is asked at once"),
    };
    assert!(reason.as_deref().is_some_and(|reason| reason.starts_with("no node takes it: 0/1 nodes")), "{reason:?}");
    // The deployment was broken off.
    own.stacks.settle().await;
    let deployment = own.api::<Deployment>().get("localstack").await.expect("it is there");
    assert_eq!(deployment.spec.and_then(|spec| spec.replicas), Some(0));
    own.clean_up().await;
}

#[tokio::test]
async fn what_is_stopped_keeps_its_files_and_what_is_removed_does_not() {
    let Some(own) = Own::namespace("what_is_stopped_keeps_its_files_and_what_is_removed_does_not").await else { return };
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "localstack-test"},
        "provisioner": "kubernetes.io/host-path",
    });
    let classes: Api<StorageClass> = Api::all(own.client.clone());
    let applied = classes.patch("localstack-test", &PatchParams::apply("test"), &Patch::Apply(&class)).await;
    applied.expect("an operator may");
    let mut settings = settings("s3");
    let mut volume = VolumeClass::default();
    volume.storage_class = Some("localstack-test".to_owned());
    settings.volume = Some(volume);

    let deployed = own.deploy(&settings).await;
    deployed.stop(Duration::from_secs(5)).await.expect("it ends");
    assert_eq!(own.pods().await, []);
    let claims = own.api::<PersistentVolumeClaim>();
    let volume_of = async || claims.get("localstack").await.expect("it stays").spec.and_then(|spec| spec.volume_name);
    let volume = volume_of().await;
    assert!(volume.is_some());
    own.deploy(&settings).await;
    assert_eq!(volume_of().await, volume);

    own.stacks.remove(None).await.expect("it can be removed");
    let claim = claims.get_opt("localstack").await.expect("claims can be asked for");
    assert!(claim.is_none_or(|claim| claim.metadata.deletion_timestamp.is_some()));
    own.clean_up().await;
}

#[tokio::test]
async fn the_clusters_that_have_one_are_known_until_theirs_is_removed() {
    let Some(own) = Own::namespace("the_clusters_that_have_one_are_known_until_theirs_is_removed").await else { return };
    assert_eq!(own.stacks.clusters().await.expect("there need be no namespace"), Vec::<String>::new());
    let mut of_cluster = settings("ssm");
    of_cluster.cluster = Some("Pay_ments".to_owned());
    let shared_settings = settings("s3");
    tokio::join!(own.deploy(&shared_settings), own.deploy(&of_cluster));
    let others = KubernetesLocalStacks::with_client(own.client.clone(), "another", &own.namespace);
    assert_eq!(others.clusters().await.expect("it may look"), Vec::<String>::new(), "they are not its own");
    assert_eq!(own.stacks.clusters().await.expect("it may look"), ["Pay_ments"]);

    own.stacks.remove(Some("Pay_ments")).await.expect("it can be removed");
    let gone = async || {
        while own.pods().await.len() > 1 || !own.stacks.clusters().await.expect("it may look").is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone()).await.expect("its pod goes with its Deployment");
    assert_eq!(own.pods().await[0].1, "s3", "the shared one stays");
    let services = own.api::<Service>().list(&ListParams::default()).await.expect("services can be listed").items;
    assert_eq!(services.iter().map(|service| service.metadata.name.as_deref()).collect::<Vec<_>>(), [Some("localstack")]);
    own.clean_up().await;
}

async fn next_line(log: &mut BoxStream<'static, Result<String, BackendError>>) -> String {
    let line = tokio::time::timeout(PATIENCE, log.next()).await.expect("a line comes in time");
    line.expect("a log that is followed has no end").unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn the_end_of_its_program_is_told_and_its_log_goes_on() {
    let Some(own) = Own::namespace("the_end_of_its_program_is_told_and_its_log_goes_on").await else { return };
    let deployed = own.deploy(&settings("s3")).await;
    let mut log = own.stacks.logs(None, None, true);
    assert_eq!(next_line(&mut log).await, "LocalStack's stand-in, with SERVICES=s3");
    assert_eq!(next_line(&mut log).await, "Ready.");
    let pods = own.pods().await;
    own.api::<Pod>().delete(&pods[0].0, &DeleteParams::default()).await.expect("an operator may");
    let how = tokio::time::timeout(PATIENCE, deployed.ended()).await.expect("it is told in time");
    assert_eq!(how, "its pod was deleted");
    assert_eq!(next_line(&mut log).await, "LocalStack's stand-in, with SERVICES=s3", "of the next one");
    own.clean_up().await;
}

#[tokio::test]
async fn who_cannot_reach_its_service_reaches_it_through_the_api_server() {
    let Some(own) = Own::namespace("who_cannot_reach_its_service_reaches_it_through_the_api_server").await else { return };
    let mut settings = settings("s3");
    settings.always_forward = true;
    let deployed = own.deploy(&settings).await;
    assert!(deployed.endpoint().starts_with("http://127.0.0.1:"), "{}", deployed.endpoint());
    let (first, second) =
        tokio::join!(get(deployed.endpoint(), "/_localstack/health"), get(deployed.endpoint(), "/_localstack/health"));
    assert!(first.contains(r#"{"services": {"s3": "available"}"#), "{first}");
    assert_eq!(first.lines().last(), second.lines().last());
    own.clean_up().await;
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_left_alone() {
    let Some(own) = Own::namespace("what_belongs_to_somebody_else_is_left_alone").await else { return };
    own.deploy(&settings("s3")).await;
    let pods = own.pods().await;
    let others = KubernetesLocalStacks::with_client(own.client.clone(), "another", &own.namespace);
    let refusal = others.deploy(&settings("sqs"), |_| ()).await.expect_err("it is not theirs").to_string();
    assert!(refusal.contains("belongs to the KECS with the prefix kecs: choose another namespace"), "{refusal}");
    assert_eq!(own.pods().await, pods);
    own.clean_up().await;
}
