//! The endpoint about itself.

use http::Request;
use kecs_server::StopTasks;

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
    config.runtime = "process";
    config.store = "redb".to_owned();
    let server = serve(config).await;
    let health = send(&server, get("/_kecs/health")).await.json();
    assert_eq!((&health["status"], &health["runtime"], &health["store"]), (&"ready".into(), &"process".into(), &"redb".into()));
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
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
