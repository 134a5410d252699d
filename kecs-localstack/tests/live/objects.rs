//! Objects, from real S3.

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use kecs_core::{BackendError, ErrorKind, ObjectRef, ObjectSource};
use kecs_localstack::S3Objects;

use crate::support::{Emulator, on_every_emulator, unique};

on_every_emulator![an_object_is_read_whole an_objects_key_may_be_any_text what_is_not_there_is_told];

/// `path` is encoded.
async fn put(emulator: &Emulator, path: &str, content: Bytes) {
    emulator.client().rest(&emulator.caller(), "s3", Method::PUT, path, content).await.unwrap();
}

async fn bucket(emulator: &Emulator) -> String {
    let bucket = unique("bucket");
    put(emulator, &format!("/{bucket}"), Bytes::new()).await;
    bucket
}

async fn read(emulator: &Emulator, bucket: &str, key: &str) -> Result<Vec<u8>, BackendError> {
    let object = ObjectRef { bucket: bucket.into(), key: key.into() };
    let content = S3Objects::new(emulator.backends()).open(&emulator.cluster(), &object).await?;
    let chunks: Vec<Bytes> = content.try_collect().await?;
    Ok(chunks.concat())
}

async fn an_object_is_read_whole(emulator: &Emulator) {
    let bucket = bucket(emulator).await;
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    put(emulator, &format!("/{bucket}/big"), big.clone().into()).await;
    put(emulator, &format!("/{bucket}/empty"), Bytes::new()).await;
    assert_eq!(read(emulator, &bucket, "empty").await.unwrap(), b"");
    assert!(read(emulator, &bucket, "big").await.unwrap() == big, "every byte of it");
}

async fn an_objects_key_may_be_any_text(emulator: &Emulator) {
    let bucket = bucket(emulator).await;
    for (key, path) in [
        ("env/a b.env", "env/a%20b.env"),
        ("a+b=c&d", "a%2Bb%3Dc%26d"),
        ("ümlaut?#%20", "%C3%BCmlaut%3F%23%2520"),
        ("dir//two", "dir//two"),
    ] {
        put(emulator, &format!("/{bucket}/{path}"), Bytes::from(key)).await;
        assert_eq!(read(emulator, &bucket, key).await.map_err(|error| error.to_string()), Ok(key.as_bytes().to_vec()));
    }
}

async fn what_is_not_there_is_told(emulator: &Emulator) {
    let bucket = bucket(emulator).await;
    let error = read(emulator, &bucket, "none").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with(&format!("s3://{bucket}/none cannot be read: NoSuchKey: ")), "{error}");
    let error = read(emulator, &unique("none"), "none").await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("NoSuchBucket"), "{error}");
}
