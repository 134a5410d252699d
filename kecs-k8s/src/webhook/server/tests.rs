use std::net::SocketAddr;

use kecs_model::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::config::Sidecar;

const NAME: &str = "kecs.kecs-system.svc";

#[allow(clippy::disallowed_methods, reason = "the client's library looks at the machine's clock as well")]
fn made() -> Certificates {
    let now = Timestamp::from(std::time::SystemTime::now());
    Certificates::renewed(None, &[NAME.to_owned()], now).expect("they can be made").expect("there were none")
}

async fn serving(current: Current) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let injection = Injection { sidecar: Sidecar::new("sidecar:1", "http://kecs:5373"), region: "us-east-1".to_owned() };
    tokio::spawn(serve(listener, acceptor(current).expect("TLS can be spoken"), injection));
    address
}

/// Sends a request as a client that trusts these certificates' authority; an error is a server that is not trusted.
async fn asked(address: SocketAddr, trusted: &Certificates, line: &str, body: &str) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    for root in pem::parse_many(trusted.bundle()).expect("a bundle is PEM") {
        roots.add(CertificateDer::from(root.into_contents())).expect("it is a certificate");
    }
    let config = ClientConfig::builder_with_provider(ring::default_provider().into()).with_safe_default_protocol_versions();
    let config = config.expect("there are versions").with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from(NAME).expect("it is a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| error.to_string())?;
    let request = format!("{line} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let mut answer = String::new();
    // Some servers close without a farewell of TLS.
    stream.read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
    Ok(answer)
}

#[tokio::test]
async fn a_question_is_answered_and_nothing_else_is() {
    let (current, certificates) = (Current::default(), made());
    current.set(&certificates).unwrap();
    let address = serving(current).await;
    let question = json!({"request": {"uid": "one", "object": {"metadata": {}}}}).to_string();
    let answer = asked(address, &certificates, "POST /inject?timeout=3s", &question).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(body["response"], json!({"uid": "one", "allowed": true}));
    for (line, body, status) in
        [("GET /inject", "", "405"), ("POST /", "{}", "404"), ("POST /inject", "no question", "400"), ("POST /inject", "", "400")]
    {
        let answer = asked(address, &certificates, line, body).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart() {
    let (current, old, new) = (Current::default(), made(), made());
    let address = serving(current.clone()).await;
    assert!(asked(address, &old, "GET /", "").await.is_err(), "before there is one, nobody is answered");
    current.set(&old).unwrap();
    assert!(asked(address, &old, "GET /", "").await.is_ok());
    current.set(&new).unwrap();
    assert!(asked(address, &new, "GET /", "").await.is_ok());
    assert!(asked(address, &old, "GET /", "").await.is_err(), "the old one is served no more");
}
