use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// What the two servers make of an answer. A date is always given, so that the time does not count.
fn ours(response: &Response<Bytes>, to: To) -> Option<Vec<u8>> {
    let (head, ()) = response.clone().map(drop).into_parts();
    let mut out = b"before".to_vec();
    if !write_head(&mut out, &head, response.body(), to, &mut Date::default()) {
        assert_eq!(out, b"before");
        return None;
    }
    out.extend_from_slice(response.body());
    Some(out.split_off(b"before".len()))
}

async fn hypers(response: &Response<Bytes>, to: To) -> Vec<u8> {
    let service = service_fn(|_: Request<Incoming>| {
        let response = response.clone().map(Full::new);
        async move { Ok::<_, Infallible>(response) }
    });
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let connection = http1::Builder::new().keep_alive(!to.closes).half_close(true).serve_connection(TokioIo::new(server), service);
    let asked = async {
        let method = if to.is_head { "HEAD" } else { "GET" };
        client.write_all(format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        answer
    };
    tokio::join!(connection, asked).1
}

fn answer() -> impl Strategy<Value = Response<Bytes>> {
    let header = prop_oneof![
        ("x-[a-c]", "[ -~]{0,8}"),
        (Just("content-type".to_owned()), Just("text/xml".to_owned())),
        (Just("set-cookie".to_owned()), "[a-c]"),
        (Just("server".to_owned()), Just("moto".to_owned())),
    ];
    let status = prop::sample::select(vec![200u16, 200, 201, 202, 204, 206, 301, 304, 400, 403, 404, 416, 418, 429, 500, 503, 599]);
    let framing = prop_oneof![4 => Just(None), 4 => Just(Some("length")), 1 => Just(Some("chunked")), 1 => Just(Some("close")), 1 => Just(Some("trailer"))];
    (status, prop::collection::vec(header, 0..5), framing, "[a-z]{0,6}").prop_map(|(status, headers, framing, body)| {
        let mut response = Response::builder().status(status).header("date", "Tue, 15 Nov 1994 08:12:31 GMT");
        for (name, value) in headers {
            response = response.header(name, value.trim());
        }
        response = match framing {
            Some("length") => response.header("content-length", body.len()),
            Some("chunked") => response.header("transfer-encoding", "chunked"),
            Some("close") => response.header("connection", "close"),
            Some(_) => response.header("trailer", "x-sum"),
            None => response,
        };
        response.body(Bytes::from(body)).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_is_written_as_hyper_writes_it(response in answer(), is_head: bool, closes: bool) {
        let to = To { is_head, closes };
        let Some(ours) = ours(&response, to) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let hypers = runtime.block_on(hypers(&response, to));
        prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&hypers));
    }
}

fn plain(response: http::response::Builder, body: &'static str, is_head: bool) -> bool {
    ours(&response.body(Bytes::from_static(body.as_bytes())).unwrap(), To { is_head, closes: false }).is_some()
}

#[test]
fn what_is_whole_and_says_so_is_plain() {
    assert!(plain(Response::builder(), "", false));
    assert!(plain(Response::builder().header("content-length", 3), "abc", false));
    assert!(plain(Response::builder().status(204), "", false));
    assert!(plain(Response::builder().status(304).header("etag", "a"), "", false));
    // RFC 9110 §8.6: the length that the answer to a GET would have.
    assert!(plain(Response::builder().header("content-length", 3), "", true));
}

// What a server must not send, or not so (RFC 9112 §6).
#[test]
fn what_is_ambiguous_is_not_plain() {
    assert!(!plain(Response::builder().header("content-length", 4), "abc", false));
    assert!(!plain(Response::builder().header("content-length", 3).header("content-length", 3), "abc", false));
    assert!(!plain(Response::builder().header("content-length", 3).header("transfer-encoding", "chunked"), "abc", false));
    assert!(!plain(Response::builder().status(204).header("content-length", 0), "", false));
    assert!(!plain(Response::builder().status(204), "abc", false));
    assert!(!plain(Response::builder(), "abc", true));
    assert!(!plain(Response::builder().status(101), "", false));
    assert!(!plain(Response::builder().version(http::Version::HTTP_10), "", false));
}

#[test]
fn an_answer_without_a_date_gets_one() {
    let written = ours(&Response::new(Bytes::from_static(b"abc")), To { is_head: false, closes: true }).unwrap();
    let text = String::from_utf8(written).unwrap();
    let (begin, date) = text.split_once("date: ").unwrap();
    assert_eq!(begin, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n");
    assert!(httpdate::parse_http_date(date.split_once("\r\n").unwrap().0).is_ok(), "{date}");
}
