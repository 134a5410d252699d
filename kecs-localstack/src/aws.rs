//! Calls of AWS services on KECS's own behalf: small, typed by whoever makes them, and sent through the backend like everybody's.
//!
//! What is answered may be secret, and is kept in memory that is wiped.
//!
//! They are scoped but not signed: LocalStack, moto and their like read the account and the region off the credential, and compare no signature.

mod error;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::{AwsServiceBackend, BackendError, Body, ErrorKind, Scope, ServiceId, secret_json};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::http_backend::SecretAnswer;

pub use error::AwsCallError;
pub(crate) use error::{element, elements};

/// The longest answer that is taken in whole. `GetLogEvents` answers up to 1 MiB; nothing that we ask is longer than a few of those.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How long one call may take, unless the caller says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// On whose behalf a call is made: the account and region that its credential names.
pub type Caller = Scope;

/// Calls one backend. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AwsClient {
    backend: Arc<dyn AwsServiceBackend>,
    timeout: Duration,
}

impl AwsClient {
    /// A client of this backend whose calls may take 30 s each.
    pub fn new(backend: Arc<dyn AwsServiceBackend>) -> Self {
        Self { backend, timeout: TIMEOUT }
    }

    /// The same client with another bound for each call, from its first byte to the last of the answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Calls an operation of a service that speaks AWS JSON 1.1. `target` is the whole `X-Amz-Target`, such as `AmazonSSM.GetParameters`.
    ///
    /// # Errors
    ///
    /// What the service answers, or why it does not. Not repeated here.
    pub async fn json<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        service: &str,
        target: &'static str,
        input: &impl Serialize,
    ) -> Result<T, AwsCallError> {
        let body = serde_json::to_vec(input).map_err(|error| AwsCallError::malformed(service, error))?;
        let request = Request::post("/")
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"))
            .header("x-amz-target", HeaderValue::from_static(target));
        let answer = self.whole(caller, service, request, body.into()).await?;
        let body = if answer.body().is_empty() { b"{}".as_slice() } else { answer.body() };
        secret_json::read(PhantomData, body).map_err(|error| AwsCallError::malformed(service, error))
    }

    /// Calls an operation of a service that speaks AWS Query, and returns its XML.
    ///
    /// # Errors
    ///
    /// What the service answers, or why it does not. Not repeated here.
    pub async fn query(
        &self,
        caller: &Caller,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Zeroizing<String>, AwsCallError> {
        let pairs = [("Action", action), ("Version", version)];
        let form: Vec<String> = pairs
            .iter()
            .chain(parameters)
            .map(|(name, value)| format!("{}={}", encoded(name, false), encoded(value, false)))
            .collect();
        let request = Request::post("/")
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"))
            .header(ACCEPT, HeaderValue::from_static("text/xml"));
        let answer = self.whole(caller, service, request, form.join("&").into()).await?;
        let text = str::from_utf8(answer.body()).map_err(|error| AwsCallError::malformed(service, error))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Sends a REST request, and returns the answer as it begins; its body streams, and its time is the caller's to bound. `path` is encoded already
    /// and may have a query.
    ///
    /// # Errors
    ///
    /// What the service answers instead of success, or why it does not answer.
    pub async fn rest(
        &self,
        caller: &Caller,
        service: &str,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Body>, AwsCallError> {
        let request = Request::builder().method(method).uri(path);
        let call = self.send(caller, service, request, body);
        let response = tokio::time::timeout(self.timeout, call).await.map_err(|_| self.late(service))??;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = tokio::time::timeout(self.timeout, taken_in(service, body)).await.map_err(|_| self.late(service))??;
        Err(AwsCallError::answered(service, &head, &body))
    }

    /// Sends a request, and takes in the whole answer.
    async fn whole(
        &self,
        caller: &Caller,
        service: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Bytes>, AwsCallError> {
        let call = async {
            let request = request.extension(SecretAnswer);
            let (head, body) = self.send(caller, service, request, body).await?.into_parts();
            let body = taken_in(service, body).await?;
            if head.status.is_success() {
                return Ok(Response::from_parts(head, body));
            }
            Err(AwsCallError::answered(service, &head, &body))
        };
        tokio::time::timeout(self.timeout, call).await.map_err(|_| self.late(service))?
    }

    async fn send(
        &self,
        caller: &Caller,
        service: &str,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Body>, AwsCallError> {
        let Scope { account, region } = caller;
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={account}/20000101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let request = request
            .header(HOST, format!("{service}.{region}.amazonaws.com"))
            .header(AUTHORIZATION, credential)
            .body(body)
            .map_err(|error| AwsCallError::malformed(service, error))?;
        self.backend.call(&ServiceId::new(service), request).await.map_err(|error| AwsCallError::unanswered(service, error))
    }

    fn late(&self, service: &str) -> AwsCallError {
        let message = format!("{service} did not answer within {} s", self.timeout.as_secs());
        AwsCallError::unanswered(service, BackendError::new(ErrorKind::Timeout, message))
    }
}

async fn taken_in(service: &str, mut body: Body) -> Result<Bytes, AwsCallError> {
    // Put together at the end, since what grows leaves copies behind.
    let (mut parts, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_off(service, error))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > LONGEST_ANSWER {
            return Err(broken_off(service, format!("it has more than {LONGEST_ANSWER} bytes").into()));
        }
        parts.push(data);
    }
    Ok(Bytes::from_owner(Zeroizing::new(parts.concat())))
}

fn broken_off(service: &str, why: BoxError) -> AwsCallError {
    let broken = BackendError::new(ErrorKind::Unavailable, format!("the answer of {service} broke off")).with_source(why);
    AwsCallError::unanswered(service, broken)
}

/// Percent-encodes all but RFC 3986's unreserved characters, as SigV4 has it ("UriEncode"); `keep_slash` for the path of an S3 key.
pub(crate) fn encoded(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if keep_slash => out.push('/'),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                out.extend(['%', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
