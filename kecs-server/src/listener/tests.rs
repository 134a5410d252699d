//! The same bytes, once to a connection as it is served and once to hyper alone: what the service sees and what the client gets is the same.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use http::StatusCode;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;
use crate::reply::full;

/// Notes what it is asked, and answers by the path: with what it was sent; or in a way that is not plain.
#[derive(Clone, Default)]
struct Noted {
    asked: Arc<Mutex<Vec<String>>>,
    /// Someone waits for an answer that never comes.
    waits: Arc<Notify>,
    /// And is gone.
    gone: Arc<Notify>,
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Answers for Noted {
    async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(Into::into).map(http_body_util::Collected::to_bytes);
        self.asked.lock().unwrap().push(format!("{} {} {:?} {:?} {body:?}", head.method, head.uri, head.version, head.headers));
        let frames = |frames: Vec<Result<Frame<Bytes>, BoxError>>| StreamBody::new(futures::stream::iter(frames)).boxed_unsync();
        let data = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
        let mut response = Response::new(match head.uri.path() {
            "/streamed" => frames(vec![data("one"), data("two")]),
            "/late" => StreamBody::new(futures::stream::once(tokio::task::yield_now()).map(move |()| data("late"))).boxed_unsync(),
            "/broken" => {
                let breaks = futures::stream::once(async {
                    tokio::task::yield_now().await;
                    Err("broken".into())
                });
                StreamBody::new(futures::stream::once(async move { data("one") }).chain(breaks)).boxed_unsync()
            }
            "/large" => full(vec![b'x'; 100_000]),
            "/never" => {
                let _gone = OnDrop(Arc::clone(&self.gone));
                self.waits.notify_one();
                std::future::pending().await
            }
            "/nothing" | "/unchanged" => full(""),
            _ => full(body.unwrap_or_default()),
        });
        *response.status_mut() = match head.uri.path() {
            "/nothing" => StatusCode::NO_CONTENT,
            "/unchanged" => StatusCode::NOT_MODIFIED,
            "/missing" => StatusCode::NOT_FOUND,
            _ => StatusCode::OK,
        };
        let headers = response.headers_mut();
        headers.insert("date", http::HeaderValue::from_static(DATE));
        match head.uri.path() {
            "/closes" => headers.insert("connection", http::HeaderValue::from_static("close")),
            "/length" if head.method == http::Method::HEAD => headers.insert("content-length", 12.into()),
            "/broken" => headers.insert("content-length", 6.into()),
            _ => None,
        };
        response
    }
}

fn shared() -> Arc<Shared> {
    let limits = Limits::default();
    Arc::new(Shared { protocols: Protocols::new(&limits), patience: limits.header_read_timeout, stop: CancellationToken::new() })
}

/// A connection of which the server's end is served here, or by hyper alone.
async fn connect(service: Noted, is_hypers: bool) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        // Its end would be a shutdown.
        let graceful = GracefulShutdown::new();
        let watcher = graceful.watcher();
        let shared = shared();
        if is_hypers {
            let service = handed_over::HandedOver::new(service, Bytes::new(), None);
            handed_over::serve(stream, service, &shared, true, watcher).await
        } else {
            connection::serve(stream, service, &shared, watcher).await
        }
    });
    client
}

/// What the service was asked, and what the client got until the end. The client says nothing after `bytes`, and ends when all was answered.
async fn exchange(bytes: &[u8], is_hypers: bool) -> (Vec<String>, String) {
    let service = Noted::default();
    let mut client = connect(service.clone(), is_hypers).await;
    client.write_all(bytes).await.unwrap();
    // A last request that ends the connection, so that nobody has to guess when all is there. Behind something broken nobody reads it.
    client.write_all(b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.ok();
    let mut answers = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        answers.extend_from_slice(&buffer[..length]);
    }
    let asked = service.asked.lock().unwrap().clone();
    (asked, at_one_time(&String::from_utf8_lossy(&answers)))
}

/// What was answered, with one word for each date of the clock's: two connections may be answered in different seconds.
fn at_one_time(answers: &str) -> String {
    let mut parts = answers.split("date: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let (date, rest) = part.split_at_checked(DATE.len()).unwrap_or((part, ""));
        let is_clocks = date != DATE && httpdate::parse_http_date(date).is_ok();
        let date = if is_clocks { "now" } else { date };
        format!("{all}date: {date}{rest}")
    })
}

async fn is_the_same(bytes: &[u8]) {
    let (ours, hypers) = tokio::join!(exchange(bytes, false), exchange(bytes, true));
    assert_eq!(ours, hypers, "{}", String::from_utf8_lossy(bytes));
}

/// The date of the service's own answers.
const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";

const REQUESTS: &[&str] = &[
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /missing?x=1&y HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
    "HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "DELETE /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /unchanged HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
    // From here on hyper has the connection, in one way or the other.
    "GET /streamed HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /late HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /streamed HTTP/1.1\r\nHost: a\r\n\r\n",
    "PUT /streamed HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    "GET /closes HTTP/1.1\r\nHost: a\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a HTTP/1.1\nHost: a\n\n",
    "GET /a HTTP/1.0\r\nHost: a\r\n\r\n",
    "GET /a HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    // What is no request.
    "GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "G@T /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "\0\0\0",
];

#[tokio::test]
async fn every_kind_of_request_is_answered_as_hyper_answers_it() {
    for request in REQUESTS {
        is_the_same(request.as_bytes()).await;
        is_the_same(format!("{}{request}{}", REQUESTS[2], REQUESTS[0]).as_bytes()).await;
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_as_hyper_refuses_it() {
    is_the_same(format!("GET /a HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(HEAD_BYTES as usize)).as_bytes()).await;
    is_the_same(format!("GET /a HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(200)).as_bytes()).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_in_a_row_are_answered_as_hyper_answers_them(
        requests in prop::collection::vec(prop::sample::select(REQUESTS), 1..6)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(is_the_same(requests.concat().as_bytes()));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    let mut client = connect(Noted::default(), false).await;
    client.write_all(b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("content-length: 6\r\n") && answer.ends_with("\r\n\r\none"), "{answer}");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request() {
    for before in ["", REQUESTS[0]] {
        let service = Noted::default();
        let mut client = connect(service.clone(), false).await;
        client.write_all(format!("{before}GET /never HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        service.waits.notified().await;
        drop(client);
        service.gone.notified().await;
    }
}

#[tokio::test]
async fn a_request_that_comes_in_pieces_is_one_request() {
    let service = Noted::default();
    let mut client = connect(service.clone(), false).await;
    let mut answer = [0; 15];
    for part in [REQUESTS[0], "PUT /a HTTP/1.1\r\nHo"] {
        client.write_all(part.as_bytes()).await.unwrap();
        // The first part was read alone when its answer is here.
        if part == REQUESTS[0] {
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200 OK");
        }
    }
    client.write_all(b"st: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabc").await.unwrap();
    client.write_all(b"def").await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("\r\n\r\nabcdef"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_in_time() {
    let begin = tokio::time::Instant::now();
    let mut client = connect(Noted::default(), false).await;
    client.write_all(REQUESTS[0].as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(begin.elapsed() >= Limits::default().header_read_timeout);
}
