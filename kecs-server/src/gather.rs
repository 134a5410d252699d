//! Request bodies: gathered within bounds, or streamed on.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use kecs_core::Body;
use kecs_model::ErrorCode;

use crate::errors::WireError;
use crate::sigv4::PayloadHasher;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How much of a body that is too large is read and dropped, so that a client that is still sending sees the answer rather than a reset.
const DISCARD: u64 = 16 * 1024 * 1024;

/// Reads a whole body of at most `limit` bytes within `timeout`. Cancel safe: what was read is dropped.
pub(crate) async fn gather<B>(body: B, limit: usize, timeout: Duration) -> Result<Bytes, WireError>
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    match tokio::time::timeout(timeout, read(body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(WireError::ecs(ErrorCode::RequestTimeoutException, "The request body did not arrive in time.")),
    }
}

async fn read<B>(body: B, limit: usize) -> Result<Bytes, WireError>
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut is_too_large = false;
    loop {
        let Some(frame) = body.frame().await else { break };
        let Ok(frame) = frame else {
            return Err(WireError::new(StatusCode::BAD_REQUEST, "RequestAbortedException", "The request body broke off."));
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            is_too_large = true;
            break;
        }
        // Nearly every body is one frame, which needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    if is_too_large {
        return Err(too_large(body, limit).await);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

async fn too_large<B>(mut body: Pin<&mut B>, limit: usize) -> WireError
where
    B: HttpBody<Data = Bytes>,
{
    let mut dropped = 0;
    while let Some(Ok(frame)) = body.frame().await {
        dropped += frame.data_ref().map_or(0, |data| data.len() as u64);
        if dropped > DISCARD {
            break;
        }
    }
    let message = format!("The request body is larger than {limit} bytes.");
    WireError::ecs(ErrorCode::RequestEntityTooLargeException, message)
}

/// A body that fails at its end when it is not what its signature says.
struct Verified<B> {
    body: B,
    hasher: PayloadHasher,
    declared: String,
}

/// Streams `body`, comparing its SHA-256 with `declared` (hex) at the end.
pub(crate) fn verified<B>(body: B, declared: String) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    Verified { body, hasher: PayloadHasher::default(), declared }.boxed_unsync()
}

/// Streams `body` as it is.
pub(crate) fn boxed<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

impl<B> HttpBody for Verified<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.hasher.update(data);
                }
                // The last frame of a body of known length makes it whole for whoever it is passed on to: it must not leave before it was compared.
                if self.body.is_end_stream() && !self.hasher.matches(&self.declared) {
                    return Poll::Ready(Some(Err(not_as_signed())));
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(error.into())),
            None if self.hasher.matches(&self.declared) => None,
            None => Some(Err(not_as_signed())),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn not_as_signed() -> BoxError {
    "the body is not the one that was signed".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    async fn read_verified(declared: &str) -> Result<Bytes, BoxError> {
        verified(Full::new(Bytes::from_static(b"hello")), declared.to_owned())
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
    }

    #[tokio::test]
    async fn a_streamed_body_is_compared_with_its_signed_hash() {
        // `printf hello | sha256sum`.
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(read_verified(hash).await.unwrap(), "hello");
        assert!(read_verified(&hash.replace('2', "3")).await.is_err());
    }
}
