//! One binary message, as `src/message/clientmessage.go` of AWS's plugin lays it out: a head of fixed fields in network order, then the payload.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

/// The length of the head, which says so itself; the length of the payload follows upon it.
const HEAD: u32 = 116;
const TYPE: usize = 32;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentMessage {
    /// What it is: one of the constants of this module.
    pub(crate) kind: String,
    /// Unix time in milliseconds.
    pub(crate) created: u64,
    /// Counts the messages of a stream, from 0.
    pub(crate) sequence: i64,
    pub(crate) flags: u64,
    pub(crate) id: Uuid,
    /// What the payload of a stream's message is: one of [`payload`](super::payload)'s constants.
    pub(crate) payload_type: u32,
    pub(crate) payload: Bytes,
}

/// Input, from the client.
pub(crate) const INPUT: &str = "input_stream_data";
/// Output, for the client.
pub(crate) const OUTPUT: &str = "output_stream_data";
/// A message of a stream has arrived.
pub(crate) const ACKNOWLEDGE: &str = "acknowledge";
/// The session is over.
pub(crate) const CHANNEL_CLOSED: &str = "channel_closed";

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Malformed {
    #[error("the message is shorter than its head")]
    Short,
    #[error("the lengths in the head are not those of the message")]
    Lengths,
    #[error("the type is not text")]
    Type,
    #[error("the payload is not what its digest says")]
    Digest,
}

impl AgentMessage {
    /// Reads a message. Total: never panics.
    pub(crate) fn read(bytes: &Bytes) -> Result<Self, Malformed> {
        let mut fields = Fields(bytes);
        let head = fields.u32()?;
        let kind = fields.take::<TYPE>()?;
        let _schema_version = fields.u32()?;
        let created = fields.u64()?;
        let sequence = i64::from_be_bytes(fields.take()?);
        let flags = fields.u64()?;
        // The halves of the id are swapped.
        let (low, high) = (fields.u64()?, fields.u64()?);
        let digest = fields.take::<32>()?;
        let payload_type = fields.u32()?;
        // A longer head may have fields that are not known yet.
        let skip = if head >= HEAD { head as usize } else { return Err(Malformed::Lengths) };
        let length = Fields(bytes.get(skip..).ok_or(Malformed::Lengths)?).u32()? as usize;
        let payload = bytes.slice(skip + 4..);
        if payload.len() != length {
            return Err(Malformed::Lengths);
        }
        if !payload.is_empty() && Sha256::digest(&payload).as_slice() != digest {
            return Err(Malformed::Digest);
        }
        let kind = std::str::from_utf8(&kind).map_err(|_| Malformed::Type)?;
        let kind = kind.trim_matches(['\0', ' ']).to_owned();
        Ok(Self { kind, created, sequence, flags, id: Uuid::from_u64_pair(high, low), payload_type, payload })
    }

    /// Its bytes. The kind is one of this module's, which all have room.
    pub(crate) fn write(&self) -> Bytes {
        let Self { kind, created, sequence, flags, id, payload_type, payload } = self;
        let mut bytes = Vec::with_capacity(HEAD as usize + 4 + payload.len());
        bytes.extend(HEAD.to_be_bytes());
        let mut padded = [b' '; TYPE];
        let length = kind.len().min(TYPE);
        padded[..length].copy_from_slice(&kind.as_bytes()[..length]);
        bytes.extend(padded);
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(created.to_be_bytes());
        bytes.extend(sequence.to_be_bytes());
        bytes.extend(flags.to_be_bytes());
        let (high, low) = id.as_u64_pair();
        bytes.extend(low.to_be_bytes());
        bytes.extend(high.to_be_bytes());
        bytes.extend(Sha256::digest(payload));
        bytes.extend(payload_type.to_be_bytes());
        bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(payload);
        bytes.into()
    }
}

/// Reads fields one after another.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `SerializeClientMessage` of session-manager-plugin 1.3.0.0 makes of the message of its own test, `TestSerializeAndDeserializeClientMessage`.
    const INPUT_MESSAGE: &str = concat!(
        "00000074",
        "696e7075745f73747265616d5f64617461202020202020202020202020202020",
        "00000001",
        "0000015e0baa7884",
        "0000000000000002",
        "0000000000000002",
        "a508b5f073f31b16dd01e56bff48483e",
        "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5",
        "00000001",
        "00000007",
        "7061796c6f6164",
    );

    fn bytes(hex: &str) -> Bytes {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn message() -> AgentMessage {
        AgentMessage {
            kind: INPUT.to_owned(),
            created: 1_503_434_274_948,
            sequence: 2,
            flags: 2,
            id: "dd01e56b-ff48-483e-a508-b5f073f31b16".parse().unwrap(),
            payload_type: 1,
            payload: Bytes::from_static(b"payload"),
        }
    }

    #[test]
    fn a_message_is_laid_out_as_the_plugin_does_it() {
        assert_eq!(message().write(), bytes(INPUT_MESSAGE));
        assert_eq!(AgentMessage::read(&bytes(INPUT_MESSAGE)), Ok(message()));
    }

    #[test]
    fn a_message_that_is_cut_off_or_damaged_is_none() {
        let whole = bytes(INPUT_MESSAGE);
        for length in 0..whole.len() {
            assert!(AgentMessage::read(&whole.slice(..length)).is_err(), "{length}");
        }
        let damaged = |at: usize| {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1;
            AgentMessage::read(&bytes.into()).unwrap_err()
        };
        assert_eq!(damaged(3), Malformed::Lengths);
        assert_eq!(damaged(HEAD as usize - 5), Malformed::Digest);
        assert_eq!(damaged(HEAD as usize + 3), Malformed::Lengths);
        assert_eq!(damaged(whole.len() - 1), Malformed::Digest);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(sequence: i64, flags: u64, id: u128, payload_type: u32, payload: Vec<u8>) {
            let written =
                AgentMessage { sequence, flags, id: Uuid::from_u128(id), payload_type, payload: payload.into(), ..message() };
            prop_assert_eq!(AgentMessage::read(&written.write()), Ok(written));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(head: u32, rest: Vec<u8>) {
            let bytes = [&head.to_be_bytes()[..], &rest].concat();
            let _ = AgentMessage::read(&bytes.into());
        }
    }
}
