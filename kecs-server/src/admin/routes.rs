//! Routes under `/_kecs/` that a composition adds to the endpoint's own.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kecs_core::Body;

/// Answers what lies under `/_kecs/<name>`: the admin API of a part that this crate knows nothing of.
///
/// Only requests of processes on this machine get here, and only those that a browser page cannot have sent. What changes something carries JSON.
#[async_trait]
pub trait AdminRoutes: fmt::Debug + Send + Sync + 'static {
    /// The segment behind `/_kecs/`, such as `localstack`.
    fn name(&self) -> &'static str;

    /// Answers a request. `path` is what follows the name: empty, or with a slash in front. Dropping the future, or the body of the answer, is the
    /// client's leaving.
    async fn answer(&self, path: &str, request: Request<Bytes>) -> Response<Body>;
}
