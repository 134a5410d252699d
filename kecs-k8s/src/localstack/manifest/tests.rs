//! Field by field; the names of fields are those of Kubernetes' API reference.

use kecs_core::SecretValue;
use serde_json::{Value, json};

use super::*;
use crate::config::VolumeClass;

fn settings() -> LocalStackSettings {
    LocalStackSettings::new("localstack/localstack:4.14.0")
}

fn of(settings: &LocalStackSettings) -> Manifest {
    manifest(settings, "kecs", "aws-services")
}

fn deployment(settings: &LocalStackSettings) -> Value {
    serde_json::to_value(of(settings).deployment).unwrap()
}

fn container_of(settings: &LocalStackSettings) -> Value {
    deployment(settings)["spec"]["template"]["spec"]["containers"][0].take()
}

#[test]
fn the_shared_one_is_called_localstack_in_its_namespace() {
    let manifest = of(&settings());
    assert_eq!(manifest.namespace.metadata.name.as_deref(), Some("aws-services"));
    for metadata in [&manifest.service.metadata, &manifest.deployment.metadata] {
        assert_eq!((metadata.namespace.as_deref(), metadata.name.as_deref()), (Some("aws-services"), Some("localstack")));
    }
}

#[test]
fn one_of_a_cluster_is_called_after_it() {
    let of_cluster = |cluster: &str| {
        let manifest = of(&LocalStackSettings { cluster: Some(cluster.to_owned()), ..settings() });
        let metadata = manifest.deployment.metadata;
        (metadata.name.unwrap(), metadata.annotations.unwrap()["kecs.io/cluster"].clone())
    };
    assert_eq!(of_cluster("payments"), ("localstack-payments".to_owned(), "payments".to_owned()));
    let (name, cluster) = of_cluster("Pay_ments");
    assert!(name.starts_with("localstack-pay-ments-"), "{name}");
    assert_eq!(cluster, "Pay_ments");
    assert!(of_cluster(&"c".repeat(255)).0.len() <= 63);
}

#[test]
fn everything_says_whose_it_is_but_the_pods_which_are_no_tasks() {
    let class = VolumeClass::default();
    let token = ("LOCALSTACK_AUTH_TOKEN".to_owned(), SecretValue::new("t".to_owned()));
    let manifest = of(&LocalStackSettings { volume: Some(class), token: Some(token), ..settings() });
    let (secret, claim) = (manifest.secret.unwrap(), manifest.claim.unwrap());
    for metadata in [&secret.metadata, &claim.metadata, &manifest.service.metadata, &manifest.deployment.metadata] {
        assert_eq!(metadata.labels.as_ref().unwrap()["kecs.io/owner"], "kecs");
    }
    let pod = manifest.deployment.spec.unwrap().template.metadata.unwrap().labels.unwrap();
    assert!(!pod.contains_key("kecs.io/owner"), "{pod:?}");
    assert!(!manifest.namespace.metadata.labels.unwrap().contains_key("kecs.io/owner"), "those are of clusters");
}

