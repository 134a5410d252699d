//! A disk that has no space left.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kecs_core::{StateStore, StoreError, Write};
use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::super::{RedbStore, schema};

#[derive(Debug)]
struct Disk {
    memory: InMemoryBackend,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn has_space(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.has_space()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.has_space()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.has_space()?;
        self.memory.write(offset, data)
    }
}

#[tokio::test]
async fn a_full_disk_is_never_an_acknowledgement_and_later_commits_say_what_to_do() {
    let is_full = Arc::new(AtomicBool::new(false));
    let disk = Disk { memory: InMemoryBackend::new(), is_full: Arc::clone(&is_full) };
    let database = Database::builder().create_with_backend(disk).unwrap();
    assert_eq!(schema::prepare(&database, schema::MIGRATIONS).unwrap(), schema::Found::Current);
    let store = RedbStore::start(Path::new("/data/state.redb"), database).unwrap();
    store.commit(vec![Write::put("a", "1")]).await.unwrap();

    is_full.store(true, Ordering::SeqCst);
    let outcome = store.commit(vec![Write::put("b", vec![0; 1 << 20])]).await;
    assert!(matches!(outcome, Err(StoreError::Unknown { .. } | StoreError::Unavailable { .. })), "{outcome:?}");

    // Space alone does not help: what became of the failed write is found out when the file is opened again.
    is_full.store(false, Ordering::SeqCst);
    match store.commit(vec![Write::put("c", "1")]).await {
        Err(StoreError::Unavailable { message, .. }) => {
            assert!(message.contains("/data/state.redb") && message.contains("start kecs again"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}
