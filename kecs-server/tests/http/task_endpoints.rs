//! What a task's containers ask: credentials, metadata, protection. Fields and texts are those of AWS's agent (amazon-ecs-agent, `ecs-agent/tmds`)
//! and of the developer guide's pages on the task metadata endpoint and the task scale-in protection endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request};
use http_body_util::Full;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{
    BackendError, Clock, ClusterRef, ErrorKind, RoleCredentialSource, RoleCredentials, SecretValue, SystemClock, TaskAgentConfig,
    TaskSpec,
};
use kecs_model::ecs::{EcsApi, Task};
use kecs_model::{RequestContext, Timestamp, aws_json};
use kecs_server::{AccessKey, Auth, Kecs, KecsBuilder, Running};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, body, ecs};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// Gives the same keys for an hour, but for roles that are not there.
#[derive(Debug)]
struct Sts;

#[async_trait]
impl RoleCredentialSource for Sts {
    async fn assume(&self, _: &ClusterRef, role_arn: &str, _: &str) -> Result<RoleCredentials, BackendError> {
        if role_arn != ROLE {
            return Err(BackendError::new(ErrorKind::NotFound, format!("role {role_arn} is not there")));
        }
        Ok(RoleCredentials {
            access_key_id: "ASIATASK".to_owned(),
            secret_access_key: SecretValue::new("the-secret".to_owned()),
            session_token: SecretValue::new("the-session".to_owned()),
            expiration: Timestamp::from_millis(SystemClock.now().as_millis() + 3_600_000),
        })
    }
}

/// A control plane whose tasks are pretended, in an account of its own.
struct Setup {
    running: Running,
    ctx: RequestContext,
    specs: Arc<Mutex<HashMap<String, TaskSpec>>>,
}

impl Setup {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(change: impl FnOnce(KecsBuilder) -> KecsBuilder) -> Self {
        let specs = Arc::new(Mutex::new(HashMap::new()));
        let noted = Arc::clone(&specs);
        let note = move |spec: &TaskSpec| {
            noted.lock().unwrap().insert(spec.arn.to_string(), spec.clone());
            None
        };
        let builder = Kecs::builder().tasks(MemoryTaskManager::builder().script(note).build()).roles(Sts);
        let builder = change(builder.account("111122223333").listen("127.0.0.1:0".parse().unwrap()));
        let running = builder.build().unwrap().start().await.unwrap();
        let ctx = RequestContext { account: "111122223333".into(), ..RequestContext::local() };
        let setup = Self { running, ctx, specs };
        setup.running.engine().create_cluster(&setup.ctx, request(json!({}))).await.unwrap();
        setup
    }

    async fn register(&self, definition: Value) {
        self.running.engine().register_task_definition(&self.ctx, request(definition)).await.unwrap();
    }

    /// A task of `app` with this role, once it runs.
    async fn task(&self, role: Option<&str>) -> Task {
        self.register(json!({ "family": "app", "taskRoleArn": role, "containerDefinitions": [{
            "name": "web", "image": "app:1", "memory": 128, "dockerLabels": { "tier": "front" },
        }] }))
        .await;
        self.run(json!({ "taskDefinition": "app", "tags": [{ "key": "team", "value": "blue" }] })).await
    }

    async fn run(&self, input: Value) -> Task {
        let runs = self.running.engine().task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
        self.running.engine().run_task(&self.ctx, request(input)).await.unwrap();
        runs.await.unwrap()
    }

