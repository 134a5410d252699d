//! What was changed while KECS ran, in a file, so that the next run begins with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The changes, by cluster.
#[derive(Debug)]
pub(super) struct Changes {
    file: PathBuf,
    known: Mutex<BTreeMap<String, Change>>,
}

/// What became of one LocalStack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Change {
    /// The services of the settings that were changed; none, if there are no settings and it was made while KECS ran.
    pub(super) configured: Option<Vec<String>>,
    /// What they were changed into.
    pub(super) services: Vec<String>,
}

impl Changes {
    /// Those of a file, which need not be there.
    pub(super) fn read(file: PathBuf) -> io::Result<Self> {
        let known = match std::fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file, known: Mutex::new(known) })
    }

    /// What the services of these settings were changed into. Settings that were edited since mean what they say.
    pub(super) fn of(&self, cluster: &str, configured: &[String]) -> Option<Vec<String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(cluster).filter(|change| change.configured.as_deref() == Some(configured)).map(|change| change.services.clone())
    }

    /// The LocalStacks that were made while KECS ran, with their services.
    pub(super) fn made(&self) -> Vec<(String, Vec<String>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let made = known.iter().filter(|(_, change)| change.configured.is_none());
        made.map(|(cluster, change)| (cluster.clone(), change.services.clone())).collect()
    }

    /// Keeps what changed; `None` forgets it. It is on disk when this returns. Blocks.
    pub(super) fn keep(&self, cluster: &str, change: Option<Change>) -> io::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = known.clone();
        match change {
            Some(change) => new.insert(cluster.to_owned(), change),
            None => new.remove(cluster),
        };
        if new != *known {
            write(&self.file, &serde_json::to_vec_pretty(&new)?)?;
            *known = new;
        }
        Ok(())
    }
}

/// All of it or nothing, also where the power goes.
fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let new = file.with_extension("new");
    let mut writer = File::create(&new)?;
    writer.write_all(text)?;
    writer.sync_all()?;
    std::fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}
