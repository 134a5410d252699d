//! The endpoint about itself.

use std::sync::Arc;

use http::{HeaderValue, Request};
use kecs_core::{BackendHealth, MockTaskManager, TaskCapabilities};
use kecs_model::Timestamp;
use kecs_server::StopTasks;
use serde_json::{Value, json};

use crate::support::{body, config, ecs, get, send, serve};

#[tokio::test]
async fn a_visitor_is_told_what_this_is() {
    let server = serve(config()).await;
    let answer = send(&server, get("/")).await;
    assert_eq!((answer.status().as_u16(), answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert!(answer.text().contains("export AWS_ENDPOINT_URL=http://localhost"), "{}", answer.text());
}

#[tokio::test]
async fn health_names_runtime_and_store() {
    let mut config = config();
    config.tasks = Some(Arc::new(backend(BackendHealth::Ready)));
    config.store = "redb".to_owned();
    let server = serve(config).await;
    let health = send(&server, get("/_kecs/health")).await.json();
    assert_eq!((&health["status"], &health["runtime"], &health["store"]), (&"ready".into(), &"process".into(), &"redb".into()));
    assert_eq!((&health["version"], &health["tasks"]), (&env!("CARGO_PKG_VERSION").into(), &json!({"status": "ready"})));
}

#[tokio::test]
async fn health_tells_why_tasks_cannot_be_run_to_its_own_machine_only() {
    let since = Timestamp::from_millis(1_700_000_000_000);
    let mut config = config();
    config.tasks = Some(Arc::new(backend(BackendHealth::degraded("the cluster is away", since))));
    let server = serve(config).await;
    let mut through_a_proxy = get("/_kecs/health");
    through_a_proxy.headers_mut().insert("via", HeaderValue::from_static("1.1 proxy"));
    for (request, reason) in [(get("/_kecs/health"), Some("the cluster is away")), (through_a_proxy, None)] {
        let health = send(&server, request).await;
        assert_eq!(health.status(), 200, "ECS itself answers");
        let tasks = health.json()["tasks"].clone();
        assert_eq!((tasks["status"].as_str(), tasks["since"].as_i64()), (Some("degraded"), Some(1_700_000_000_000)));
        assert_eq!(tasks.get("reason").and_then(Value::as_str), reason);
    }
}

fn backend(health: BackendHealth) -> MockTaskManager {
    let mut backend = MockTaskManager::new();
    backend.expect_capabilities().returning(|| TaskCapabilities::new("process"));
    backend.expect_health().returning(move || health.clone());
    backend
}

#[tokio::test]
async fn a_server_that_is_stopping_is_alive_but_not_ready() {
    let server = serve(config()).await;
    assert_eq!(send(&server, get("/_kecs/ready")).await.status(), 200);
    server.endpoint().set_stopping();
    assert_eq!(send(&server, get("/_kecs/ready")).await.status(), 503);
    let health = send(&server, get("/_kecs/health")).await;
    assert_eq!((health.status().as_u16(), health.json()["status"].as_str()), (200, Some("stopping")));
}

#[tokio::test]
async fn metrics_count_answers_by_status() {
    let server = serve(config()).await;
    send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await;
    send(&server, ecs("DeleteCluster").body(body("{}")).unwrap()).await;
    let metrics = send(&server, get("/_kecs/metrics")).await;
    for line in ["kecs_requests_total{service=\"ecs\",status=\"2xx\"} 1", "kecs_requests_total{service=\"ecs\",status=\"4xx\"} 1"] {
        assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
    }
}

fn shutdown() -> http::request::Builder {
    Request::post("/_kecs/shutdown").header("host", "localhost").header("content-type", "application/json")
}

#[tokio::test]
async fn a_stop_over_http_is_handed_to_the_owner_of_the_server() {
    let server = serve(config()).await;
    let answer = send(&server, shutdown().body(body(r#"{"tasks":"stop"}"#)).unwrap()).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(server.endpoint().stop_requested().await, StopTasks::Stop);
}

#[tokio::test]
async fn a_stop_leaves_the_tasks_unless_told_otherwise() {
    let server = serve(config()).await;
    send(&server, shutdown().body(body("")).unwrap()).await;
    assert_eq!(server.endpoint().stop_requested().await, StopTasks::Leave);
}

#[tokio::test]
async fn a_stop_through_a_proxy_or_a_form_or_with_nonsense_is_refused() {
    let server = serve(config()).await;
    let proxied = shutdown().header("x-forwarded-for", "203.0.113.9").body(body("{}")).unwrap();
    assert_eq!(send(&server, proxied).await.status(), 403);
    let form =
        Request::post("/_kecs/shutdown").header("host", "localhost").header("content-type", "text/plain").body(body("{}")).unwrap();
    assert_eq!(send(&server, form).await.status(), 415);
    assert_eq!(send(&server, shutdown().body(body(r#"{"tasks":"eat"}"#)).unwrap()).await.status(), 400);
    assert_eq!(send(&server, get("/_kecs/shutdown")).await.status(), 405);
    assert_eq!(send(&server, get("/_kecs/nothing")).await.status(), 404);
}
