//! Files that a container is given before it starts.

use std::fmt;
use std::sync::Arc;

use futures::TryStreamExt;
use futures::stream::{StreamExt, try_unfold};
use sha2::{Digest, Sha256};

use crate::{BackendError, ClusterRef, ErrorKind, ObjectContent, ObjectRef, ObjectSource};

/// An object that a container finds as a file.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What tells it apart from the container's others: the number in its label.
    pub number: u32,
    /// Where the container finds it: absolute, with a name at its end.
    pub path: String,
    /// What it is.
    pub object: ObjectRef,
    /// What its content must be; `None` takes whatever comes.
    pub checksum: Option<Checksum>,
    cluster: ClusterRef,
    source: Arc<dyn ObjectSource>,
}

impl Artifact {
    /// An object that is read from `source` on behalf of a task of the cluster.
    pub fn new(
        number: u32,
        path: String,
        object: ObjectRef,
        checksum: Option<Checksum>,
        cluster: ClusterRef,
        source: Arc<dyn ObjectSource>,
    ) -> Self {
        Self { number, path, object, checksum, cluster, source }
    }

    /// Opens it. The content streams; where it is not what the checksum says, that is the stream's last item. May be repeated.
    ///
    /// # Errors
    ///
    /// As [`ObjectSource::open`].
    pub async fn open(&self) -> Result<ObjectContent, BackendError> {
        let content = self.source.open(&self.cluster, &self.object).await?;
        let Some(expected) = self.checksum else { return Ok(content) };
        let object = self.object.clone();
        let verified = try_unfold((content, Sha256::new()), move |(mut content, mut hash)| {
            let object = object.clone();
            async move {
                if let Some(bytes) = content.try_next().await? {
                    hash.update(&bytes);
                    return Ok(Some((bytes, (content, hash))));
                }
                let found = Checksum(hash.finalize().into());
                if found == expected {
                    return Ok(None);
                }
                Err(BackendError::new(ErrorKind::Invalid, format!("the checksum of {object} is {found}, not {expected}")))
            }
        });
        Ok(verified.boxed())
    }
}

/// The SHA-256 of a content, written `sha256:<64 hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// Reads the written form; `None` where it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
