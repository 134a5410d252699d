//! Routes that a composition adds under `/_kecs/`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kecs_core::Body;
use kecs_server::{AdminRoutes, EndpointConfig};
use tokio::net::TcpStream;

use crate::support::{body, config, get, send, serve};

/// Answers what it was asked; `/endless` begins and does not end.
#[derive(Debug)]
struct Parts;

#[async_trait]
impl AdminRoutes for Parts {
    fn name(&self) -> &'static str {
        "parts"
    }

    async fn answer(&self, path: &str, request: Request<Bytes>) -> Response<Body> {
        if path == "/endless" {
            let first = futures::stream::once(async { Ok(Frame::data(Bytes::from_static(b"first\n"))) });
            return Response::new(StreamBody::new(futures::StreamExt::chain(first, futures::stream::pending())).boxed_unsync());
        }
        let query = request.uri().query().unwrap_or_default();
        let text = format!("{} {path}?{query} {}", request.method(), String::from_utf8_lossy(request.body()));
        Response::new(Full::from(text).map_err(|never| match never {}).boxed_unsync())
    }
}

fn with_parts() -> EndpointConfig {
    let mut config = config();
    config.admin.push(Arc::new(Parts));
    config
}

fn post(path: &str) -> http::request::Builder {
    Request::post(path).header("host", "localhost").header("content-type", "application/json")
}

#[tokio::test]
async fn what_lies_below_a_name_is_answered_by_its_routes() {
    let server = serve(with_parts()).await;
    for (path, seen) in [("/_kecs/parts", "GET ? "), ("/_kecs/parts/a?b=c", "GET /a?b=c ")] {
        assert_eq!(send(&server, get(path)).await.text(), seen);
    }
    assert_eq!(send(&server, post("/_kecs/parts/a").body(body("{}")).unwrap()).await.text(), "POST /a? {}");
    assert_eq!(send(&server, get("/_kecs/partsandmore")).await.status(), 404);
    assert_eq!(send(&server, get("/_kecs/health")).await.status(), 200);
}

#[tokio::test]
async fn a_proxy_a_page_and_a_form_do_not_get_there() {
    let server = serve(with_parts()).await;
    let proxied = post("/_kecs/parts").header("via", "1.1 proxy").body(body("{}")).unwrap();
    assert_eq!(send(&server, proxied).await.status(), 403);
    let page = post("/_kecs/parts").header("origin", "https://example.com").body(body("{}")).unwrap();
    assert_eq!(send(&server, page).await.status(), 403);
    let form = Request::post("/_kecs/parts").header("host", "localhost").body(body("a=b")).unwrap();
    assert_eq!(send(&server, form).await.status(), 415);
}

#[tokio::test]
async fn an_answer_that_does_not_end_ends_with_the_server() {
    let server = serve(with_parts()).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut answer = sender.send_request(get("/_kecs/parts/endless")).await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first\n");
    // Were it waited for, this would take the whole grace time of the default limits, and the rest would be cut off.
    server.endpoint().set_stopping();
    assert!(answer.frame().await.is_none());
    server.shutdown().await;
}
