//! An AWS-compatible endpoint at a URL, as a backend: the streaming forwarder.
//!
//! One call takes one HTTP/1.1 connection, from a pool or new. `upload` writes the request, `response_head` reads the answer's head,
//! `response_body` hands on the answer's body and gives the connection back. All of it happens in the caller's own task: there is no other
//! task and no channel between the caller's socket and the upstream's, so back-pressure is the sockets' own, and what is dropped is
//! cancelled.

mod base_url;
mod chunked;
mod config;
mod connection;
mod exchange;
mod hop_by_hop;
mod pool;
mod request_head;
mod response_body;
mod response_head;
mod upload;

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, Request, Response};
use kecs_core::{AwsHealth, AwsServiceBackend, BackendError, Body, ErrorKind, Report, ServiceId};

pub use base_url::{BaseUrl, BaseUrlError};
pub use config::HttpBackendConfig;
use connection::Connection;
use exchange::Failure;
use pool::Pool;
use response_body::ResponseBody;
use response_head::ResponseHead;
use upload::Upload;

/// An [`AwsServiceBackend`] on a URL: LocalStack, moto, another KECS, or anything else that speaks AWS's protocols over HTTP/1.1.
///
/// A request is passed on as it came: path, query, `Host`, signature and body are the client's own, so that presigned URLs, S3's virtual hosts
/// and signed chunks keep working. Only what belongs to a connection is not (RFC 9110 §7.6.1), and `Expect: 100-continue`, which is answered
/// where the client is: a server that reads the body for us says `100 Continue` when the upstream is connected, not before.
///
/// Bodies stream. In memory are at most one read buffer and one frame of the request's body for each call, whatever the size of a body.
///
/// # Errors of a call
///
/// - [`ErrorKind::Unavailable`]: the endpoint cannot be reached, or it closed the connection before it answered. In the second case the call
///   may have taken effect. A call is repeated by itself, once, only on a pooled connection that the endpoint had closed, and only when
///   nothing of it had been written or it is a `GET`, `HEAD` or `OPTIONS` without a body.
/// - [`ErrorKind::Timeout`]: no connection, or no answer, in the time of [`HttpBackendConfig`].
/// - [`ErrorKind::Internal`]: what came back is not HTTP.
/// - [`ErrorKind::Invalid`]: the request's own body failed or had another length than it declared; the endpoint got no whole request.
///
/// An answer that breaks off is an error of its body, never an early end.
///
/// # Cancellation
///
/// Dropping the call, or the body of the answer, closes the connection to the endpoint.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct HttpBackend {
    pool: Arc<Pool>,
}

impl fmt::Debug for HttpBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBackend").field("url", &self.pool.url().as_str()).finish_non_exhaustive()
    }
}

/// Among the extensions of a request: the body of its answer is read into memory that is wiped when it is let go of, and nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretAnswer;

impl HttpBackend {
    /// A backend on `url`. Does no I/O; the first call connects.
    pub fn new(url: BaseUrl, config: HttpBackendConfig) -> Self {
        Self { pool: Arc::new(Pool::new(url, config)) }
    }

    /// Where the calls go.
    pub fn url(&self) -> &BaseUrl {
        self.pool.url()
    }

    /// A request on its way, on an idle connection if there is one.
    fn begin(&self, request: Request<Body>) -> Result<Outgoing, BackendError> {
        let is_head = request.method() == Method::HEAD;
        let mut connection = self.pool.take();
        let spare = connection.as_mut().map(|connection| std::mem::take(&mut connection.spare.out));
        let upload = Upload::new(request, self.pool.url(), spare.unwrap_or_default())?;
        Ok(Outgoing { connection, upload, is_head })
    }
}

/// What lasts as long as a call does.
struct Outgoing {
    connection: Option<Connection>,
    upload: Upload,
    is_head: bool,
}

impl Outgoing {
    async fn answer(&mut self, pool: &Pool) -> Result<ResponseHead, BackendError> {
        let was_pooled = self.connection.is_some();
        let mut outcome = self.exchange(pool).await;
        if was_pooled && outcome.as_ref().is_err_and(|failure| failure.was_closed) && self.upload.may_be_repeated() {
            tracing::debug!("an idle connection was closed by the endpoint; asking again on a new one");
            self.upload.start_over(pool.url());
            self.connection = None;
            outcome = self.exchange(pool).await;
        }
        outcome.map_err(|failure| failure.error)
    }

    /// Sends the request and waits for the head of its answer.
    async fn exchange(&mut self, pool: &Pool) -> Result<ResponseHead, Failure> {
        if self.connection.is_none() {
            // In a box of its own: it is rare, and takes more memory than all the rest of a call.
            let opened = Box::pin(Connection::open(pool)).await;
            self.connection = Some(opened.map_err(|error| Failure { error, was_closed: false })?);
        }
        let connection = self.connection.as_mut().expect("it was just made");
        connection.is_secret = self.upload.answer_is_secret();
        exchange::exchange(pool, connection, &mut self.upload, self.is_head).await
    }
}

#[async_trait]
impl AwsServiceBackend for HttpBackend {
    /// A URL does not say what it serves: everything is passed on, and the endpoint refuses what it lacks.
    fn serves(&self, _service: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _service: &ServiceId) -> Option<String> {
        Some(self.url().as_str().to_owned())
    }

    /// Ready when the endpoint accepts a connection.
    async fn health(&self) -> Result<AwsHealth, BackendError> {
        match Connection::open(&self.pool).await {
            Ok(connection) => {
                self.pool.put(connection);
                Ok(AwsHealth::Ready)
            }
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => {
                Ok(AwsHealth::NotReady(Report(&error).to_string()))
            }
            Err(error) => Err(error),
        }
    }

    // Written out, so that the future holds the parts of the call once: it is made anew for each, and an `async fn` would hold them twice, as what it was
    // given and as what it has.
    fn call<'a, 's, 'f>(
        &'a self,
        _service: &'s ServiceId,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, BackendError>> + Send + 'f>>
    where
        'a: 'f,
        's: 'f,
    {
        let mut outgoing = match self.begin(request) {
            Ok(outgoing) => outgoing,
            Err(error) => return Box::pin(ready(Err(error))),
        };
        Box::pin(async move {
            let head = outgoing.answer(&self.pool).await?;
            let Outgoing { connection, upload, .. } = outgoing;
            let connection = connection.expect("the answer came on it");
            Ok(ResponseBody::respond(head, connection, upload, &self.pool))
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};

    use super::*;

    // Up to this size glibc keeps freed memory at hand for the thread (tcache); beyond, each call pays for finding some.
    #[test]
    fn a_call_is_small() {
        let backend = HttpBackend::new("http://127.0.0.1:1".parse().unwrap(), HttpBackendConfig::default());
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let service = ServiceId::new("s3");
        let call = backend.call(&service, Request::new(body));
        assert!(size_of_val(&*call) <= 1024, "{} bytes", size_of_val(&*call));
    }
}
