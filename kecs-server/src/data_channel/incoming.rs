//! The client's stream, put in order.

use std::collections::BTreeMap;

use super::message::AgentMessage;

/// How many messages wait for one that is missing.
const WAITING: usize = 256;

/// Puts messages in order, and says which of them have arrived.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    expected: i64,
    waiting: BTreeMap<i64, AgentMessage>,
}

impl Incoming {
    /// Takes a message in. Whether it is to be acknowledged: one for which there is no room will be sent again.
    pub(super) fn take(&mut self, message: AgentMessage) -> bool {
        let sequence = message.sequence;
        if sequence < self.expected {
            // The acknowledgement was lost, or late.
            return sequence >= 0;
        }
        if sequence != self.expected && self.waiting.len() >= WAITING {
            return false;
        }
        self.waiting.insert(sequence, message);
        true
    }

    /// The next message whose turn it is.
    pub(super) fn next(&mut self) -> Option<AgentMessage> {
        let message = self.waiting.remove(&self.expected)?;
        self.expected += 1;
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::data_channel::message::INPUT;

    fn message(sequence: i64) -> AgentMessage {
        let payload = sequence.to_string().into_bytes().into();
        AgentMessage { kind: INPUT.to_owned(), created: 1, sequence, flags: 0, id: Uuid::nil(), payload_type: 1, payload }
    }

    fn ready(incoming: &mut Incoming) -> Vec<i64> {
        std::iter::from_fn(|| incoming.next()).map(|message| message.sequence).collect()
    }

    #[test]
    fn a_message_is_given_once_and_acknowledged_each_time() {
        let mut incoming = Incoming::default();
        assert!(incoming.take(message(0)) && incoming.take(message(0)));
        assert_eq!(ready(&mut incoming), [0]);
        assert!(incoming.take(message(0)), "the client may not have heard of it");
        assert!(ready(&mut incoming).is_empty());
    }

    #[test]
    fn messages_that_wait_are_bounded_and_the_one_they_wait_for_has_room() {
        let mut incoming = Incoming::default();
        for sequence in 1..=WAITING {
            assert!(incoming.take(message(i64::try_from(sequence).unwrap())));
        }
        let next = i64::try_from(WAITING).unwrap() + 1;
        assert!(!incoming.take(message(next)));
        assert!(incoming.take(message(0)));
        assert_eq!(ready(&mut incoming).len(), WAITING + 1);
        assert!(!incoming.take(message(-1)), "no client counts from there");
    }

    proptest! {
        #[test]
        fn messages_come_in_order_however_they_arrive(mut arrivals in prop::collection::vec(0_i64..40, 0..200)) {
            arrivals.extend(0..40);
            let mut incoming = Incoming::default();
            let mut given = Vec::new();
            for sequence in arrivals {
                prop_assert!(incoming.take(message(sequence)));
                given.extend(ready(&mut incoming));
            }
            prop_assert_eq!(given, (0..40).collect::<Vec<_>>());
        }
    }
}
