use kecs_core::SecretValue;
use kecs_core::task_spec::EnvValue;
use kecs_core::testing::{container, spec};
use serde_json::json;

use super::{made, part_of};

#[test]
fn values_are_what_they_are() {
    let part = part_of(container("app").env("PRICE", "$5").env("GREETING", "hello $(NAME)"));
    assert_eq!(part["env"], json!([{"name": "PRICE", "value": "$$5"}, {"name": "GREETING", "value": "hello $$(NAME)"}]));
}

#[test]
fn a_secret_is_in_no_pod() {
    let task = spec([container("app").env("MODE", "test").with(|spec| {
        spec.environment.push(("PASSWORD".to_owned(), EnvValue::Secret(SecretValue::new("hush".to_owned()))));
    })]);
    let manifest = made(&task);
    let pod = serde_json::to_value(&manifest.pod).expect("a pod has a JSON form");
    let name = format!("task-{}", task.task.id);
    let reference = json!({"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"key": "0.1", "name": name}}});
    assert_eq!(pod["spec"]["containers"][0]["env"][1], reference);
    assert!(!pod.to_string().contains("hush"));

    let [secret] = &manifest.secrets[..] else { panic!("one secret: {:?}", manifest.secrets.len()) };
    assert_eq!((secret.metadata.name.as_ref(), secret.kind), (Some(&name), "Opaque"));
    assert_eq!(secret.data["0.1"].as_ref(), b"hush");
}

#[test]
fn without_secrets_there_is_no_secret() {
    assert_eq!(made(&spec([container("app").env("MODE", "test")])).secrets, []);
}

#[test]
fn registry_credentials_are_a_pull_secret() {
    let task = spec([container("app").with(|spec| {
        "registry.example/team/app:1".clone_into(&mut spec.image);
        spec.registry_credentials = Some(SecretValue::new(r#"{"username": "me", "password": "hush"}"#.to_owned()));
    })]);
    let manifest = made(&task);
    let name = format!("task-{}-pull", task.task.id);
    let pod = serde_json::to_value(&manifest.pod).expect("a pod has a JSON form");
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": name}]));
    assert!(!pod.to_string().contains("hush"));
    let config: serde_json::Value =
        serde_json::from_slice(manifest.secrets[0].data[".dockerconfigjson"].as_ref()).expect("it is JSON");
    assert_eq!(config, json!({"auths": {"registry.example/team/app": {"username": "me", "password": "hush"}}}));
}
