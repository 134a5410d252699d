//! How patient the forwarder is, and how much it keeps.

use std::time::Duration;

/// The bounds of an [`HttpBackend`](crate::HttpBackend).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpBackendConfig {
    /// How long connecting may take, names and all. Default 5 s.
    pub connect_timeout: Duration,
    /// How long the endpoint may take from the end of the request to the head of the answer. Default 16 minutes: a synchronous call of Lambda
    /// takes up to 15. Clients give up much earlier, and their going away ends the call.
    pub response_timeout: Duration,
    /// How long the endpoint may refuse to take more of a request. Default 60 s.
    pub write_timeout: Duration,
    /// How long a connection is kept without a call. Default 4 s, less than any server's own patience that we know (hypercorn, which LocalStack
    /// can run on, has 5), so that a call hardly ever meets a connection that is about to be closed.
    pub idle_timeout: Duration,
    /// Connections kept without a call at most. Default 128.
    pub idle_connections: usize,
}

impl Default for HttpBackendConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_mins(16),
            write_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_secs(4),
            idle_connections: 128,
        }
    }
}
