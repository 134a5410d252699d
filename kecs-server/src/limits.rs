//! What one endpoint takes on at most.

use std::time::Duration;

use crate::JsonBounds;

/// The bounds of an endpoint. Whatever lies beyond them is refused with an error that says so; nothing queues without bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one request's body, for requests that are gathered (ECS). Default 2 MiB; ECS's own largest request, a task definition, is
    /// 64 KiB. Beyond it: `RequestEntityTooLargeException`, 413. Bodies for other services stream and are not bounded here.
    pub body_bytes: usize,
    /// Nesting and list sizes of a JSON body. Beyond them: `SerializationException`.
    pub json: JsonBounds,
    /// ECS requests in hand at a time, from the first byte of the body to the answer. Default 512. Beyond it:
    /// `ThrottlingException`, which SDKs repeat with back-off.
    pub concurrent_requests: usize,
    /// Requests for other services in hand at a time, from their head to the end of their answer. Default 1024. Beyond it: `ThrottlingException`,
    /// `Throttling` or S3's `SlowDown`, which SDKs repeat with back-off. Neither kind of request takes the place of the other.
    pub backend_requests: usize,
    /// Open connections, idle ones too. Default 512: each may need two open files, and many systems let a process have 1,024. Beyond it, connections
    /// wait to be accepted until others end, idle ones after [`header_read_timeout`](Self::header_read_timeout).
    pub connections: usize,
    /// How long a connection may take to send a request's head, and how long it may be idle. Default 60 s.
    pub header_read_timeout: Duration,
    /// How long a body that is gathered may take. Default 30 s. Beyond it: `RequestTimeoutException`, 408.
    pub body_read_timeout: Duration,
    /// How long a shutdown waits for requests in hand. Default 10 s.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 2 * 1024 * 1024,
            json: JsonBounds::default(),
            concurrent_requests: 512,
            backend_requests: 1024,
            connections: 512,
            header_read_timeout: Duration::from_mins(1),
            body_read_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}
