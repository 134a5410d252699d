mod disk_full;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kecs_core::testing::state_store::{DurableHarness, Harness};
use kecs_core::{StateStore, Write};
use redb::{ReadableTable, TableDefinition};
use tempfile::TempDir;

use super::schema::{META, Migration, SCHEMA, STATE};
use super::{OpenStoreError, RedbStore, open, schema};

struct InAFile {
    store: RedbStore,
    folder: TempDir,
}

impl Harness for InAFile {
    type Store = RedbStore;

    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { store: RedbStore::open(file_in(&folder)).unwrap(), folder }
    }

    fn store(&self) -> &RedbStore {
        &self.store
    }
}

impl DurableHarness for InAFile {
    async fn reopen(self) -> Self {
        let Self { store, folder } = self;
        drop(store);
        Self { store: RedbStore::open(file_in(&folder)).unwrap(), folder }
    }
}

kecs_core::state_store_conformance!(InAFile, durable);

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("state.redb")
}

fn refused(path: &Path) -> OpenStoreError {
    RedbStore::open(path).expect_err("this file is refused")
}

/// A file with `service/0` to `service/199`, closed; and what a scan of it returns.
async fn written(path: &Path) -> Vec<kecs_core::Entry> {
    let store = RedbStore::open(path).unwrap();
    for n in 0..200 {
        store.commit(vec![Write::put(format!("service/{n:03}"), vec![u8::try_from(n).unwrap(); 100])]).await.unwrap();
    }
    store.scan("", None, 1000).await.unwrap()
}

#[tokio::test]
async fn a_second_opener_is_told_which_file_is_in_use_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let first = RedbStore::open(&path).unwrap();
    let refusal = refused(&path);
    assert!(matches!(refusal, OpenStoreError::InUse { .. }), "{refusal:?}");
    let text = refusal.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("stop it first") && !text.contains('\n'), "{text}");
    first.commit(vec![Write::put("a", "the first one goes on")]).await.unwrap();
    drop(first);
    RedbStore::open(&path).expect("the lock goes with the store");
}

#[test]
fn the_file_is_its_owners_alone_and_so_is_the_folder_that_was_made_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kecs").join("data").join("state.redb");
    drop(RedbStore::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let beside: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside, ["state.redb"], "state is in one file");
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    drop(RedbStore::open(&path).unwrap());
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    drop(RedbStore::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file").join("state.redb");
    fs::write(folder.path().join("file"), "in the way").unwrap();
    let refusal = refused(&path);
    assert!(matches!(refusal, OpenStoreError::Io { .. }), "{refusal:?}");
    let text = refusal.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains("start with another data folder"), "{text}");
}

#[test]
fn a_file_of_another_program_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let theirs = "# a configuration file\n".repeat(1000);
    fs::write(&path, &theirs).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let refusal = refused(&path);
    assert!(matches!(refusal, OpenStoreError::Foreign { .. }), "{refusal:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn a_redb_file_of_another_program_is_refused_and_its_tables_are_kept() {
    const THEIRS: TableDefinition<&str, u64> = TableDefinition::new("theirs");
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(THEIRS).unwrap().insert("answer", 42).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(refused(&path), OpenStoreError::Foreign { .. }));
    let database = redb::Database::open(&path).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
    assert_eq!(transaction.open_table(THEIRS).unwrap().get("answer").unwrap().unwrap().value(), 42);
    assert_eq!(transaction.list_tables().unwrap().count(), 1);
}

#[test]
fn an_empty_file_is_refused_because_ours_are_never_empty() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    fs::write(&path, "").unwrap();
    assert!(matches!(refused(&path), OpenStoreError::Damaged { .. }));
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[tokio::test]
async fn a_truncated_file_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    written(&path).await;
    let whole = fs::read(&path).unwrap();
    for length in [1, 8, 9, 100, 320, 4096, 10_000, whole.len() / 2, whole.len() - 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        let refusal = refused(&path);
        assert!(matches!(refusal, OpenStoreError::Damaged { .. } | OpenStoreError::Foreign { .. }), "{length}: {refusal:?}");
        assert!(refusal.to_string().contains("left as it is"), "{refusal}");
        assert_eq!(fs::metadata(&path).unwrap().len(), length as u64);
    }
}

