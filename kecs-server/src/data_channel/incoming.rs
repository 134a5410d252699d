//! The client's stream, put in order.
//!
//! AWS's plugin numbers what it sends, and in one case wrongly: keys, sizes of the terminal and signals are sent by threads of their own, each of which takes the
//! counter's number and counts on without a lock (`SendInputDataMessage`, session-manager-plugin, src/datachannel/streaming.go). The first size and the first keys
//! may so have one number, and then the next is counted once or twice. They are told apart from what is sent again by their ids, and neither is lost.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::message::AgentMessage;

/// How many messages wait for one that is missing.
const WAITING: usize = 256;

/// How many messages may have one number: the plugin has as many threads that send.
const TWINS: usize = 3;

/// Puts messages in order, and says which of them have arrived.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    expected: i64,
    /// By number.
    waiting: BTreeMap<i64, VecDeque<AgentMessage>>,
    /// The ids of the messages that had the number before the expected one.
    given: Vec<Uuid>,
}

impl Incoming {
    /// Takes a message in. Whether it is to be acknowledged: one for which there is no room will be sent again.
    pub(super) fn take(&mut self, message: AgentMessage) -> bool {
        let sequence = message.sequence;
        if sequence < self.expected - 1 || sequence < 0 {
            // The acknowledgement was lost, or late.
            return sequence >= 0;
        }
        let twins = self.waiting.get(&sequence);
        if sequence > self.expected && twins.is_none() && self.waiting.len() >= WAITING {
            return false;
        }
        let given: &[Uuid] = if sequence < self.expected { &self.given } else { &[] };
        let known: Vec<_> = twins.into_iter().flatten().map(|twin| twin.id).chain(given.iter().copied()).collect();
        if known.len() < TWINS && !known.contains(&message.id) {
            self.waiting.entry(sequence).or_default().push_back(message);
        }
        true
    }

    /// The next message whose turn it is.
    pub(super) fn next(&mut self) -> Option<AgentMessage> {
        let mut first = self.waiting.first_entry()?;
        let sequence = *first.key();
        // After messages of one number the client may have counted each.
        let counted = i64::try_from(self.given.len()).unwrap_or(1).max(1);
        if sequence >= self.expected + counted {
            return None;
        }
        let message = first.get_mut().pop_front()?;
        if first.get().is_empty() {
            first.remove();
        }
        if sequence >= self.expected {
            self.expected = sequence + 1;
            self.given.clear();
        }
        self.given.push(message.id);
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

    /// One of those that have the same number.
    fn twin(sequence: i64, nth: u128) -> AgentMessage {
        AgentMessage { id: Uuid::from_u128(nth), ..message(sequence) }
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

    // The plugin's `SendInputDataMessage`, as above: two threads have sent 0, and either the next number is 2, or one of them has lost its count.
    #[test]
    fn what_two_threads_of_the_client_send_with_one_number_is_given_and_what_follows() {
        for rest in [[2, 3], [1, 2]] {
            let mut incoming = Incoming::default();
            assert!(incoming.take(twin(0, 1)));
            assert_eq!(ready(&mut incoming), [0]);
            assert!(incoming.take(twin(0, 2)));
            assert_eq!(ready(&mut incoming), [0]);
            assert!(incoming.take(twin(0, 1)) && incoming.take(twin(0, 2)), "each may come again");
            assert!(ready(&mut incoming).is_empty());
            assert!(rest.into_iter().all(|sequence| incoming.take(message(sequence))));
            assert_eq!(ready(&mut incoming), rest);
            assert!(incoming.take(message(rest[1] + 2)));
            assert!(ready(&mut incoming).is_empty(), "what is missing is waited for again");
        }
    }

    #[test]
    fn messages_of_one_number_may_wait_and_are_bounded() {
        let mut incoming = Incoming::default();
        assert!((0..1000).all(|nth| incoming.take(twin(1, nth))));
        assert!((0..1000).all(|nth| incoming.take(twin(0, nth))));
        assert_eq!(ready(&mut incoming), [0, 0, 0, 1, 1, 1]);
        assert!((0..1000).all(|nth| incoming.take(twin(1, nth))));
        assert!(ready(&mut incoming).is_empty());
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
