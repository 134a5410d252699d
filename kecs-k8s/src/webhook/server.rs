//! HTTPS for the API server's questions.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

use super::certificates::Certificates;
use super::inject::Injection;
use super::registration::PATH;
use super::review;

/// The largest question: a pod is at most as large as etcd's largest value, 1.5 MiB, and is there once more at most.
const LARGEST: usize = 8 << 20;
/// How many API servers, and others, may be connected.
const CONNECTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longer than an API server keeps a connection without a question (90 s): closed at the moment of one, the answer would be missed.
const IDLE: Duration = Duration::from_mins(5);
/// No API server waits longer than 30 s.
const QUESTION: Duration = Duration::from_secs(30);

/// The certificate that is served from now on. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl Current {
    /// Serves this one to whoever connects from now on.
    ///
    /// # Errors
    /// When what was kept is no certificate with its key.
    pub(crate) fn set(&self, certificates: &Certificates) -> Result<(), rustls::Error> {
        let chain = vec![CertificateDer::from(certificates.certificate().to_vec())];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificates.key().to_vec()));
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
        *self.0.write().expect("nobody panics while holding it") = Some(Arc::new(certified));
        Ok(())
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().expect("nobody panics while holding it").clone()
    }
}

/// Answers until it is dropped.
pub(crate) async fn serve(listener: TcpListener, tls: TlsAcceptor, injection: Injection) {
    let (injection, seats) = (Arc::new(injection), Arc::new(Semaphore::new(CONNECTIONS)));
    let mut connections = JoinSet::new();
    loop {
        let seat = Arc::clone(&seats).acquire_owned().await.expect("the semaphore is never closed");
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Too many open files, or a client that is gone already.
                Err(error) => {
                    tracing::debug!(%error, "a connection to the webhook was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (tls, injection) = (tls.clone(), Arc::clone(&injection));
        connections.spawn(async move {
            converse(stream, tls, injection).await;
            drop(seat);
        });
    }
}

/// How TLS is spoken, with the certificate that is current.
pub(crate) fn acceptor(current: Current) -> Result<TlsAcceptor, rustls::Error> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_cert_resolver(Arc::new(current)))))
}

async fn converse(stream: TcpStream, tls: TlsAcceptor, injection: Arc<Injection>) {
    let stream = match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "somebody connects to the webhook but does not trust it"),
        Err(_) => return,
    };
    let service = service_fn(|request| {
        let injection = Arc::clone(&injection);
        async move { Ok::<_, Infallible>(respond(&injection, request).await) }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(IDLE).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the webhook broke");
    }
}

async fn respond(injection: &Injection, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let empty = |status| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response
    };
    // The API server adds `?timeout=3s`.
    if request.uri().path() != PATH {
        return empty(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::POST {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Ok(Ok(question)) = timeout(QUESTION, Limited::new(request.into_body(), LARGEST).collect()).await else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let Some(answer) = review::answer(injection, &question.to_bytes()) else {
        return empty(StatusCode::BAD_REQUEST);
    };
    let mut response = Response::new(Full::from(answer));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
