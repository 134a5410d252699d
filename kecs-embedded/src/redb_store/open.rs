//! Opening the file, or creating it whole.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend, StorageError};

use super::disk::Disk;
use super::error::OpenStoreError;
use super::holder;
use super::schema::{self, Found, Migration};
use super::state_file::Opened;

/// redb's page cache. It grows with what is used; the default of 1 GiB is for databases that are the whole program.
const CACHE_BYTES: usize = 64 << 20;

pub(super) fn open(path: &Path, migrations: &[Migration]) -> Result<Opened, OpenStoreError> {
    loop {
        match File::options().read(true).write(true).open(path) {
            Ok(file) => return open_existing(path, file, migrations),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(OpenStoreError::io(path, "open", error)),
        }
        create(path, migrations)?;
    }
}

/// Opens a file that was open before. A file that is gone is not made anew: what was acknowledged was in it.
pub(super) fn open_again(path: &Path, migrations: &[Migration]) -> Result<Opened, OpenStoreError> {
    let file = File::options().read(true).write(true).open(path).map_err(|error| OpenStoreError::io(path, "open", error))?;
    open_existing(path, file, migrations)
}

fn open_existing(path: &Path, file: File, migrations: &[Migration]) -> Result<Opened, OpenStoreError> {
    let metadata = file.metadata().map_err(|error| OpenStoreError::io(path, "open", error))?;
    if !metadata.is_file() {
        return Err(OpenStoreError::Foreign { path: path.to_owned() });
    }
    if metadata.len() == 0 {
        // We create files whole, so an empty one was truncated, or is somebody else's.
        let source = "the file is empty".into();
        return Err(OpenStoreError::Damaged { path: path.to_owned(), source });
    }
    let opened = prepared(path, file, migrations)?;
    // Only now is it known to be ours. State holds what users put into environments.
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o700))
            .map_err(|error| OpenStoreError::io(path, "protect", error))?;
    }
    Ok(opened)
}

fn prepared(path: &Path, file: File, migrations: &[Migration]) -> Result<Opened, OpenStoreError> {
    let file = FileBackend::new(file).map_err(|error| database_error(path, error))?;
    prepared_on(path, file, migrations)
}

/// Locks, checks and prepares a state file, whatever it is on.
pub(super) fn prepared_on(path: &Path, file: impl StorageBackend, migrations: &[Migration]) -> Result<Opened, OpenStoreError> {
    let disk = Disk::new(file);
    let health = disk.health();
    let database = check(path, disk)?;
    match guarded(path, || schema::prepare(&database, migrations))? {
        Ok(Found::Current) => Ok(Opened { database, health }),
        Ok(Found::Foreign) => Err(OpenStoreError::Foreign { path: path.to_owned() }),
        Ok(Found::Newer { file, known }) => Err(OpenStoreError::Newer { path: path.to_owned(), file, known }),
        Err(redb::Error::Io(error)) => Err(OpenStoreError::io(path, "write", error)),
        Err(error) => Err(OpenStoreError::Migration { path: path.to_owned(), source: Box::new(error) }),
    }
}

/// Locks the file, finishes or takes back what a crash interrupted, and verifies every page.
fn check(path: &Path, disk: Disk<impl StorageBackend>) -> Result<Database, OpenStoreError> {
    let opened = guarded(path, || {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        builder.create_with_backend(disk)
    })?;
    opened.map_err(|error| database_error(path, error))
}

/// redb may panic on a file that was altered behind its back; that is a damaged file too.
fn guarded<T>(path: &Path, open: impl FnOnce() -> T) -> Result<T, OpenStoreError> {
    catch_unwind(AssertUnwindSafe(open)).map_err(|panic| {
        let text = panic.downcast::<String>().map_or_else(|_| "unreadable structure".to_owned(), |text| *text);
        OpenStoreError::Damaged { path: path.to_owned(), source: text.into() }
    })
}

fn database_error(path: &Path, error: DatabaseError) -> OpenStoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenStoreError::in_use(path, holder::of(path)),
        // This is how redb says that a file is not one of its own.
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenStoreError::Foreign { path: path.to_owned() }
        }
        // A file that ends too early.
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            OpenStoreError::Damaged { path: path.to_owned(), source: Box::new(error) }
        }
        DatabaseError::Storage(StorageError::Io(error)) => OpenStoreError::io(path, "open", error),
        error => OpenStoreError::Damaged { path: path.to_owned(), source: Box::new(error) },
    }
}

/// Creates the file under another name and links it in place when it is whole, so that a crash never leaves half a state file, and two
/// processes that start at once never make two.
fn create(path: &Path, migrations: &[Migration]) -> Result<(), OpenStoreError> {
    let failed = |error| OpenStoreError::io(path, "create", error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let (draft, file) = create_draft(path).map_err(failed)?;
    let linked = prepared(path, file, migrations).map(drop).and_then(|()| {
        match fs::hard_link(&draft, path) {
            // Another process was first; ours is not needed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked.map_err(failed),
        }
    });
    let removed = fs::remove_file(&draft).map_err(failed);
    linked?;
    removed?;
    // The folder's own entry has to be durable before the first acknowledged commit.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn create_draft(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0_u32;
    loop {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".new-{}-{number}", std::process::id()));
        let draft = PathBuf::from(draft);
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&draft) {
            Ok(file) => return Ok((draft, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}
