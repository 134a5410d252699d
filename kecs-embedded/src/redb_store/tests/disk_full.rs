//! A disk that has no space left, and one that fails.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kecs_core::{StateStore, StoreError, Write};
use redb::StorageBackend;
use redb::backends::FileBackend;
use tempfile::TempDir;

use super::super::state_file::{Opened, StateFile};
use super::super::{OpenStoreError, RedbStore, open, schema};
use super::file_in;

/// What a disk refuses.
#[derive(Clone, Debug, Default)]
struct Faults {
    is_full: Arc<AtomicBool>,
    cannot_sync: Arc<AtomicBool>,
}

impl Faults {
    fn has_space(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// A file on such a disk. It is locked by nobody: a store that did not close it before it opens it again is found by what it reads.
#[derive(Debug)]
struct OnDisk {
    file: FileBackend,
    faults: Faults,
}

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.has_space()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.faults.cannot_sync.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is broken"));
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.has_space()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A store with one acknowledged commit. `rest` is how long it leaves a full disk alone.
async fn store(rest: Duration) -> (RedbStore, Faults, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    drop(RedbStore::open(&path).unwrap());
    let faults = Faults::default();
    let open = {
        let (path, faults) = (path.clone(), faults.clone());
        move || on_disk(&path, faults.clone())
    };
    let store = RedbStore::start(StateFile::new(&path, open().unwrap(), open, rest)).unwrap();
    store.commit(vec![Write::put("a", "1")]).await.unwrap();
    (store, faults, folder)
}

fn on_disk(path: &Path, faults: Faults) -> Result<Opened, OpenStoreError> {
    let file = File::options().read(true).write(true).open(path).unwrap();
    open::prepared_on(path, OnDisk { file: FileBackend::new(file).unwrap(), faults }, schema::MIGRATIONS)
}

fn unavailable<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Unavailable { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

async fn keys(store: &RedbStore) -> Vec<String> {
    store.scan("", None, 10).await.unwrap().into_iter().map(|entry| entry.key).collect()
}

#[tokio::test]
async fn a_full_disk_is_never_an_acknowledgement_and_with_space_the_store_goes_on() {
    let (store, faults, folder) = store(Duration::ZERO).await;
    faults.is_full.store(true, Ordering::SeqCst);
    let outcome = store.commit(vec![Write::put("b", vec![0; 1 << 20])]).await;
    assert!(matches!(outcome, Err(StoreError::Unknown { .. } | StoreError::Unavailable { .. })), "{outcome:?}");
    let message = unavailable(store.commit(vec![Write::put("c", "1")]).await);
    let path = file_in(&folder);
    assert_eq!(message, format!("state file {} cannot be written: no space left on the disk; free some space", path.display()));

    faults.is_full.store(false, Ordering::SeqCst);
    store.commit(vec![Write::put("d", "1")]).await.unwrap();
    assert_eq!(keys(&store).await, ["a", "d"], "what was acknowledged, and nothing else");
    drop(store);
    assert_eq!(keys(&RedbStore::open(path).unwrap()).await, ["a", "d"]);
}

#[tokio::test]
async fn a_full_disk_is_left_alone_for_a_while() {
    let (store, faults, _folder) = store(Duration::MAX).await;
    faults.is_full.store(true, Ordering::SeqCst);
    store.commit(vec![Write::put("b", vec![0; 1 << 20])]).await.unwrap_err();
    // It was opened again at once, in vain, which has happened when the next commit is answered. The next time is not yet.
    unavailable(store.commit(vec![Write::put("c", "1")]).await);
    faults.is_full.store(false, Ordering::SeqCst);
    let message = unavailable(store.commit(vec![Write::put("d", "1")]).await);
    assert!(message.ends_with("free some space"), "{message}");
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = file_in(&folder);
    drop(RedbStore::open(&path).unwrap());
    open::open_again(&path, schema::MIGRATIONS).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(open::open_again(&path, schema::MIGRATIONS).is_err());
    assert!(!path.try_exists().unwrap());
}

#[tokio::test]
async fn a_disk_that_fails_while_it_is_looked_for_space_is_not_tried_again() {
    let (store, faults, _folder) = store(Duration::ZERO).await;
    for fault in [&faults.is_full, &faults.cannot_sync] {
        fault.store(true, Ordering::SeqCst);
    }
    store.commit(vec![Write::put("b", vec![0; 1 << 20])]).await.unwrap_err();
    faults.is_full.store(false, Ordering::SeqCst);
    store.commit(vec![Write::put("c", "1")]).await.unwrap_err();
    faults.cannot_sync.store(false, Ordering::SeqCst);
    unavailable(store.commit(vec![Write::put("d", "1")]).await);
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_tried_again() {
    let (store, faults, folder) = store(Duration::ZERO).await;
    faults.cannot_sync.store(true, Ordering::SeqCst);
    let outcome = store.commit(vec![Write::put("b", "1")]).await;
    assert!(matches!(outcome, Err(StoreError::Unknown { .. } | StoreError::Unavailable { .. })), "{outcome:?}");

    // What the system kept of it cannot be known.
    faults.cannot_sync.store(false, Ordering::SeqCst);
    for key in ["c", "d"] {
        let message = unavailable(store.commit(vec![Write::put(key, "1")]).await);
        let path = file_in(&folder);
        assert!(message.contains(&path.display().to_string()) && message.contains("start kecs again"), "{message}");
    }
}
