//! FireLens: what becomes of a router and of those that log to it. As the ECS agent does it (agent/api/task: addFirelensContainerDependency,
//! collectFirelensLogEnvOptions; agent/engine: FLUENT_HOST and FLUENT_PORT).

use std::sync::Arc;

use futures::StreamExt;
use serde_json::{Value, json};

use super::{ResolveError, TASK, environment, input, resolve};
use crate::task_spec::{Condition, ContainerSpec, RouterInclude, RouterKind};
use crate::{BackendError, ErrorKind, MockLogDriver, MockObjectSource, MockSecretSource, ObjectSource, SecretValue, TaskServices};

async fn with(mode: &str, containers: Value, objects: Option<Arc<dyn ObjectSource>>) -> Result<Vec<ContainerSpec>, ResolveError> {
    let mut secrets = MockSecretSource::new();
    secrets.expect_handles().return_const(true);
    secrets.expect_resolve_all().returning(|_, all| all.iter().map(|_| Ok(SecretValue::new("hunter2".to_owned()))).collect());
    let mut driver = MockLogDriver::new();
    driver.expect_handles().returning(|driver| driver == "awsfirelens");
    let services =
        TaskServices { objects, secrets: vec![Arc::new(secrets)], logs: vec![Arc::new(driver)], ..TaskServices::default() };
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{TASK}");
    let definition = json!({ "networkMode": mode, "containerDefinitions": containers });
    Ok(resolve(&input(definition, json!({ "taskArn": arn })), &services, None).await?.containers)
}

fn sender(name: &str, options: Value) -> Value {
    json!({ "name": name, "logConfiguration": { "logDriver": "awsfirelens", "options": options } })
}

fn router(kind: &str, options: Value) -> Value {
    json!({ "name": "router", "firelensConfiguration": { "type": kind, "options": options } })
}

async fn resolved(containers: Value) -> Vec<ContainerSpec> {
    with("awsvpc", containers, None).await.unwrap()
}

async fn refusal(containers: Value, objects: Option<Arc<dyn ObjectSource>>) -> String {
    with("awsvpc", containers, objects).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_router_gets_the_options_of_those_that_log_to_it() {
    let app = sender("app", json!({ "Name": "firehose", "region": "us-west-2", "log-driver-buffer-limit": "10000" }));
    let other = json!({ "name": "other", "logConfiguration": { "logDriver": "awslogs" } });
    let [app, _, router] = <[_; 3]>::try_from(resolved(json!([app, other, router("fluentbit", json!({}))])).await).unwrap();
    assert!(app.log_router.is_none());
    let router = router.log_router.unwrap();
    assert_eq!(router.kind, RouterKind::FluentBit);
    assert_eq!(router.routes.len(), 1);
    let options: Vec<_> = router.routes[0].options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((router.routes[0].container.as_str(), options), ("app", vec![("Name", "firehose"), ("region", "us-west-2")]));
    let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{TASK}");
    let fields: Vec<_> = router.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, [("ecs_cluster", "default"), ("ecs_task_arn", &*arn), ("ecs_task_definition", "app:7")]);
    assert!(router.include.is_none());
}

#[tokio::test]
async fn fields_are_added_unless_the_router_says_otherwise() {
    // Go's strconv.ParseBool; what it cannot read is ignored by the agent, with nothing enabled.
    for (value, adds) in [("true", true), ("1", true), ("T", true), ("false", false), ("0", false), ("yes", false)] {
        let router = router("fluentd", json!({ "enable-ecs-log-metadata": value }));
        let containers = resolved(json!([sender("app", json!({})), router])).await;
        assert_eq!(!containers[1].log_router.as_ref().unwrap().fields.is_empty(), adds, "{value}");
    }
}

#[tokio::test]
async fn a_secret_option_is_a_variable_of_the_router_with_the_containers_number() {
    let mut app = sender("app", json!({ "Name": "datadog" }));
    app["logConfiguration"]["secretOptions"] = json!([{ "name": "apikey", "valueFrom": "/key" }]);
    let containers = resolved(json!([router("fluentbit", json!({})), app])).await;
    assert_eq!(environment(&containers[0]), [("apikey_1", "hunter2")]);
    assert_eq!(containers[0].log_router.as_ref().unwrap().routes[0].options["apikey"], "${apikey_1}");
    assert!(!format!("{containers:?}").contains("hunter2"));
}

#[tokio::test]
async fn those_that_log_to_a_router_find_it_by_their_variables() {
    let mut app = sender("app", json!({}));
    app["environment"] = json!([{ "name": "FLUENT_HOST", "value": "elsewhere" }]);
    let containers = json!([app, router("fluentbit", json!({}))]);
    for (mode, expected) in [
        ("awsvpc", &[("FLUENT_HOST", "127.0.0.1"), ("FLUENT_PORT", "24224")][..]),
        ("bridge", &[("FLUENT_HOST", "127.0.0.1"), ("FLUENT_PORT", "24224")]),
        ("host", &[("FLUENT_HOST", "elsewhere")]),
    ] {
        let resolved = with(mode, containers.clone(), None).await.unwrap();
        assert_eq!((environment(&resolved[0]), environment(&resolved[1])), (expected.to_vec(), vec![]), "{mode}");
    }
}

