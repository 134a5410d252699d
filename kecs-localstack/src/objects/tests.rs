//! How objects are addressed, and what becomes of one that breaks off.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use super::*;
use crate::scripted::{Asked, Scripted, cluster};

fn object(bucket: &str, key: &str) -> ObjectRef {
    ObjectRef { bucket: bucket.into(), key: key.into() }
}

#[tokio::test]
async fn an_object_is_asked_for_by_its_path_with_its_key_encoded() {
    let backend = Scripted::new(|_: &Asked| Ok((200, "A=1".to_owned())));
    let content = S3Objects::new(backend.backends()).open(&cluster(), &object("b", "env/a b+ü?.env")).await.unwrap();
    let bytes: Vec<Bytes> = content.try_collect().await.unwrap();
    assert_eq!(bytes.concat(), b"A=1");
    let asked = backend.asked().remove(0);
    assert_eq!((asked.service.as_str(), asked.account.as_str()), ("s3", "111122223333"));
    assert_eq!(asked.path, "/b/env/a%20b%2B%C3%BC%3F.env");
}

#[tokio::test]
async fn what_s3_refuses_is_told_by_its_kind() {
    // "List of error codes" of the S3 API reference.
    for (status, code, kind) in [
        (404, "NoSuchKey", ErrorKind::NotFound),
        (404, "NoSuchBucket", ErrorKind::NotFound),
        (403, "AccessDenied", ErrorKind::Invalid),
        (503, "SlowDown", ErrorKind::Unavailable),
    ] {
        let error = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        let backend = Scripted::new(move |_: &Asked| Ok((status, error.clone())));
        let error = S3Objects::new(backend.backends()).open(&cluster(), &object("b", "k")).await.err().unwrap();
        assert_eq!((error.kind(), error.to_string()), (kind, format!("s3://b/k cannot be read: {code}: no")));
    }
}

/// The content of a body of these frames.
fn of(frames: impl futures::Stream<Item = Result<Frame<Bytes>, &'static str>> + Send + 'static) -> ObjectContent {
    content("s3://b/k".to_owned(), BodyExt::map_err(StreamBody::new(frames), Into::into).boxed_unsync())
}

#[tokio::test]
async fn an_object_that_breaks_off_ends_with_an_error() {
    let frames = [Ok(Frame::data(Bytes::from("a"))), Err("reset"), Ok(Frame::data(Bytes::from("b")))];
    let mut content = of(stream::iter(frames));
    assert_eq!(content.next().await.unwrap().unwrap(), "a");
    let error = content.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Unavailable, "the content of s3://b/k broke off"));
    assert!(content.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_go_on_ends_with_an_error() {
    let started = tokio::time::Instant::now();
    let mut content = of(stream::pending());
    assert_eq!(content.next().await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(started.elapsed(), Duration::from_secs(30));
    assert!(content.next().await.is_none());
}
