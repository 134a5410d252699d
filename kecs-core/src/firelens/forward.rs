//! Fluentd's Forward protocol, version 1: what is written to a log router, and what it answers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmp::decode;
use rmp::encode::buffer::ByteBuf;
use rmp::encode::{self, RmpWrite};
use uuid::Uuid;

use crate::{ContainerOutput, LogLine, LogSource};

/// More than any answer has.
const MOST_BYTES: usize = 1024;

/// Where records come from: what is the same for all of them.
#[derive(Debug)]
pub(super) struct Source {
    tag: String,
    container_id: String,
    container_name: String,
}

impl Source {
    /// The tag is the ECS agent's (`fluentTagDockerFormat`), what comes with each record that of Docker's driver `fluentd`.
    pub(super) fn new(output: &ContainerOutput) -> Self {
        let label = |name| output.labels.get(name).map_or("", String::as_str);
        Self {
            tag: format!("{}-firelens-{}", output.container, output.task.id),
            container_id: label("runtimeId").to_owned(),
            // The agent's name for a container, as far as it says something.
            container_name: format!("/ecs-{}-{}-{}", label("family"), label("revision"), output.container),
        }
    }
}

/// "chunk … Base64 representation of 128 bits unique_id".
pub(super) fn chunk_id() -> String {
    BASE64_STANDARD.encode(Uuid::new_v4().as_bytes())
}

/// Lines in *Forward Mode*: `[tag, [[time, record], …], option]`. The router confirms that it has them by the chunk's id.
pub(super) fn chunk(source: &Source, lines: &[LogLine], id: &str) -> Vec<u8> {
    let mut chunk = Chunk(ByteBuf::new());
    chunk.array(3);
    chunk.text(source.tag.as_bytes());
    chunk.array(lines.len());
    for line in lines {
        chunk.array(2);
        chunk.time(line.at.as_millis());
        chunk.map(4);
        chunk.member("container_id", source.container_id.as_bytes());
        chunk.member("container_name", source.container_name.as_bytes());
        chunk.member(
            "source",
            match line.stream {
                LogSource::Stdout => b"stdout",
                LogSource::Stderr => b"stderr",
            },
        );
        chunk.member("log", &line.line);
    }
    chunk.map(2);
    chunk.member("chunk", id.as_bytes());
    chunk.text(b"size");
    chunk.number(lines.len());
    chunk.0.into_vec()
}

/// What is written, which takes everything.
struct Chunk(ByteBuf);

const TAKEN: &str = "a buffer takes everything";

impl Chunk {
    fn array(&mut self, length: usize) {
        encode::write_array_len(&mut self.0, short(length)).expect(TAKEN);
    }

    fn map(&mut self, length: usize) {
        encode::write_map_len(&mut self.0, short(length)).expect(TAKEN);
    }

    fn member(&mut self, name: &str, value: &[u8]) {
        self.text(name.as_bytes());
        self.text(value);
    }

    /// As Docker's driver sends it: text, whether it is UTF-8 or not.
    fn text(&mut self, bytes: &[u8]) {
        encode::write_str_len(&mut self.0, short(bytes.len())).expect(TAKEN);
        self.0.write_bytes(bytes).expect(TAKEN);
    }

    fn number(&mut self, number: usize) {
        encode::write_uint(&mut self.0, number as u64).expect(TAKEN);
    }

    /// *EventTime*: an extension of type 0, with seconds and nanoseconds in 32 bits each.
    fn time(&mut self, millis: i64) {
        let seconds = u32::try_from(millis.div_euclid(1000)).unwrap_or(0);
        let nanoseconds = u32::try_from(millis.rem_euclid(1000) * 1_000_000).expect("less than a second");
        encode::write_ext_meta(&mut self.0, 8, 0).expect(TAKEN);
        self.0.write_bytes(&seconds.to_be_bytes()).expect(TAKEN);
        self.0.write_bytes(&nanoseconds.to_be_bytes()).expect(TAKEN);
    }
}

fn short(length: usize) -> u32 {
    u32::try_from(length).expect("a batch of lines is short")
}

/// What has come of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There has to come more of it.
    Incomplete,
    /// The router has the chunk of this id.
    Confirmed(String),
    /// It is none that this protocol knows.
    Unknown,
}

/// Reads `{"ack": id}`.
pub(super) fn answer(mut bytes: &[u8]) -> Answer {
    let whole = bytes;
    match read(&mut bytes) {
        Some(id) => Answer::Confirmed(id),
        None if bytes.is_empty() && whole.len() < MOST_BYTES => Answer::Incomplete,
        None => Answer::Unknown,
    }
}

fn read(bytes: &mut &[u8]) -> Option<String> {
    if decode::read_map_len(bytes).ok()? != 1 || text(bytes)? != b"ack" {
        return None;
    }
    String::from_utf8(text(bytes)?.to_vec()).ok()
}

/// A text; where there is not all of it, everything is taken.
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = decode::read_str_len(bytes).ok()? as usize;
    let (text, rest) = bytes.split_at_checked(length).unwrap_or((&[], &[]));
    *bytes = rest;
    (text.len() == length).then_some(text)
}

#[cfg(test)]
mod tests {
    use kecs_model::Timestamp;

    use super::*;

    fn line(at: i64, stream: LogSource, line: &'static [u8]) -> LogLine {
        LogLine { at: Timestamp::from_millis(at), stream, line: line.into() }
    }

    // "Forward Protocol Specification v1": Forward Mode, EventTime Ext Format (fixext8, type 0, big endian), Option. The bytes are those of the
    // specification of MessagePack.
    #[test]
    fn lines_are_a_chunk_in_forward_mode() {
        let source = Source { tag: "t".to_owned(), container_id: "i".to_owned(), container_name: "n".to_owned() };
        let lines = [line(1_500, LogSource::Stdout, b"a"), line(0, LogSource::Stderr, b"\xff")];
        let mut expected = b"\x93\xa1t\x92".to_vec();
        expected.extend(b"\x92\xd7\x00\x00\x00\x00\x01\x1d\xcd\x65\x00");
        expected.extend(b"\x84\xaccontainer_id\xa1i\xaecontainer_name\xa1n\xa6source\xa6stdout\xa3log\xa1a");
        expected.extend(b"\x92\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00");
        expected.extend(b"\x84\xaccontainer_id\xa1i\xaecontainer_name\xa1n\xa6source\xa6stderr\xa3log\xa1\xff");
        expected.extend(b"\x82\xa5chunk\xa2id\xa4size\x02");
        assert_eq!(chunk(&source, &lines, "id"), expected);
    }

    // "Response": `{"ack": chunk}`.
    #[test]
    fn an_answer_confirms_a_chunk() {
        let whole = b"\x81\xa3ack\xa2id";
        assert_eq!(answer(whole), Answer::Confirmed("id".to_owned()));
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length]), Answer::Incomplete, "{length}");
        }
        for other in [&b"\x81\xa3nak\xa2id"[..], b"\x82\xa3ack\xa2id", b"\xc0\xc0"] {
            assert_eq!(answer(other), Answer::Unknown, "{other:?}");
        }
    }

    #[test]
    fn a_chunks_id_is_128_bits_in_base64() {
        assert_eq!(BASE64_STANDARD.decode(chunk_id()).map(|bytes| bytes.len()), Ok(16));
    }
}