    /// A variable of the task's first container.
    fn variable(&self, task: &Task, name: &str) -> String {
        let specs = self.specs.lock().unwrap();
        let spec = &specs[task.task_arn.as_ref().unwrap()];
        let variable = spec.containers[0].environment.iter().find(|(known, _)| known == name);
        variable.unwrap_or_else(|| panic!("no {name}")).1.expose().to_owned()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let stream = tokio::net::TcpStream::connect(self.running.local_addr()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Answer::of(sender.send_request(request).await.unwrap()).await
    }

    async fn ask(&self, method: Method, url: &str, token: Option<&str>, text: &'static str) -> Answer {
        let host = self.running.endpoint();
        let path = url.strip_prefix(&host).unwrap_or(url);
        let mut request = Request::builder().method(method).uri(path).header("host", host.trim_start_matches("http://"));
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        self.send(request.body(body(text)).unwrap()).await
    }

    async fn get(&self, url: &str) -> Answer {
        self.ask(Method::GET, url, None, "").await
    }

    async fn credentials(&self, task: &Task) -> Answer {
        let url = self.variable(task, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        self.ask(Method::GET, &url, Some(&self.variable(task, "AWS_CONTAINER_AUTHORIZATION_TOKEN")), "").await
    }
}

#[allow(clippy::needless_pass_by_value, reason = "literals of JSON read better by value")]
fn request<R: DeserializeOwned>(input: Value) -> R {
    aws_json::decode(input.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn a_role_s_credentials_have_the_fields_that_sdks_read() {
    let setup = Setup::new().await;
    let task = setup.task(Some(ROLE)).await;
    let answer = setup.credentials(&task).await;
    assert_eq!((answer.status().as_u16(), answer.header("content-type")), (200, "application/json"));
    let given = answer.json();
    let expiration = given["Expiration"].as_str().unwrap();
    assert!(expiration.ends_with('Z') && expiration.as_bytes()[10] == b'T', "{expiration}");
    assert_eq!(
        given,
        json!({
            "RoleArn": ROLE, "AccessKeyId": "ASIATASK", "SecretAccessKey": "the-secret", "Token": "the-session", "Expiration": expiration,
        })
    );
}

#[tokio::test]
async fn credentials_are_refused_in_the_agent_s_form() {
    let setup = Setup::new().await;
    let task = setup.task(Some(ROLE)).await;
    let url = setup.variable(&task, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let refused =
        |answer: &Answer| (answer.status().as_u16(), answer.json()["code"].clone(), answer.json()["HTTPErrorCode"].clone());
    for token in [None, Some("wrong")] {
        let answer = setup.ask(Method::GET, &url, token, "").await;
        assert_eq!(refused(&answer), (403, json!("AccessDenied"), json!(403)));
        assert!(!answer.text().contains("the-secret"));
    }
    let unknown = setup.get("/v2/credentials/00000000-0000-0000-0000-000000000000").await;
    assert_eq!(
        unknown.json(),
        json!({ "code": "InvalidIdInRequest", "message": "CredentialsV2Request: Credentials not found", "HTTPErrorCode": 400 })
    );
    let none = setup.get("/v2/credentials/").await;
    assert_eq!(none.json()["code"], "NoIdInRequest");
    let missing = setup.task(Some("arn:aws:iam::111122223333:role/nowhere")).await;
    let answer = setup.credentials(&missing).await;
    assert_eq!(refused(&answer), (400, json!("NoCredentialsAssociated"), json!(400)));
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_metadata() {
    let setup = Setup::new().await;
    let task = setup.task(None).await;
    let url = setup.variable(&task, "ECS_CONTAINER_METADATA_URI_V4");
    let path = url.strip_prefix(&setup.running.endpoint()).unwrap();
    let asked = |name: &'static str, value: &'static str| {
        Request::get(path).header("host", if name == "host" { value } else { "localhost" }).header("origin", value)
    };
    for request in [asked("host", "page.example"), asked("origin", "https://page.example")] {
        assert_eq!(setup.send(request.body(body("")).unwrap()).await.status(), 403);
    }
}

#[tokio::test]
async fn a_key_that_a_task_got_is_accepted_where_signatures_are_required() {
    let auth = || {
        let secret = SecretValue::new("admin-secret".to_owned());
        let admin = AccessKey { id: "AKIAADMIN".to_owned(), secret, account: "999999999999".to_owned() };
        Auth::Required([admin].into_iter().collect())
    };
    let setup = Setup::with(|builder| builder.auth(auth())).await;
    let call = |key: &'static str, secret: &'static str, token: Option<&'static str>| setup.send(signed(key, secret, token));
    assert_eq!(call("ASIATASK", "the-secret", Some("the-session")).await.error().1, "UnrecognizedClientException");
    let task = setup.task(Some(ROLE)).await;
    assert_eq!(setup.credentials(&task).await.status(), 200);
    let listed = call("ASIATASK", "the-secret", Some("the-session")).await.json();
    assert_eq!(listed["clusterArns"], json!(["arn:aws:ecs:us-east-1:111122223333:cluster/default"]));
    // A session token belongs to temporary keys.
    assert_eq!(call("ASIATASK", "the-secret", None).await.error().1, "UnrecognizedClientException");
    assert_eq!(call("ASIATASK", "the-secret", Some("another")).await.error().1, "UnrecognizedClientException");
    assert_eq!(call("ASIATASK", "another-secret", Some("the-session")).await.error().1, "InvalidSignatureException");
}

#[tokio::test]
async fn without_required_signatures_a_task_s_key_acts_in_the_task_s_account() {
    let setup = Setup::with(|builder| builder.account("222222222222")).await;
    let task = setup.task(Some(ROLE)).await;
    setup.credentials(&task).await;
    let listed = setup.send(signed("ASIATASK", "anything", None)).await.json();
    assert_eq!(listed["clusterArns"], json!(["arn:aws:ecs:us-east-1:111122223333:cluster/default"]));
    let other = setup.send(signed("ASIAOTHER", "anything", None)).await.json();
    assert_eq!(other["clusterArns"], json!([]));
}

/// ListClusters, signed now as "Create a signed AWS API request" (IAM user guide) has it.
fn signed(key: &str, secret: &str, token: Option<&str>) -> Request<Full<Bytes>> {
    let now = SystemClock.now().to_string();
    let date: String = now.split('.').next().unwrap().trim_end_matches('Z').chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let (date, day) = (format!("{date}Z"), date[..8].to_owned());
    let target = "AmazonEC2ContainerServiceV20141113.ListClusters";
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>();
    let mac = |key: &[u8], text: &str| -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
    };
    let names = "content-type;host;x-amz-date;x-amz-target";
    let canonical = format!(
        "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:127.0.0.1:5373\nx-amz-date:{date}\nx-amz-target:{target}\n\n{names}\n{}",
        hex(&Sha256::digest("{}"))
    );
    let scope = format!("{day}/us-east-1/ecs/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let start = format!("AWS4{secret}").into_bytes();
    let signing = [&*day, "us-east-1", "ecs", "aws4_request"].iter().fold(start, |key, part| mac(&key, part));
    let signature = hex(&mac(&signing, &to_sign));
    let mut request = ecs("ListClusters").header("x-amz-date", &date).header(
        "authorization",
        format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"),
    );
    if let Some(token) = token {
        request = request.header("x-amz-security-token", token);
    }
    request.body(body("{}")).unwrap()
}

#[tokio::test]
async fn a_container_finds_its_metadata() {
    let setup = Setup::new().await;
    let task = setup.task(None).await;
    let (v3, v4) = (setup.variable(&task, "ECS_CONTAINER_METADATA_URI"), setup.variable(&task, "ECS_CONTAINER_METADATA_URI_V4"));
    let container = &task.containers.as_ref().unwrap()[0];
    let labels = json!({
        "com.amazonaws.ecs.cluster": "default",
        "com.amazonaws.ecs.container-name": "web",
        "com.amazonaws.ecs.task-arn": task.task_arn,
        "com.amazonaws.ecs.task-definition-family": "app",
        "com.amazonaws.ecs.task-definition-version": "1",
        "tier": "front",
    });
    let mut expected = json!({
        "DockerId": v4.rsplit('/').next().unwrap(),
        "Name": "web", "DockerName": "web", "Image": "app:1", "ImageID": container.image_digest.clone().unwrap_or_default(),
        "Labels": labels, "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
        "Limits": { "CPU": 2, "Memory": 128 }, "Type": "NORMAL",
        "Networks": [{ "NetworkMode": "bridge", "IPv4Addresses": ["127.0.0.1"] }],
    });
    assert_eq!(setup.get(&v3).await.json(), expected);
    expected["ContainerARN"] = json!(container.container_arn);
    assert_eq!(setup.get(&v4).await.json(), expected);
    assert_eq!(setup.get(&format!("{v4}/stats")).await.json(), json!({}));
    assert_eq!(setup.get(&format!("{v4}/task/stats")).await.json(), json!({ v4.rsplit('/').next().unwrap(): {} }));
}

#[tokio::test]
async fn a_container_finds_its_task_s_metadata() {
    let setup = Setup::new().await;
    setup
        .register(json!({
            "family": "fargate", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "executionRoleArn": ROLE, "enableFaultInjection": true,
            "containerDefinitions": [
                {
                    "name": "web", "image": "app:1", "portMappings": [{ "containerPort": 80 }],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": { "awslogs-group": "/ecs/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs" },
                    },
                },
                { "name": "side", "image": "side:1", "essential": false, "healthCheck": { "command": ["CMD", "true"] } },
            ],
        }))
        .await;
    let task = setup
        .run(json!({
            "taskDefinition": "fargate", "launchType": "FARGATE", "tags": [{ "key": "team", "value": "blue" }],
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        }))
        .await;
    let v4 = setup.variable(&task, "ECS_CONTAINER_METADATA_URI_V4");
    let found = setup.get(&format!("{v4}/task")).await.json();
    for (field, value) in [
        ("Cluster", json!("arn:aws:ecs:us-east-1:111122223333:cluster/default")),
        ("TaskARN", json!(task.task_arn)),
        ("Family", json!("fargate")),
        ("Revision", json!("1")),
        ("DesiredStatus", json!("RUNNING")),
        ("KnownStatus", json!("RUNNING")),
        ("Limits", json!({ "CPU": 0.25, "Memory": 512 })),
        ("AvailabilityZone", json!(task.availability_zone)),
        ("LaunchType", json!("FARGATE")),
        ("FaultInjectionEnabled", json!(true)),
        ("TaskTags", Value::Null),
        ("ServiceName", Value::Null),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    let web = &found["Containers"][0];
    assert_eq!(web["LogDriver"], "awslogs");
    let id = task.task_arn.as_ref().unwrap().rsplit('/').next().unwrap();
    // "prefix-name/container-name/ecs-task-id" ("Send Amazon ECS logs to CloudWatch").
    assert_eq!(
        web["LogOptions"],
        json!({ "awslogs-group": "/ecs/app", "awslogs-region": "us-east-1", "awslogs-stream": format!("ecs/web/{id}") })
    );
    let network = &web["Networks"][0];
    let address = task.containers.as_ref().unwrap()[0].network_interfaces.as_ref().unwrap()[0].private_ipv4_address.clone();
    assert_eq!((&network["NetworkMode"], &network["IPv4Addresses"]), (&json!("awsvpc"), &json!([address])));
    assert!(network["MACAddress"].is_string() && network["PrivateDNSName"].is_string(), "{network}");
    assert_eq!((&found["Containers"][1]["Name"], &web["Health"]), (&json!("side"), &Value::Null));
    assert!(found["Containers"][1]["Health"]["status"].is_string());
    assert_eq!(setup.get(&format!("{v4}/taskWithTags")).await.json()["TaskTags"], json!({ "team": "blue" }));

    let v3 = setup.get(&format!("{}/task", setup.variable(&task, "ECS_CONTAINER_METADATA_URI"))).await.json();
    for field in ["LaunchType", "FaultInjectionEnabled"] {
        assert_eq!(v3[field], Value::Null, "{field} came with version 4");
    }
}

// The agent hands on Docker's `NetworkSettings`, whose address in the networks `host` and `none` is an empty text
// (agent/handlers/v3/container_metadata_handler.go: `IPv4Addresses: []string{containerNetwork.IPAddress}`).
#[tokio::test]
async fn a_container_on_the_host_s_network_has_an_address_that_is_empty() {
    let setup = Setup::new().await;
    let containers = json!([{ "name": "web", "image": "app:1", "memory": 128 }]);
    for mode in ["host", "none"] {
        setup.register(json!({ "family": mode, "networkMode": mode, "containerDefinitions": containers })).await;
        let task = setup.run(json!({ "taskDefinition": mode })).await;
        for version in ["ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4"] {
            let found = setup.get(&setup.variable(&task, version)).await.json();
            assert_eq!(found["Networks"], json!([{ "NetworkMode": mode, "IPv4Addresses": [""] }]), "{version}");
        }
    }
}

#[tokio::test]
async fn what_leads_nowhere_is_not_found_in_the_agent_s_words() {
    let setup = Setup::new().await;
    let unknown = setup.get("/v4/nope").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(
        unknown.json(),
        "V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: nope"
    );
    let task = setup.task(None).await;
    let v4 = setup.variable(&task, "ECS_CONTAINER_METADATA_URI_V4");
    assert_eq!(setup.get(&format!("{v4}/associations/x")).await.status(), 404);
    assert_eq!(setup.ask(Method::POST, &v4, None, "").await.status(), 405);
}

#[tokio::test]
async fn a_task_of_a_service_protects_itself_and_another_is_told_why_not() {
    let setup = Setup::new().await;
    let alone = setup.task(None).await;
    let url = |task: &Task| format!("{}/task-protection/v1/state", setup.variable(task, "ECS_AGENT_URI"));
    let failed = setup.get(&url(&alone)).await;
    assert_eq!(failed.status(), 200);
    assert_eq!(failed.json(), json!({ "failure": { "Arn": alone.task_arn, "Detail": null, "Reason": "TASK_NOT_VALID" } }));

    let runs = setup
        .running
        .engine()
        .task_when(|task| task.last_status.as_deref() == Some("RUNNING") && task.group.as_deref() == Some("service:s"));
    let service = json!({ "serviceName": "s", "taskDefinition": "app", "desiredCount": 1 });
    setup.running.engine().create_service(&setup.ctx, request(service)).await.unwrap();
    let task = runs.await.unwrap();
    let off = json!({ "protection": { "ExpirationDate": null, "ProtectionEnabled": false, "TaskArn": task.task_arn } });
    assert_eq!(setup.get(&url(&task)).await.json(), off);
    let on = setup.ask(Method::PUT, &url(&task), None, r#"{"ProtectionEnabled":true,"ExpiresInMinutes":60}"#).await.json();
    assert_eq!(on["protection"]["ProtectionEnabled"], true);
    assert!(on["protection"]["ExpirationDate"].as_str().unwrap().ends_with('Z'));
    assert_eq!(setup.get(&url(&task)).await.json(), on);
    assert_eq!(setup.ask(Method::PUT, &url(&task), None, r#"{"protectionEnabled":false}"#).await.json(), off);
    let metadata = setup.get(&format!("{}/task", setup.variable(&task, "ECS_CONTAINER_METADATA_URI_V4"))).await.json();
    assert_eq!(metadata["ServiceName"], "s");
}

#[tokio::test]
async fn protection_is_refused_in_the_agent_s_words() {
    let setup = Setup::with(|builder| {
        let default_credentials = kecs_core::DefaultCredentials::None;
        builder.task_agent(TaskAgentConfig { default_credentials, ..TaskAgentConfig::default() })
    })
    .await;
    let task = setup.task(Some(ROLE)).await;
    let url = format!("{}/task-protection/v1/state", setup.variable(&task, "ECS_AGENT_URI"));
    let arn = task.task_arn.clone().unwrap();
    for (text, error) in [
        (
            "{}",
            json!({ "Arn": arn, "Code": "InvalidParameterException", "Message": "Invalid request: does not contain 'ProtectionEnabled' field" }),
        ),
        ("{", json!({ "Code": "InvalidParameterException", "Message": "UpdateTaskProtection: failed to decode request" })),
        (
            r#"{"Other":1}"#,
            json!({ "Code": "InvalidParameterException", "Message": "UpdateTaskProtection: failed to decode request" }),
        ),
    ] {
        let answer = setup.ask(Method::PUT, &url, None, text).await;
        assert_eq!((answer.status().as_u16(), answer.json()), (400, json!({ "error": error })), "{text}");
    }
    let range = setup.ask(Method::PUT, &url, None, r#"{"ProtectionEnabled":true,"ExpiresInMinutes":2881}"#).await;
    assert_eq!((range.status().as_u16(), &range.json()["error"]["Code"]), (400, &json!("InvalidParameterException")));
    assert!(range.json()["requestID"].is_string());
    let unknown = setup.get("/api/nope/task-protection/v1/state").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(
        unknown.json()["error"],
        json!({ "Code": "ResourceNotFoundException", "Message": "Failed to find a task for the request" })
    );
    let without = setup.task(None).await;
    let refused = setup.get(&format!("{}/task-protection/v1/state", setup.variable(&without, "ECS_AGENT_URI"))).await;
    let message = "Invalid Request: no task IAM role credentials available for task";
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json()["error"], json!({ "Arn": without.task_arn, "Code": "AccessDeniedException", "Message": message }));
}

#[tokio::test]
async fn faults_are_refused_as_the_agent_refuses_them_where_they_are_not_enabled() {
    let setup = Setup::new().await;
    let task = setup.task(None).await;
    let url = format!("{}/fault/v1/network-latency/start", setup.variable(&task, "ECS_AGENT_URI"));
    let refused = setup.ask(Method::POST, &url, None, "{}").await;
    let text = format!("enableFaultInjection is not enabled for task: {}", task.task_arn.as_ref().unwrap());
    assert_eq!((refused.status().as_u16(), refused.json()), (400, json!({ "Error": text })));
}
