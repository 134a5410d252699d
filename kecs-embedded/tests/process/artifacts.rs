//! Files that a container is given before it starts.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use kecs_core::task_spec::{Artifact, Checksum, Mount, Volume, VolumeSource};
use kecs_core::testing::{container, spec, task_ref};
use kecs_core::{BackendError, ClusterRef, ErrorKind, ObjectContent, ObjectRef, ObjectSource};

use crate::support::{Host, failed_to_start, shell};

/// SHA-256 of "abc" (FIPS 180-2, appendix B.1).
const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Each object's content is its key, in two pieces; `broken` breaks off after the first, and `missing` is missing.
#[derive(Debug)]
struct Bucket;

#[async_trait]
impl ObjectSource for Bucket {
    async fn open(&self, _: &ClusterRef, object: &ObjectRef) -> Result<ObjectContent, BackendError> {
        let (first, rest) = object.key.as_bytes().split_at(1);
        let rest = match &*object.key {
            "missing" => return Err(BackendError::new(ErrorKind::NotFound, "api error NoSuchKey: it is not there")),
            "broken" => Err(BackendError::new(ErrorKind::Unavailable, "connection reset")),
            _ => Ok(Bytes::copy_from_slice(rest)),
        };
        Ok(futures::stream::iter([Ok(Bytes::copy_from_slice(first)), rest]).boxed())
    }
}

fn artifact(number: u32, key: &str, path: &str, checksum: Option<&str>) -> Artifact {
    let object = ObjectRef { bucket: "bucket".into(), key: key.into() };
    let checksum = checksum.map(|text| Checksum::parse(text).unwrap());
    Artifact::new(number, path.to_owned(), object, checksum, task_ref("default").cluster, Arc::new(Bucket))
}

#[tokio::test]
async fn a_container_finds_its_files_where_their_paths_say_and_may_run_them() {
    let host = Host::new().await;
    let web = shell("web", "cat opt/in/file; cat \"$KECS_ARTIFACT_2\"").with(|spec| {
        spec.artifacts = vec![artifact(1, "abc", "/opt/in/file", Some(ABC)), artifact(2, "def", "/data/other", None)];
        spec.mounts.push(Mount { volume: "scratch".to_owned(), path: "/data".to_owned(), read_only: false });
    });
    let mut spec = spec([web]);
    spec.volumes.push(Volume { name: "scratch".to_owned(), source: VolumeSource::Task });
    host.run_to_end(&spec).await;
    assert_eq!(host.output(&spec.task, "web").await.concat(), "abcdef");
    let folder = host.folder(&spec.task);
    let mode = std::fs::metadata(folder.join("containers/web/opt/in/file")).unwrap().permissions().mode();
    assert_eq!(mode & 0o100, 0o100);
    let kept: Vec<_> = std::fs::read_dir(folder.join("volumes/scratch")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["other"], "it is in the volume, and nothing else is");
}

#[tokio::test]
async fn a_file_that_cannot_be_had_whole_fails_the_task_before_anything_starts() {
    let host = Host::new().await;
    let start = "ResourceInitializationError: failed to download artifacts: s3://bucket";
    for (key, checksum, why) in [
        ("missing", None, "missing: api error NoSuchKey: it is not there"),
        ("broken", None, "broken: connection reset"),
        ("xyz", Some(ABC), "xyz: the checksum of s3://bucket/xyz is sha256:"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let web = container("web").command(["/bin/sh", "-c", "touch started"]).with(|spec| {
            spec.artifacts.push(artifact(1, key, "/kept/file", checksum));
            spec.mounts.push(Mount { volume: "kept".to_owned(), path: "/kept".to_owned(), read_only: false });
        });
        let mut spec = spec([web]);
        let source = VolumeSource::Host { path: path.to_str().unwrap().to_owned() };
        spec.volumes.push(Volume { name: "kept".to_owned(), source });
        let task = host.run_to_end(&spec).await;
        let reason = failed_to_start(&task);
        assert!(reason.starts_with(&format!("{start}/{why}")), "{reason}");
        assert!(!host.folder(&spec.task).join("containers/web/started").try_exists().unwrap());
        assert_eq!(std::fs::read_dir(path).unwrap().count(), 0, "nothing half done stays in a volume");
    }
}
