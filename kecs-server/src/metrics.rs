//! Counts of an endpoint's work, in Prometheus' text form.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// ECS, by the engine.
    Ecs,
    /// Another service, by the backend (or because there is none).
    Backend,
    /// The endpoint about itself, and what it refused at the door.
    Endpoint,
}

const ANSWERED: [(Answered, &str); 3] = [(Answered::Ecs, "ecs"), (Answered::Backend, "backend"), (Answered::Endpoint, "endpoint")];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// One endpoint's counters. Relaxed: they are read for people, not for decisions.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: [[AtomicU64; 5]; 3],
    micros: [AtomicU64; 3],
    throttled: AtomicU64,
    connections: AtomicU64,
}

impl Metrics {
    pub(crate) fn answered(&self, by: Answered, status: StatusCode, micros: u64) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.requests[by as usize][class].fetch_add(1, Relaxed);
        self.micros[by as usize].fetch_add(micros, Relaxed);
    }

    pub(crate) fn throttled(&self) {
        self.throttled.fetch_add(1, Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::from("# HELP kecs_requests_total Answered requests, by who answered and class of status.\n");
        out.push_str("# TYPE kecs_requests_total counter\n");
        for (by, name) in ANSWERED {
            for (class, count) in CLASSES.iter().zip(&self.requests[by as usize]) {
                line(&mut out, &format!("kecs_requests_total{{service=\"{name}\",status=\"{class}\"}}"), count);
            }
        }
        out.push_str("# HELP kecs_request_microseconds_total Time spent on requests, from their head to the head of the answer.\n");
        out.push_str("# TYPE kecs_request_microseconds_total counter\n");
        for (by, name) in ANSWERED {
            line(&mut out, &format!("kecs_request_microseconds_total{{service=\"{name}\"}}"), &self.micros[by as usize]);
        }
        out.push_str("# HELP kecs_throttled_total ECS requests refused because too many were in hand.\n# TYPE kecs_throttled_total counter\n");
        line(&mut out, "kecs_throttled_total", &self.throttled);
        out.push_str("# HELP kecs_connections_total Accepted connections.\n# TYPE kecs_connections_total counter\n");
        line(&mut out, "kecs_connections_total", &self.connections);
        out
    }
}

fn line(out: &mut String, name: &str, value: &AtomicU64) {
    writeln!(out, "{name} {}", value.load(Relaxed)).expect("writing to a string does not fail");
}