/// Wherever a byte is flipped, the file is refused, or everything that was acknowledged is there.
async fn flip_bytes(whole: &[u8], before: &[kecs_core::Entry], except: Option<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    // Every byte of the header, then one in each 2036 (509 is prime, so that all offsets within pages come up).
    let offsets = (0..320).chain((320..whole.len()).step_by(509 * 4));
    let mut refusals = 0;
    for offset in offsets.filter(|offset| Some(*offset) != except) {
        let mut damaged = whole.to_vec();
        damaged[offset] ^= 0x41;
        fs::write(&path, damaged).unwrap();
        match RedbStore::open(&path) {
            Err(OpenStoreError::Damaged { .. } | OpenStoreError::Foreign { .. }) => refusals += 1,
            Err(other) => panic!("offset {offset}: {other:?}"),
            Ok(store) => assert_eq!(store.scan("", None, 1000).await.unwrap(), before, "offset {offset}"),
        }
    }
    assert!(refusals > 0, "the damage was noticed at least somewhere");
}

#[tokio::test]
async fn a_byte_flipped_in_a_closed_file_never_loses_state_silently() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let before = written(&path).await;
    flip_bytes(&fs::read(&path).unwrap(), &before, None).await;
}

#[tokio::test]
async fn a_byte_flipped_in_what_a_crash_left_never_loses_state_silently() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    written(&path).await;
    let store = RedbStore::open(&path).unwrap();
    store.commit(vec![Write::put("service/000", "the last commit before the crash")]).await.unwrap();
    let before = store.scan("", None, 1000).await.unwrap();
    // What is on disk now is what a killed process would leave: the store was not closed.
    // Byte 9 says which of the last two commits was acknowledged. Flipped after a crash, it looks like a crash one commit earlier; no
    // checksum can tell the two apart, because that byte is what a commit writes last.
    flip_bytes(&fs::read(&path).unwrap(), &before, Some(9)).await;
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let known = 1 + schema::MIGRATIONS.len() as u64;
    drop(RedbStore::open(&path).unwrap());
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(SCHEMA, known + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    match refused(&path) {
        OpenStoreError::Newer { file, known: newest, .. } => assert_eq!((file, newest), (known + 1, known)),
        other => panic!("{other:?}"),
    }
}

fn append(transaction: &redb::WriteTransaction, suffix: &[u8]) -> Result<(), redb::Error> {
    let mut state = transaction.open_table(STATE)?;
    let (revision, value) = {
        let stored = state.get("a")?.expect("the test wrote it");
        (stored.value().0, [stored.value().1, suffix].concat())
    };
    state.insert("a", (revision, value.as_slice()))?;
    Ok(())
}

#[tokio::test]
async fn migrations_run_once_each_in_order_and_only_where_they_are_needed() {
    const MIGRATIONS: &[Migration] = &[|transaction| append(transaction, b"2"), |transaction| append(transaction, b"3")];
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let first = RedbStore::open_with(&path, &[]).unwrap();
    first.commit(vec![Write::put("a", "1")]).await.unwrap();
    drop(first);
    for (migrations, expected) in [(&MIGRATIONS[..1], "12"), (MIGRATIONS, "123"), (MIGRATIONS, "123")] {
        let migrated = RedbStore::open_with(&path, migrations).unwrap();
        assert_eq!(migrated.get("a").await.unwrap().unwrap().value, expected);
    }
    assert!(matches!(open::open(&path, &MIGRATIONS[..1]), Err(OpenStoreError::Newer { file: 3, known: 2, .. })));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_file_to_the_version_that_wrote_it() {
    const FAILING: &[Migration] =
        &[|transaction| append(transaction, b"2"), |_| Err(redb::Error::Corrupted("the second step failed".to_owned()))];
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let first = RedbStore::open_with(&path, &[]).unwrap();
    first.commit(vec![Write::put("a", "1")]).await.unwrap();
    drop(first);
    assert!(matches!(open::open(&path, FAILING), Err(OpenStoreError::Migration { .. })));
    let again = RedbStore::open_with(&path, &[]).unwrap();
    assert_eq!(again.get("a").await.unwrap().unwrap().value, "1");
}

#[test]
fn two_that_start_at_once_make_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file_in(&folder);
    let outcomes = std::thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| RedbStore::open(&path))).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for refusal in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(refusal, OpenStoreError::InUse { .. }), "{refusal:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
