use super::*;
use http_body_util::BodyExt;
use proptest::prelude::*;

fn taken(text: &str) -> Option<(Request<Full<Bytes>>, usize)> {
    let taken = take(&Bytes::from(text.to_owned()), HeaderMap::new())?;
    Some((taken.request, taken.length))
}

#[tokio::test]
async fn a_whole_request_is_taken_and_not_what_follows() {
    let first = "PUT /bucket/a%20key?x=%2F&y HTTP/1.1\r\nHost: localhost\r\nX-Amz-Meta-A: one\r\nx-amz-meta-a: two\r\nContent-Length: 3\r\n\r\nabc";
    let (request, length) = taken(&format!("{first}GET / HTTP/1.1\r\n")).unwrap();
    assert_eq!(length, first.len());
    assert_eq!((request.method(), request.uri().to_string()), (&Method::PUT, "/bucket/a%20key?x=%2F&y".to_owned()));
    let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(
        headers,
        [("host", &b"localhost"[..]), ("x-amz-meta-a", b"one"), ("x-amz-meta-a", b"two"), ("content-length", b"3")]
    );
    assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), "abc");
}

#[test]
fn a_connection_that_is_to_be_kept_is_plain() {
    assert!(taken("GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n").is_some());
}

#[test]
fn what_is_not_whole_is_left() {
    for text in ["", "GET", "GET / HTTP/1.1\r\nHost: a\r\n", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab"] {
        assert!(taken(text).is_none(), "{text:?}");
    }
}

// RFC 9112 §2 to §6 and §11.2 (request smuggling), RFC 9113 §3.4 (the preface of HTTP/2).
#[test]
fn what_is_not_plain_is_left() {
    for head in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET http://localhost/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\na",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\na",
    ] {
        assert!(taken(head).is_none(), "{head:?}");
    }
    let many: String = (0..=HEADERS).flat_map(|number| ["x-".to_owned(), number.to_string(), ": 1\r\n".to_owned()]).collect();
    assert!(taken(&format!("GET / HTTP/1.1\r\n{many}\r\n")).is_none());
    assert!(taken(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(TARGET))).is_none());
}

const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "PUT /bucket/key?x=1 HTTP/1.1\r\n",
    "POST /%zz HTTP/1.1\r\n",
    "HEAD /a HTTP/1.0\r\n",
    "GET http://b/ HTTP/1.1\r\n",
    "Host: localhost\r\n",
    "host: a\n",
    "Host : a\r\n",
    " folded\r\n",
    "X-A: \u{e4}\r\n",
    "x-a:\t1 \r\n",
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\r",
    " ",
    "\0",
    "Content-Length: 3\r\n",
    "Content-Length: 4\r\n",
    "content-length: 03\r\n",
    "Content-Length: +3\r\n",
    "Content-Length: 3, 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: keep-alive\r\n",
    "Connection: close\r\n",
    "Connection: x-a\r\n",
    "Expect: 100-continue\r\n",
    "Upgrade: h2c\r\n",
    "abc",
    "abcd",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_is_what_hyper_takes(pieces in prop::collection::vec(prop::sample::select(PIECES), 1..12)) {
        fuzz::fuzz(pieces.concat().as_bytes());
    }

    #[test]
    fn plain_requests_in_a_row_are_taken_as_hyper_takes_them(
        requests in prop::collection::vec((prop::sample::subsequence(PIECES, 0..8), "[a-z/%?=&.0-9]{0,12}", prop::option::of("[ -~]{0,9}")), 1..4)
    ) {
        let mut bytes = String::new();
        for (headers, target, body) in requests {
            bytes.extend(["POST /", &target, " HTTP/1.1\r\nHost: a\r\n"]);
            headers.iter().filter(|piece| piece.contains(": ") && piece.ends_with("\r\n")).for_each(|header| bytes.push_str(header));
            match body {
                Some(body) => bytes.extend(["Content-Length: ", &body.len().to_string(), "\r\n\r\n", &body]),
                None => bytes.push_str("\r\n"),
            }
        }
        fuzz::fuzz(bytes.as_bytes());
    }
}
