//! Files that containers are given: downloaded to where the container sees their path, below its own folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use futures::TryStreamExt;
use kecs_core::BackendError;
use kecs_core::task_spec::{Artifact, ContainerSpec};

use super::container::root;
use super::volumes::below;
use crate::process::folder::create_folder;
use crate::process::order::{ContainerOrder, Identity};

/// The files of one container.
#[derive(Debug)]
pub(super) struct Download {
    /// The container's folder in the task's.
    root: PathBuf,
    owner: Option<Identity>,
    artifacts: Vec<Artifact>,
}

/// Why a file could not be had.
enum Failure {
    Source(BackendError),
    File(io::Error),
}

pub(super) fn plan(container: &ContainerSpec, order: &ContainerOrder) -> Option<Download> {
    let artifacts = container.artifacts.clone();
    (!artifacts.is_empty()).then(|| Download { root: root(&container.name), owner: order.program.identity.clone(), artifacts })
}

impl Download {
    /// Downloads the files, one after the other. Blocks where it writes. The text of an error is ECS's `stoppedReason`.
    pub(super) async fn run(&self, folder: &Path) -> Result<(), String> {
        for artifact in &self.artifacts {
            let why = match self.fetch(artifact, folder).await {
                Ok(()) => continue,
                Err(Failure::Source(error)) => error.to_string(),
                Err(Failure::File(error)) => format!("{}: {error}", artifact.path),
            };
            return Err(format!("ResourceInitializationError: failed to download artifacts: {}: {why}", artifact.object));
        }
        Ok(())
    }

    async fn fetch(&self, artifact: &Artifact, folder: &Path) -> Result<(), Failure> {
        let path = below(&folder.join(&self.root), &artifact.path);
        let mut content = artifact.open().await.map_err(Failure::Source)?;
        // What is not whole is never seen under the file's name: the folder may be a volume that others use.
        let part = part_of(&path);
        let mut file = begin(&path, &part).map_err(Failure::File)?;
        let written = async {
            while let Some(bytes) = content.try_next().await.map_err(Failure::Source)? {
                file.write_all(&bytes).map_err(Failure::File)?;
            }
            self.own(&part).and_then(|()| fs::rename(&part, &path)).map_err(Failure::File)
        };
        let written = written.await;
        if written.is_err() {
            // It may be gone with its folder.
            let _ = fs::remove_file(&part);
        }
        written
    }

    fn own(&self, path: &Path) -> io::Result<()> {
        match &self.owner {
            Some(owner) => chown(path, Some(owner.uid), Some(owner.gid)),
            None => Ok(()),
        }
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".kecs-{}", std::process::id()));
    path.with_file_name(name)
}

/// An object in Amazon S3 has no mode; so that programs can be given too, all that is downloaded may be run.
fn begin(path: &Path, part: &Path) -> io::Result<fs::File> {
    if let Some(parent) = path.parent() {
        create_folder(parent, 0o755)?;
    }
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(part)
}
