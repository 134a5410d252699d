//! Our stream: messages that were sent and have not been acknowledged yet.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// How many messages are on their way at a time. The plugin holds ten thousand; more than this would only be memory.
const WINDOW: usize = 256;

/// How long an acknowledgement is waited for at first, and at most: the plugin's own times.
const FIRST_TIMEOUT: Duration = Duration::from_millis(200);
const LAST_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages on their way.
#[derive(Debug)]
pub(super) struct Outgoing {
    next: i64,
    sent: VecDeque<Sent>,
    timeout: Duration,
}

#[derive(Debug)]
struct Sent {
    sequence: i64,
    bytes: Bytes,
    at: Instant,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { next: 0, sent: VecDeque::new(), timeout: FIRST_TIMEOUT }
    }
}

impl Outgoing {
    /// Whether another message may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.sent.len() < WINDOW
    }

    /// Whether all that was sent has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The bytes of the next message, made with its number, kept until they are acknowledged.
    pub(super) fn send(&mut self, make: impl FnOnce(i64) -> Bytes) -> Bytes {
        let sequence = self.next;
        self.next += 1;
        let bytes = make(sequence);
        self.sent.push_back(Sent { sequence, bytes: bytes.clone(), at: Instant::now() });
        bytes
    }

    /// The message with this number has arrived. What was sent before it may still be missing.
    pub(super) fn acknowledged(&mut self, sequence: i64) {
        if let Ok(nth) = self.sent.binary_search_by_key(&sequence, |sent| sent.sequence) {
            self.sent.remove(nth);
            self.timeout = FIRST_TIMEOUT;
        }
    }

    /// When the oldest message is to be sent again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.sent.front().map(|sent| sent.at + self.timeout)
    }

    /// The oldest message once more, if it is due. The others wait with the client for this one.
    pub(super) fn again(&mut self) -> Option<Bytes> {
        let timeout = self.timeout;
        let oldest = self.sent.front_mut().filter(|sent| sent.at + timeout <= Instant::now())?;
        oldest.at = Instant::now();
        self.timeout = (timeout * 2).min(LAST_TIMEOUT);
        Some(oldest.bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(sequence: i64) -> Bytes {
        sequence.to_string().into_bytes().into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_sent_again_until_it_is_acknowledged_and_ever_more_seldom() {
        let mut outgoing = Outgoing::default();
        assert_eq!([outgoing.send(number), outgoing.send(number)], ["0", "1"]);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            assert_eq!(outgoing.again(), None, "it is not due yet");
            let started = Instant::now();
            tokio::time::sleep_until(outgoing.deadline().unwrap()).await;
            pauses.push(started.elapsed().as_millis());
            assert_eq!(outgoing.again().unwrap(), "0");
        }
        assert_eq!(pauses, [200, 400, 800, 1000, 1000]);
        outgoing.acknowledged(0);
        assert_eq!(outgoing.again().unwrap(), "1", "it is due at once");
        outgoing.acknowledged(1);
        assert!(outgoing.is_empty() && outgoing.deadline().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn messages_on_their_way_are_bounded() {
        let mut outgoing = Outgoing::default();
        for _ in 0..WINDOW {
            assert!(outgoing.has_room());
            outgoing.send(number);
        }
        assert!(!outgoing.has_room());
        outgoing.acknowledged(7);
        assert!(outgoing.has_room());
        outgoing.acknowledged(7);
        outgoing.acknowledged(-1);
        outgoing.acknowledged(i64::MAX);
        outgoing.send(number);
        assert!(!outgoing.has_room(), "what was not sent is not acknowledged");
    }
}
