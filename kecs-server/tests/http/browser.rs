//! What a page in a browser can and cannot do.

use http::Request;
use kecs_server::HostPolicy;

use crate::support::{Answer, body, config, ecs, send, serve};

async fn with_origin(origin: &str, allowed: &[&str]) -> Answer {
    let mut config = config();
    config.hosts = HostPolicy::new(Vec::new(), allowed.iter().map(|origin| (*origin).to_owned()).collect());
    let server = serve(config).await;
    send(&server, ecs("ListClusters").header("origin", origin).body(body("{}")).unwrap()).await
}

#[tokio::test]
async fn a_rebound_name_is_refused() {
    let server = serve(config()).await;
    let request = Request::post("/")
        .header("host", "evil.example:5373")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
        .body(body("{}"))
        .unwrap();
    let answer = send(&server, request).await;
    assert_eq!(answer.error(), (403, "AccessDeniedException".to_owned()));
    assert!(answer.text().contains("allowed-hosts"));
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let answer = with_origin("https://evil.example", &[]).await;
    assert_eq!(answer.error(), (403, "AccessDeniedException".to_owned()));
    assert!(answer.text().contains("allowed-origins"));
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_read_the_answer() {
    let answer = with_origin("http://localhost:3000", &["http://localhost:3000"]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
    assert!(answer.header("access-control-expose-headers").contains("x-amzn-requestid"));
}

fn preflight(origin: &str) -> Request<http_body_util::Full<bytes::Bytes>> {
    Request::options("/")
        .header("host", "localhost:5373")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-amz-target,authorization")
        .body(body(""))
        .unwrap()
}

#[tokio::test]
async fn a_preflight_is_granted_to_allowed_origins_only() {
    let mut config = config();
    config.hosts = HostPolicy::new(Vec::new(), vec!["http://localhost:3000".to_owned()]);
    let server = serve(config).await;
    let granted = send(&server, preflight("http://localhost:3000")).await;
    assert_eq!(granted.status(), 204);
    assert_eq!(granted.header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(granted.header("access-control-allow-headers"), "x-amz-target,authorization");
    assert_eq!(send(&server, preflight("https://evil.example")).await.status(), 403);
}

#[tokio::test]
async fn a_form_post_cannot_drive_ecs() {
    // The content types that the Fetch standard calls CORS-safelisted: a page may send them anywhere without a preflight.
    let server = serve(config()).await;
    for content_type in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "Multipart/form-data; boundary=x"] {
        let request = Request::post("/api/v1/ecs/")
            .header("host", "localhost")
            .header("content-type", content_type)
            .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters")
            .body(body("{}"))
            .unwrap();
        assert_eq!(send(&server, request).await.error(), (400, "SerializationException".to_owned()), "{content_type}");
    }
}
