//! The manager against a deployer and an emulator that do what the test says.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::deployer::MockDeployer;
use http_body_util::BodyExt;

use super::*;
use crate::BaseUrl;

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers each question about its health with what `services` is then; not at all, if that is empty.
async fn emulator(services: watch::Receiver<&'static str>) -> BaseUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let services = services.clone();
            tokio::spawn(async move {
                let mut request = [0; 1024];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let services = *services.borrow();
                    if services.is_empty() {
                        continue;
                    }
                    let body = format!("{{\"services\": {services}, \"edition\": \"community\", \"version\": \"4.14.0\"}}");
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    url
}

/// An emulator that runs for ever, or has ended so.
#[derive(Debug)]
struct Emulated {
    endpoint: BaseUrl,
    ended: Option<&'static str>,
    /// Is told how long it has when it is to end.
    stopped: Option<mpsc::UnboundedSender<Duration>>,
}

#[async_trait::async_trait]
impl Deployment for Emulated {
    fn endpoint(&self) -> &BaseUrl {
        &self.endpoint
    }

    fn is_ours(&self) -> bool {
        true
    }

    async fn ended(&mut self) -> String {
        match self.ended {
            Some(how) => how.to_owned(),
            None => std::future::pending().await,
        }
    }

    async fn stop(&mut self, grace: Duration) {
        if let Some(stopped) = &self.stopped {
            stopped.send(grace).unwrap();
        }
    }
}

fn running(endpoint: BaseUrl) -> Box<dyn Deployment> {
    Box::new(Emulated { endpoint, ended: None, stopped: None })
}

fn ended(endpoint: BaseUrl) -> Box<dyn Deployment> {
    Box::new(Emulated { endpoint, ended: Some("it exited with code 55"), stopped: None })
}

fn config() -> LocalStackConfig {
    let timing = Timing {
        health_interval: Duration::from_millis(20),
        health: Duration::from_millis(200),
        first_pause: Duration::from_millis(1),
        ..Timing::default()
    };
    LocalStackConfig { timing, ..LocalStackConfig::default() }
}

fn checking() -> MockDeployer {
    let mut deployer = MockDeployer::new();
    deployer.expect_end_leftover().returning(|_| Ok(()));
    deployer.expect_check().returning(LocalStackConfig::check);
    deployer
}

async fn until(localstack: &LocalStack, state: LocalStackState) -> LocalStackStatus {
    let mut watch = localstack.watch();
    let found = tokio::time::timeout(PATIENCE, watch.wait_for(|status| status.state == state)).await;
    found.unwrap_or_else(|_| panic!("it did not become {state}: {:?}", localstack.status())).unwrap().clone()
}

#[tokio::test]
async fn a_service_that_reports_an_error_degrades_it_until_it_does_not() {
    let (services, told) = watch::channel(r#"{"sqs": "running"}"#);
    let url = emulator(told).await;
    let mut deployer = checking();
    deployer.expect_deploy().times(1).returning(move |_| Ok(running(url.clone())));
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    localstack.start();
    until(&localstack, LocalStackState::Ready).await;
    services.send(r#"{"sqs": "error", "s3": "running"}"#).unwrap();
    let status = until(&localstack, LocalStackState::Degraded).await;
    assert_eq!(status.reason.as_deref(), Some("sqs reports an error: see its log"));
    services.send(r#"{"sqs": "running"}"#).unwrap();
    assert_eq!(until(&localstack, LocalStackState::Ready).await.reason, None);
}

#[tokio::test]
async fn one_that_is_not_up_yet_is_ended_at_once_and_one_that_is_may_take_its_time() {
    let (services, told) = watch::channel("");
    let url = emulator(told).await;
    let (deployed, mut deployments) = mpsc::unbounded_channel();
    let (stopped, mut graces) = mpsc::unbounded_channel();
    let mut deployer = checking();
    deployer.expect_deploy().returning(move |_| {
        deployed.send(()).unwrap();
        Ok(Box::new(Emulated { endpoint: url.clone(), ended: None, stopped: Some(stopped.clone()) }))
    });
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    localstack.start();
    deployments.recv().await.unwrap();
    localstack.stop().await;
    assert_eq!(graces.recv().await, Some(Duration::ZERO));
    services.send(r#"{"sqs": "running"}"#).unwrap();
    localstack.start();
    until(&localstack, LocalStackState::Ready).await;
    localstack.stop().await;
    assert_eq!(graces.recv().await, Some(config().timing.stop));
}

#[tokio::test]
async fn starts_that_lead_nowhere_are_given_up_and_tried_again_when_it_is_told_to() {
    let (_services, told) = watch::channel("");
    let url = emulator(told).await;
    let starts = Arc::new(AtomicU32::new(0));
    let mut deployer = checking();
    deployer.expect_deploy().returning({
        let starts = Arc::clone(&starts);
        move |order| {
            // Only the first is above suspicion.
            assert_eq!(order.suspicious, !starts.fetch_add(1, Ordering::SeqCst).is_multiple_of(5));
            Ok(ended(url.clone()))
        }
    });
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    localstack.start();
    let status = until(&localstack, LocalStackState::Failed).await;
    assert_eq!(status.reason.as_deref(), Some("5 starts in a row failed, the last one so: it exited with code 55"));
    assert_eq!(starts.load(Ordering::SeqCst), 5);
    localstack.restart().await.unwrap();
    until(&localstack, LocalStackState::Failed).await;
    assert_eq!(starts.load(Ordering::SeqCst), 10);
}

#[tokio::test(start_paused = true)]
async fn the_pause_between_starts_doubles_up_to_the_longest_and_begins_anew_when_it_is_told_to_start() {
    let (_services, told) = watch::channel("");
    let url = emulator(told).await;
    let (tell, mut starts) = mpsc::unbounded_channel();
    let mut deployer = checking();
    deployer.expect_deploy().returning(move |_| {
        tell.send(tokio::time::Instant::now()).unwrap();
        Ok(ended(url.clone()))
    });
    let timing = Timing {
        first_pause: Duration::from_millis(500),
        longest_pause: Duration::from_secs(3),
        give_up_after: 6,
        ..Timing::default()
    };
    let localstack = LocalStack::new("test", LocalStackConfig { timing, ..config() }, Arc::new(deployer)).unwrap();
    for _ in 0..2 {
        localstack.start();
        let mut last = starts.recv().await.unwrap();
        let mut pauses = Vec::new();
        for _ in 0..5 {
            let next = starts.recv().await.unwrap();
            pauses.push((next - last).as_millis());
            last = next;
        }
        assert_eq!(pauses, [500, 1000, 2000, 3000, 3000]);
        until(&localstack, LocalStackState::Failed).await;
    }
}

#[tokio::test]
async fn a_token_is_in_the_debug_form_of_nothing_and_in_no_status() {
    let (tell, mut orders) = mpsc::unbounded_channel();
    let mut deployer = checking();
    deployer.expect_deploy().returning(move |order| {
        tell.send((format!("{order:?}"), order.config.token().unwrap())).unwrap();
        Err(LocalStackError::PortTaken { port: 4566 })
    });
    let token = kecs_core::SecretValue::new("ls-verysecret".to_owned());
    let config = LocalStackConfig { version: Some("2026.03.0".to_owned()), auth_token: Some(token), ..config() };
    let localstack = LocalStack::new("test", config, Arc::new(deployer)).unwrap();
    localstack.start();
    let (order, token) = orders.recv().await.unwrap();
    assert_eq!(token.unwrap().expose(), "ls-verysecret");
    let status = until(&localstack, LocalStackState::Failed).await;
    let told = [order, format!("{localstack:?}{status:?}{:?}", localstack.config()), serde_json::to_string(&status).unwrap()];
    assert!(told.iter().all(|text| !text.contains("verysecret")), "{told:?}");
}

#[tokio::test]
async fn who_waits_for_one_that_cannot_be_deployed_is_told_why_at_once() {
    let mut deployer = checking();
    deployer.expect_deploy().times(1).returning(|_| Err(LocalStackError::PortTaken { port: 4566 }));
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    localstack.start();
    let error = localstack.ready(PATIENCE).await.unwrap_err();
    assert_eq!(error.state, LocalStackState::Failed);
    assert!(error.to_string().starts_with("LocalStack is failed: port 4566 of 127.0.0.1 is taken"), "{error}");
}

#[tokio::test]
async fn a_change_that_changes_nothing_starts_one_that_nobody_called_yet_or_that_failed() {
    let (_services, told) = watch::channel(r#"{"s3": "available"}"#);
    let url = emulator(told).await;
    let mut deployer = checking();
    deployer.expect_deploy().times(1).returning(|_| Err(LocalStackError::PortTaken { port: 4566 }));
    deployer.expect_deploy().times(1).returning(move |_| Ok(running(url.clone())));
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    let enable = ["s3".to_owned()];
    let error = localstack.update_services(&enable, &[], PATIENCE).await.unwrap_err().to_string();
    assert!(error.starts_with("LocalStack is failed: port 4566"), "{error}");
    let status = localstack.update_services(&enable, &[], PATIENCE).await.unwrap();
    assert_eq!(status.services["s3"], "available");
}

#[tokio::test]
async fn a_service_that_is_enabled_and_not_served_is_named() {
    let (_services, told) = watch::channel(r#"{"s3": "disabled", "sqs": "available", "stepfunctions": "disabled"}"#);
    let url = emulator(told).await;
    let mut deployer = checking();
    deployer.expect_deploy().returning(move |_| Ok(running(url.clone())));
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    let names = ["s3", "sqs", "states", "sns"].map(str::to_owned);
    let error = localstack.update_services(&names, &[], PATIENCE).await.unwrap_err().to_string();
    assert!(error.starts_with("LocalStack does not serve s3, stepfunctions, although it should"), "{error}");
}

/// The supervisor is as fast as it can be, on a thread of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_while_it_is_being_started_has_failed() {
    let mut deployer = checking();
    deployer.expect_deploy().returning(|_| Err(LocalStackError::PortTaken { port: 4566 }));
    let localstack = LocalStack::new("test", config(), Arc::new(deployer)).unwrap();
    for _ in 0..3_000 {
        localstack.start();
        until(&localstack, LocalStackState::Failed).await;
    }
}

#[tokio::test]
async fn who_waits_too_short_is_told_that_it_starts() {
    let mut deployer = checking();
    deployer.expect_deploy().returning(|order| {
        (order.progress)(InstallProgress { done: 3, total: 112 });
        // As long as it takes.
        let url = "http://127.0.0.1:1".parse().unwrap();
        Ok(running(url))
    });
    let localstack = Arc::new(LocalStack::new("test", config(), Arc::new(deployer)).unwrap());
    localstack.start();
    let backend = LocalStackBackend::new(Arc::clone(&localstack)).with_patience(Duration::from_millis(50));
    let request = http::Request::get("/").body(http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync());
    let error = kecs_core::AwsServiceBackend::call(&backend, &kecs_core::ServiceId::new("s3"), request.unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kecs_core::ErrorKind::Unavailable, "LocalStack is starting"));
    assert!(error.retry_after().is_some());
}

#[tokio::test]
async fn what_is_refused_starts_nothing() {
    let config = LocalStackConfig { version: Some("2026.03.0".to_owned()), ..config() };
    let error = LocalStack::new("test", config, Arc::new(checking())).unwrap_err();
    assert!(matches!(error, LocalStackError::TokenRequired { .. }));
}

#[tokio::test]
async fn one_that_is_not_enabled_is_not_started() {
    let config = LocalStackConfig { enabled: false, ..config() };
    let localstack = LocalStack::new("test", config, Arc::new(checking())).unwrap();
    localstack.start();
    let refused = "cluster test has no LocalStack: its settings say `enabled: false`";
    assert_eq!(localstack.restart().await.unwrap_err().to_string(), refused);
    assert_eq!(localstack.update_services(&["s3".to_owned()], &[], PATIENCE).await.unwrap_err().to_string(), refused);
    let status = localstack.status();
    assert_eq!((status.state, status.reason.as_deref()), (LocalStackState::Disabled, Some("enabled: false")));
}

#[test]
fn a_status_is_written_in_camel_case() {
    let mut status = LocalStackStatus::new(&config());
    status.progress = Some(InstallProgress { done: 1, total: 2 });
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(
        (&json["state"], &json["emulator"], &json["progress"]["done"]),
        (&"disabled".into(), &"localstack".into(), &1.into())
    );
    assert_eq!(serde_json::from_value::<LocalStackStatus>(json).unwrap(), status);
}

#[test]
fn a_configuration_is_read_as_it_is_written_and_what_is_not_known_is_refused() {
    let config: LocalStackConfig = serde_json::from_str(
        r#"{"version": "4.14.0", "services": ["iam"], "persistence": true, "port": 4566, "customConfig": {"DEBUG": "1"},
            "environment": {"EAGER_SERVICE_LOADING": "1"}, "seed": {"parameters": [{"name": "/a", "value": "hidden"}]}}"#,
    )
    .unwrap();
    assert_eq!((config.enabled, config.port, config.custom_config["DEBUG"].as_str()), (true, Some(4566), "1"));
    assert!(!format!("{config:?}").contains("hidden"));
    assert!(serde_json::from_str::<LocalStackConfig>(r#"{"sevices": []}"#).is_err());
}

#[test]
fn a_variable_that_a_setting_stands_for_is_refused_with_its_name() {
    for variable in ["SERVICES", "LOCALSTACK_SERVICES", "LOCALSTACK_AUTH_TOKEN"] {
        let config = LocalStackConfig { environment: [(variable.to_owned(), "s3".to_owned())].into(), ..config() };
        let refusal = config.check().unwrap_err().to_string();
        assert!(refusal.starts_with(&format!("{variable} is not for environment or customConfig: use the setting ")), "{refusal}");
    }
}