#[tokio::test]
async fn those_that_log_to_a_router_start_after_it_unless_something_else_is_said() {
    let needs = |container: &ContainerSpec| {
        container.depends_on.iter().map(|need| (need.container.clone(), need.condition)).collect::<Vec<_>>()
    };
    let plain = router("fluentbit", json!({}));
    let healthy = {
        let mut app = sender("app", json!({}));
        app["dependsOn"] = json!([{ "containerName": "router", "condition": "HEALTHY" }]);
        app
    };
    let other = json!({ "name": "other" });
    let containers = resolved(json!([sender("app", json!({})), other, plain])).await;
    assert_eq!(needs(&containers[0]), [("router".to_owned(), Condition::Start)]);
    assert!(needs(&containers[1]).is_empty() && needs(&containers[2]).is_empty());
    let containers = resolved(json!([healthy, plain])).await;
    assert_eq!(needs(&containers[0]), [("router".to_owned(), Condition::Healthy)]);
    // It waits for something itself, which might be the others.
    let mut waits = plain.clone();
    waits["dependsOn"] = json!([{ "containerName": "app", "condition": "START" }]);
    let containers = resolved(json!([sender("app", json!({})), waits])).await;
    assert!(needs(&containers[0]).is_empty());
    // A router may log to itself.
    let mut own = plain;
    own["logConfiguration"] = json!({ "logDriver": "awsfirelens" });
    assert!(needs(&resolved(json!([own])).await[0]).is_empty());
}

#[tokio::test]
async fn an_output_needs_a_plug_in_if_it_has_options() {
    // TestGenerateFluentdConfigMissingOutputName, and the text of addOutputSection.
    let app = sender("app", json!({ "key1": "value1" }));
    for (kind, key) in [("fluentd", "@type"), ("fluentbit", "Name")] {
        let expected = format!(
            "ResourceInitializationError: unable to generate firelens config file: unable to apply log options of container app to firelens \
             config: missing output key {key} which is required for firelens configuration of type {kind}"
        );
        assert_eq!(refusal(json!([app, router(kind, json!({}))]), None).await, expected);
    }
    resolved(json!([sender("app", json!({ "include-pattern": "x" })), router("fluentd", json!({}))])).await;
}

fn bucket(content: Option<&'static str>) -> Arc<dyn ObjectSource> {
    let mut source = MockObjectSource::new();
    source.expect_open().returning(move |_, object| {
        assert_eq!(object.to_string(), "s3://conf/a.conf");
        let missing = || BackendError::new(ErrorKind::NotFound, "NoSuchKey");
        content.map(|text| futures::stream::iter([Ok(text.into())]).boxed()).ok_or_else(missing)
    });
    Arc::new(source)
}

#[tokio::test]
async fn a_file_of_configuration_is_in_the_image_or_in_s3() {
    let file = |kind: &str, value: &str| {
        let options = json!({ "config-file-type": kind, "config-file-value": value });
        json!([sender("app", json!({})), router("fluentbit", options)])
    };
    let include = |containers: Vec<ContainerSpec>| containers[1].log_router.clone().unwrap().include;
    let containers = resolved(file("file", "/extra.conf")).await;
    assert!(matches!(include(containers), Some(RouterInclude::File(path)) if path == "/extra.conf"));
    let s3 = file("s3", "arn:aws:s3:::conf/a.conf");
    let containers = with("awsvpc", s3.clone(), Some(bucket(Some("[SERVICE]")))).await.unwrap();
    assert!(matches!(include(containers), Some(RouterInclude::Content(content)) if content == "[SERVICE]"));
    let start = "ResourceInitializationError: unable to download firelens s3 config file: ";
    assert_eq!(refusal(s3.clone(), Some(bucket(None))).await, format!("{start}s3://conf/a.conf: NoSuchKey"));
    assert!(refusal(s3, None).await.starts_with(start));
    let yaml = refusal(file("file", "/extra.yaml"), None).await;
    assert_eq!(yaml, "ResourceInitializationError: a config-file-value of Fluent Bit in YAML is not supported");
}

#[tokio::test]
async fn where_nobody_routes_a_router_is_a_container_as_any_other() {
    let mut router = router("fluentbit", json!({ "config-file-type": "s3", "config-file-value": "arn:aws:s3:::conf/a.conf" }));
    // As RegisterTaskDefinition fills it in.
    router["user"] = json!("0");
    let definition = json!({ "containerDefinitions": [sender("app", json!({ "key1": "value1" })), router] });
    let spec = resolve(&input(definition, json!({})), &TaskServices::default(), None).await.unwrap();
    let [app, router] = <[_; 2]>::try_from(spec.containers).unwrap();
    assert!(app.depends_on.is_empty() && app.environment.is_empty());
    assert!(router.log_router.is_none() && router.user.is_none());
}
