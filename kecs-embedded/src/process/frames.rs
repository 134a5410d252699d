//! What travels between a server and a supervisor while a command runs: frames of a kind, a length and as many bytes.
//!
//! A server may meet a supervisor of another version: kinds are only ever added, and one that is not known is passed over.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most that a frame carries.
const LARGEST: usize = 64 * 1024;

/// How much of a command's output or input is carried at a time.
pub(super) const CHUNK: usize = 16 * 1024;

/// From the server: bytes for the command.
pub(super) const INPUT: u8 = 1;
/// From the server: the command's input ends.
pub(super) const INPUT_ENDS: u8 = 2;
/// From the server: the terminal's size, its columns and its rows.
pub(super) const RESIZE: u8 = 3;

/// From the supervisor, first: the command is being started.
pub(super) const ACCEPTED: u8 = 16;
/// From the supervisor, instead: there is no such container, in words.
pub(super) const UNKNOWN: u8 = 17;
/// From the supervisor, instead: the container does not run, in words.
pub(super) const NOT_RUNNING: u8 = 18;
/// From the supervisor: what the command wrote to its standard output.
pub(super) const STDOUT: u8 = 19;
/// From the supervisor: what it wrote to its standard error.
pub(super) const STDERR: u8 = 20;
/// From the supervisor, last: the command ended, with this exit code if it has one.
pub(super) const EXITED: u8 = 21;
/// From the supervisor, last: the command could not be started, in words.
pub(super) const FAILED: u8 = 22;

/// One frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
}

/// The next frame; `None` at the end. Not safe to drop half-way.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let mut head = [0; 5];
    match from.read_exact(&mut head[..1]).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    from.read_exact(&mut head[1..]).await?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too large"));
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await?;
    Ok(Some(Frame { kind, payload }))
}

/// Sends a frame; it has at most [`LARGEST`] bytes. Not safe to drop half-way.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(5 + payload.len());
    frame.push(kind);
    frame.extend(length.to_be_bytes());
    frame.extend(payload);
    to.write_all(&frame).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_arrives_as_it_was_sent_and_the_end_is_none() {
        let mut wire = Vec::new();
        write(&mut wire, STDOUT, b"hello").await.unwrap();
        write(&mut wire, EXITED, &[]).await.unwrap();
        let mut wire = wire.as_slice();
        assert_eq!(read(&mut wire).await.unwrap(), Some(Frame { kind: STDOUT, payload: b"hello".to_vec() }));
        assert_eq!(read(&mut wire).await.unwrap(), Some(Frame { kind: EXITED, payload: Vec::new() }));
        assert_eq!(read(&mut wire).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_that_breaks_off_or_is_too_large_is_an_error() {
        for wire in [&[STDOUT, 0, 0, 0, 2, b'a'][..], &[STDOUT, 0, 0][..], &[STDOUT, 255, 0, 0, 0][..]] {
            let mut wire = wire;
            assert!(read(&mut wire).await.is_err());
        }
    }
}
