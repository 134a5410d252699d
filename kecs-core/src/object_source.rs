//! The seam to wherever a task's files are kept: environment files and artifacts in Amazon S3.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{BackendError, ClusterRef};

/// Reads objects. It only reads.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait ObjectSource: fmt::Debug + Send + Sync + 'static {
    /// Opens an object on behalf of a task of the cluster. The content streams; an error within it means that the object is not whole. May be
    /// repeated.
    ///
    /// # Errors
    ///
    /// `NotFound` for an object or bucket that is not there, `Invalid` where the source refuses, `Unavailable` and `Timeout` where it cannot be asked.
    async fn open(&self, cluster: &ClusterRef, object: &ObjectRef) -> Result<ObjectContent, BackendError>;
}

/// An object's content as it comes.
pub type ObjectContent = BoxStream<'static, Result<Bytes, BackendError>>;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// The bucket's name.
    pub bucket: Arc<str>,
    /// The object's key, as it is: not URL-encoded.
    pub key: Arc<str>,
}

impl ObjectRef {
    /// Reads `arn:aws:s3:::bucket/key`, of any partition, or `s3://bucket/key`. `None` where it is neither, or a part is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let path = if let Some(path) = text.strip_prefix("s3://") {
            path
        } else {
            let (partition, path) = text.strip_prefix("arn:")?.split_once(":s3:::")?;
            if partition.is_empty() || partition.contains(':') {
                return None;
            }
            path
        };
        let (bucket, key) = path.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty()).then(|| Self { bucket: bucket.into(), key: key.into() })
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a method that is not forwarded would be lost")]
impl<T: ObjectSource + ?Sized> ObjectSource for Arc<T> {
    async fn open(&self, cluster: &ClusterRef, object: &ObjectRef) -> Result<ObjectContent, BackendError> {
        (**self).open(cluster, object).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_its_arn_or_its_url() {
        let parsed = |text: &str| ObjectRef::parse(text).map(|object| object.to_string());
        // The form of `environmentFiles[].value`: "the ARN of the Amazon S3 object" (API reference, EnvironmentFile).
        assert_eq!(parsed("arn:aws:s3:::my-bucket/env/a:b.env").as_deref(), Some("s3://my-bucket/env/a:b.env"));
        assert_eq!(parsed("arn:aws-cn:s3:::b/k").as_deref(), Some("s3://b/k"));
        assert_eq!(parsed("s3://b/k/l").as_deref(), Some("s3://b/k/l"));
        for wrong in
            ["arn:aws:s3:::b", "arn:aws:s3:::b/", "arn:aws:sqs:::b/k", "arn::s3:::b/k", "s3:///k", "b/k", "arn:aws:x:s3:::b/k"]
        {
            assert_eq!(ObjectRef::parse(wrong), None, "{wrong}");
        }
    }
}
