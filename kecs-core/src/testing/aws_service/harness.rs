//! What a backend's author gives the kit.

use std::future::Future;
use std::net::SocketAddr;

use crate::AwsServiceBackend;

/// Makes backends that pass calls on to an endpoint.
pub trait Harness: Sized + Send + Sync {
    /// The backend under test.
    type Backend: AwsServiceBackend;

    /// A backend whose calls go to the HTTP/1.1 server at this address, where there may be none.
    fn start(endpoint: SocketAddr) -> impl Future<Output = Self> + Send;

    /// The backend.
    fn backend(&self) -> &Self::Backend;
}

/// Makes backends with AWS services behind them: S3, Systems Manager and STS at least.
pub trait AwsHarness: Sized + Send + Sync {
    /// The backend under test.
    type Backend: AwsServiceBackend;

    /// A backend that is ready. `None` where its environment is missing, which it reports with the name of the test.
    fn start(test: &str) -> impl Future<Output = Option<Self>> + Send;

    /// The backend.
    fn backend(&self) -> &Self::Backend;

    /// The account that the calls' credentials name. Default: one that is nobody's default, for a backend that has several.
    fn account(&self) -> &'static str {
        "111122223333"
    }
}
