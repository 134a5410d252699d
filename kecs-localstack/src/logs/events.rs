//! From lines to events: several lines that belong together are one event, a line that is too long is several.

use kecs_core::{LogLine, LogPosition};
use kecs_model::Timestamp;
use regex::bytes::Regex;

use super::GROUPING;
use super::buffer::{BATCH_BYTES, EVENT_OVERHEAD};

/// "Each log event can be no larger than 1 MB" (PutLogEvents), and must fit into a batch.
pub(super) const LONGEST: usize = BATCH_BYTES - EVENT_OVERHEAD;

/// One event of CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    /// Not empty.
    pub(super) message: String,
}

impl Event {
    /// How much of a batch it takes: "the sum of all event messages in UTF-8, plus 26 bytes for each log event".
    pub(super) fn size(&self) -> usize {
        self.message.len() + EVENT_OVERHEAD
    }
}

/// Makes events of one container's lines. The same lines always make the same events, so that after a restart those that were sent are known again.
#[derive(Debug)]
pub(super) struct Events {
    start: Option<Regex>,
    /// The lines of an event that is not complete.
    gathered: Vec<u8>,
    since: Timestamp,
    position: LogPosition,
}

impl Events {
    /// Events that begin with a line that matches `start`; without it, each line is one.
    pub(super) fn new(start: Option<Regex>) -> Self {
        Self { start, gathered: Vec::new(), since: Timestamp::from_millis(0), position: LogPosition::default() }
    }

    /// Whether lines wait for more that belong to them.
    pub(super) fn is_waiting(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// Takes the next line, and gives what is complete.
    pub(super) fn push(&mut self, line: &LogLine) -> Vec<Event> {
        // "The log events in the batch must be in chronological order".
        let at = self.position.pass(line.at);
        let Some(start) = &self.start else { return cut(at, &line.line) };
        let waited = at.as_millis() - self.since.as_millis();
        let late = u128::try_from(waited).is_ok_and(|waited| waited >= GROUPING.as_millis());
        let full = self.gathered.len() + line.line.len() >= LONGEST;
        let complete = if late || full || start.is_match(&line.line) { self.flush() } else { Vec::new() };
        if self.gathered.is_empty() {
            self.since = at;
        }
        self.gathered.extend_from_slice(&line.line);
        self.gathered.push(b'\n');
        complete
    }

    /// Gives what is there, complete or not.
    pub(super) fn flush(&mut self) -> Vec<Event> {
        cut(self.since, &std::mem::take(&mut self.gathered))
    }
}

/// The events of one message: none for an empty one, several for one that is too long.
fn cut(at: Timestamp, message: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(message);
    let mut rest = &*text;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rest.floor_char_boundary(LONGEST));
        events.push(Event { at, message: piece.to_owned() });
        rest = later;
    }
    events
}

#[cfg(test)]
mod tests {
    use super::super::tests::line;
    use super::*;

    fn messages(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.message.as_str()).collect()
    }

    fn grouped(pattern: &str, lines: &[(i64, &str)]) -> Vec<Event> {
        let mut events = Events::new(Some(Regex::new(&format!("(?-u){pattern}")).unwrap()));
        let mut all: Vec<Event> = lines.iter().flat_map(|(at, text)| events.push(&line(*at, text))).collect();
        all.extend(events.flush());
        all
    }

    #[test]
    fn each_line_is_an_event_and_an_empty_one_is_none() {
        // InputLogEvent: the message has a "Minimum length of 1".
        let mut events = Events::new(None);
        assert_eq!(messages(&events.push(&line(1, "one"))), ["one"]);
        assert_eq!(events.push(&line(1, "")), []);
        assert!(!events.is_waiting());
    }

    #[test]
    fn a_stack_trace_is_one_event_with_the_time_of_its_first_line() {
        // The example of "awslogs-multiline-pattern" in Docker's manual.
        let lines = [
            (1, "INFO A message was logged"),
            (2, "INFO Another multiline message was logged"),
            (3, "     Some random message"),
            (4, "     with some random words"),
            (5, "INFO Another message was logged"),
        ];
        let events = grouped("^INFO", &lines);
        assert_eq!(
            messages(&events),
            [
                "INFO A message was logged\n",
                "INFO Another multiline message was logged\n     Some random message\n     with some random words\n",
                "INFO Another message was logged\n"
            ]
        );
        assert_eq!(events.iter().map(|event| event.at.as_millis()).collect::<Vec<_>>(), [1, 2, 5]);
    }

    #[test]
    fn lines_that_come_long_after_the_first_are_an_event_of_their_own() {
        assert_eq!(messages(&grouped("^INFO", &[(0, "INFO a"), (4999, "b"), (5000, "c"), (5001, "d")])), ["INFO a\nb\n", "c\nd\n"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        // "Each log event can be no larger than 1 MB", in a batch of 1,048,576 bytes with 26 for each event (PutLogEvents).
        let text = format!("x{}", "ü".repeat(1_048_576));
        let mut events = Events::new(None);
        let pieces = events.push(&line(7, &text));
        assert_eq!(pieces.iter().map(|event| event.message.len()).collect::<Vec<_>>(), [1_048_549, 1_048_550, 54]);
        assert_eq!(messages(&pieces).concat(), text);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_counted_as_sent() {
        let mut events = Events::new(None);
        let mut odd = line(1, "");
        odd.line = bytes::Bytes::from_static(b"a\xffb");
        let event = events.push(&odd).remove(0);
        assert_eq!((event.message.as_str(), event.size()), ("a\u{fffd}b", 5 + 26));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_set_events_back() {
        let mut events = Events::new(None);
        let stamps: Vec<i64> =
            [5, 3, 9].iter().flat_map(|at| events.push(&line(*at, "x"))).map(|event| event.at.as_millis()).collect();
        assert_eq!(stamps, [5, 5, 9]);
    }
}
