//! Objects of Amazon S3.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::Method;
use http_body_util::BodyExt;
use kecs_core::{AwsBackends, BackendError, Body, ClusterRef, ErrorKind, ObjectContent, ObjectRef, ObjectSource};

use crate::AwsClient;
use crate::aws::encoded;

/// How long an object may pause within its content.
const PAUSE: Duration = Duration::from_secs(30);

/// [`ObjectSource`] on S3 (`s3`) of a cluster's backend. Buckets are addressed by path, objects stream.
#[derive(Clone, Debug)]
pub struct S3Objects {
    backends: Arc<dyn AwsBackends>,
}

impl S3Objects {
    /// Reads objects from the backends of their tasks' clusters.
    pub fn new(backends: Arc<dyn AwsBackends>) -> Self {
        Self { backends }
    }
}

#[async_trait]
impl ObjectSource for S3Objects {
    async fn open(&self, cluster: &ClusterRef, object: &ObjectRef) -> Result<ObjectContent, BackendError> {
        let client = AwsClient::new(self.backends.of(cluster));
        let path = format!("/{}/{}", encoded(&object.bucket, false), encoded(&object.key, true));
        let answer = client.rest(&cluster.scope, "s3", Method::GET, &path, Bytes::new()).await;
        let answer = answer.map_err(|error| {
            let error = error.into_backend_error();
            BackendError::new(error.kind(), format!("{object} cannot be read: {error}"))
        })?;
        Ok(content(object.to_string(), answer.into_body()))
    }
}

/// The body's bytes, until its end or the first error.
fn content(object: String, body: Body) -> ObjectContent {
    let chunks = stream::unfold(Some(body), move |body| {
        let object = object.clone();
        async move {
            let mut body = body?;
            loop {
                let chunk = match tokio::time::timeout(PAUSE, body.frame()).await {
                    Ok(None) => return None,
                    Ok(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => Ok(data),
                        // Trailers, such as a checksum.
                        _ => continue,
                    },
                    Ok(Some(Err(error))) => Err(broken_off(&object, error)),
                    Err(_) => {
                        let message = format!("the content of {object} did not go on within {} s", PAUSE.as_secs());
                        Err(BackendError::new(ErrorKind::Timeout, message))
                    }
                };
                let rest = chunk.is_ok().then_some(body);
                return Some((chunk, rest));
            }
        }
    });
    chunks.boxed()
}

fn broken_off(object: &str, why: Box<dyn std::error::Error + Send + Sync>) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("the content of {object} broke off")).with_source(why)
}

#[cfg(test)]
mod tests;
