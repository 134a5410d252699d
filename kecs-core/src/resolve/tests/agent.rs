//! What the agent puts into every container's environment.

use serde_json::{Value, json};

use super::{TASK, environment, input, resolve};
use crate::task_agent::Agent;
use crate::task_spec::ContainerSpec;
use crate::{DefaultCredentials, MemoryStore, TaskAgentConfig, TaskServices};

const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";

fn config(default_credentials: DefaultCredentials) -> TaskAgentConfig {
    TaskAgentConfig { endpoint: Some("http://127.0.0.1:5373".to_owned()), default_credentials, ..TaskAgentConfig::default() }
}

async fn with(config: TaskAgentConfig, definition: Value, task: Value) -> ContainerSpec {
    let agent = Agent::open(config, &MemoryStore::new()).await.unwrap();
    resolve(&input(definition, task), &TaskServices::default(), agent.as_ref()).await.unwrap().containers.remove(0)
}

fn web(environment: Value) -> Value {
    json!({ "containerDefinitions": [{ "name": "web", "environment": environment }] })
}

#[tokio::test]
async fn a_container_finds_aws_its_metadata_and_its_credentials() {
    let own = json!([{ "name": "MINE", "value": "1" }]);
    let spec = with(config(DefaultCredentials::Test), web(own), json!({ "launchType": "FARGATE" })).await;
    let environment = environment(&spec);
    let names: Vec<_> = environment.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.last(), Some(&"MINE"), "what the task sets comes after");
    let value = |name: &str| environment.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no {name}")).1;
    assert_eq!(value("AWS_ENDPOINT_URL"), "http://127.0.0.1:5373");
    assert_eq!((value("AWS_REGION"), value("AWS_DEFAULT_REGION")), ("us-east-1", "us-east-1"));
    assert_eq!(value("AWS_EXECUTION_ENV"), "AWS_ECS_FARGATE");
    let id = value("ECS_CONTAINER_METADATA_URI_V4").strip_prefix("http://127.0.0.1:5373/v4/").unwrap();
    assert!(id.starts_with(TASK));
    assert_eq!(value("ECS_CONTAINER_METADATA_URI"), format!("http://127.0.0.1:5373/v3/{id}"));
    assert_eq!(value("ECS_AGENT_URI"), format!("http://127.0.0.1:5373/api/{id}"));
    assert_eq!(value(FULL_URI), "http://127.0.0.1:5373/v2/credentials/01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(value(TOKEN).len(), 64);
    assert!(!names.iter().any(|name| name.starts_with("AWS_ACCESS_KEY")), "static keys would hide the role");
    assert!(!format!("{spec:?}").contains(value(TOKEN)));
}

#[tokio::test]
async fn what_a_task_sets_itself_is_left_alone() {
    let own = json!([{ "name": "AWS_ENDPOINT_URL", "value": "http://elsewhere" }, { "name": "AWS_REGION", "value": "eu-west-1" }]);
    let spec = with(config(DefaultCredentials::Test), web(own), json!({})).await;
    let environment = environment(&spec);
    let all = |name: &str| environment.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value).collect::<Vec<_>>();
    assert_eq!((all("AWS_ENDPOINT_URL"), all("AWS_REGION")), (vec!["http://elsewhere"], vec!["eu-west-1"]));
    assert_eq!(all("AWS_EXECUTION_ENV"), ["AWS_ECS_EC2"]);
}

// Our token is not for another's endpoint.
#[tokio::test]
async fn a_task_with_a_credentials_endpoint_of_its_own_gets_neither_ours_nor_our_token() {
    for name in ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", FULL_URI, TOKEN, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] {
        let spec = with(config(DefaultCredentials::Test), web(json!([{ "name": name, "value": "x" }])), json!({})).await;
        let environment = environment(&spec);
        let given: Vec<_> = environment.iter().filter(|(known, _)| [FULL_URI, TOKEN].contains(known) && *known != name).collect();
        assert!(given.is_empty(), "{name}: {given:?}");
    }
}

#[tokio::test]
async fn a_task_without_a_role_gets_no_credentials_where_the_default_is_none() {
    let has = |spec: &ContainerSpec| environment(spec).iter().any(|(name, _)| *name == FULL_URI);
    let plain = web(json!([]));
    assert!(!has(&with(config(DefaultCredentials::None), plain.clone(), json!({})).await));
    let role = json!({ "overrides": { "taskRoleArn": "arn:aws:iam::000000000000:role/app" } });
    assert!(has(&with(config(DefaultCredentials::None), plain.clone(), role).await));
    let default = DefaultCredentials::Role("arn:aws:iam::000000000000:role/default".to_owned());
    assert!(has(&with(config(default), plain, json!({})).await));
}

#[tokio::test]
async fn each_cluster_s_tasks_may_have_an_endpoint_of_their_own() {
    let mut config = config(DefaultCredentials::Test);
    config.cluster_path = Some("/clusters/".to_owned());
    let spec = with(config, web(json!([])), json!({})).await;
    assert!(environment(&spec).contains(&("AWS_ENDPOINT_URL", "http://127.0.0.1:5373/clusters/default")));
    let nobody = with(TaskAgentConfig::default(), web(json!([])), json!({})).await;
    assert_eq!(environment(&nobody), []);
}