#[test]
fn the_container_is_the_image_with_its_variables_and_port() {
    let environment = [("SERVICES", "s3,sqs"), ("DEBUG", "1"), ("X", "$(HOME)")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let container = container_of(&LocalStackSettings { environment, ..settings() });
    assert_eq!(container["image"], "localstack/localstack:4.14.0");
    let expected = json!([
        {"name": "DEBUG", "value": "1"}, {"name": "SERVICES", "value": "s3,sqs"}, {"name": "X", "value": "$$(HOME)"}
    ]);
    assert_eq!(container["env"], expected);
    assert_eq!(container["ports"], json!([{"containerPort": 4566, "name": "aws", "protocol": "TCP"}]));
    assert_eq!(container["command"], Value::Null, "the image's own");
    assert_eq!(container["imagePullPolicy"], Value::Null);
    let settings = LocalStackSettings { image_pull_policy: Some("IfNotPresent".to_owned()), ..settings() };
    assert_eq!(container_of(&settings)["imagePullPolicy"], "IfNotPresent");
}

#[test]
fn the_token_is_in_a_secret_only() {
    let token = |token: &str| Some(("LOCALSTACK_AUTH_TOKEN".to_owned(), SecretValue::new(token.to_owned())));
    let settings = LocalStackSettings { token: token("ls-secret"), ..settings() };
    let secret = of(&settings).secret.unwrap();
    assert_eq!(secret.metadata.name.as_deref(), Some("localstack-token"));
    assert_eq!(secret.data.unwrap()["token"].0, b"ls-secret");
    let of_secret = json!({"secretKeyRef": {"name": "localstack-token", "key": "token"}});
    assert_eq!(container_of(&settings)["env"], json!([{"name": "LOCALSTACK_AUTH_TOKEN", "valueFrom": of_secret}]));
    assert!(!deployment(&settings).to_string().contains("ls-secret"));
    assert!(!format!("{settings:?}").contains("ls-secret"));
    let other = LocalStackSettings { token: token("another"), ..settings.clone() };
    assert_ne!(of(&settings).deployment, of(&other).deployment, "a variable is read at the start only");
    assert_eq!(of(&self::settings()).secret, None);
}

#[test]
fn its_files_are_on_a_volume_of_its_own_where_they_are_to_stay() {
    let files = |settings: &LocalStackSettings| deployment(settings)["spec"]["template"]["spec"]["volumes"].take();
    assert_eq!(container_of(&settings())["volumeMounts"], json!([{"name": "files", "mountPath": "/var/lib/localstack"}]));
    assert_eq!(files(&settings()), json!([{"name": "files", "emptyDir": {}}]));
    assert_eq!(of(&settings()).claim, None);

    let class = VolumeClass { storage_class: Some("fast".to_owned()), size: 8 };
    let kept = LocalStackSettings { volume: Some(class), ..settings() };
    assert_eq!(files(&kept), json!([{"name": "files", "persistentVolumeClaim": {"claimName": "localstack"}}]));
    let claim = serde_json::to_value(of(&kept).claim.unwrap()).unwrap();
    assert_eq!(claim["metadata"]["name"], "localstack");
    let expected = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "8Gi"}}
    });
    assert_eq!(claim["spec"], expected);
}

#[test]
fn one_pod_at_a_time_answers_behind_the_service() {
    let deployment = deployment(&settings());
    let spec = &deployment["spec"];
    assert_eq!((&spec["replicas"], &spec["strategy"]), (&json!(1), &json!({"type": "Recreate"})));
    let service = serde_json::to_value(of(&settings()).service).unwrap();
    let expected = json!({
        "selector": {"kecs.io/localstack": "localstack"},
        "ports": [{"name": "aws", "port": 4566, "protocol": "TCP", "targetPort": "aws"}],
    });
    assert_eq!(service["spec"], expected);
    assert_eq!(spec["selector"]["matchLabels"], expected["selector"]);
    assert_eq!(spec["template"]["metadata"]["labels"]["kecs.io/localstack"], "localstack");
}

#[test]
fn its_health_is_asked_for_at_the_start_and_always() {
    let container = container_of(&LocalStackSettings { start_timeout: Duration::from_secs(90), ..settings() });
    let get = json!({"path": "/_localstack/health", "port": "aws", "scheme": "HTTP"});
    for (probe, period, failures) in [("startupProbe", 1, 90), ("readinessProbe", 5, 2), ("livenessProbe", 10, 3)] {
        let expected = json!({"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures});
        assert_eq!(container[probe], expected, "{probe}");
    }
}

#[test]
fn it_may_no_more_than_it_needs() {
    let deployment = deployment(&LocalStackSettings { stop_timeout: Duration::from_secs(7), ..settings() });
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!((&pod["automountServiceAccountToken"], &pod["enableServiceLinks"]), (&json!(false), &json!(false)));
    assert_eq!(pod["securityContext"], json!({"seccompProfile": {"type": "RuntimeDefault"}}));
    assert_eq!(pod["terminationGracePeriodSeconds"], 7);
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"], json!({"allowPrivilegeEscalation": false}));
    assert_eq!(container["resources"], json!({"requests": {"cpu": "100m", "memory": "512Mi"}}));
}

#[test]
fn the_same_settings_are_the_same_pod() {
    let changed = LocalStackSettings { environment: [("SERVICES".to_owned(), "s3".to_owned())].into(), ..settings() };
    let label =
        |settings: &LocalStackSettings| deployment(settings)["spec"]["template"]["metadata"]["labels"]["kecs.io/settings"].take();
    assert_eq!(label(&settings()), label(&settings()));
    assert_ne!(label(&settings()), label(&changed));
}
