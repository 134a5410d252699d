//! What a pretended container printed.

use bytes::Bytes;
use futures::stream::Stream;
use kecs_model::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{LogLine, LogSource};

/// All lines of a container, and who waits for more.
#[derive(Debug, Default)]
pub(super) struct ContainerLog {
    lines: Vec<LogLine>,
    followers: Vec<mpsc::UnboundedSender<LogLine>>,
    ended: bool,
}

impl ContainerLog {
    pub(super) fn print(&mut self, at: Timestamp, line: Bytes) {
        let line = LogLine { at, stream: LogSource::Stdout, line };
        self.followers.retain(|follower| follower.send(line.clone()).is_ok());
        self.lines.push(line);
    }

    /// The container prints no more.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.followers.clear();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The last `count` lines, or all.
    pub(super) fn tail(&self, count: Option<usize>) -> Vec<LogLine> {
        let skipped = count.map_or(0, |count| self.lines.len().saturating_sub(count));
        self.lines[skipped..].to_vec()
    }

    /// The lines to come; `None` if none will.
    pub(super) fn follow(&mut self) -> Option<impl Stream<Item = LogLine> + Send + 'static> {
        if self.ended {
            return None;
        }
        let (follower, lines) = mpsc::unbounded_channel();
        self.followers.push(follower);
        Some(UnboundedReceiverStream::new(lines))
    }
}
