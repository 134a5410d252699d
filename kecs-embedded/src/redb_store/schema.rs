//! What is in the file, and how a file of an earlier version becomes one of this version.
//!
//! | version | change |
//! |--:|---|
//! | 1 | the first: `kecs.meta` with `schema` and `revision`, `kecs.state` with every key |

use redb::{Database, ReadableTable, TableDefinition, TableHandle, WriteTransaction};

/// Every key: the revision that wrote it last, and its value.
pub(super) const STATE: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("kecs.state");

/// Facts about the file itself.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("kecs.meta");

/// In [`META`]: the last revision that was given, also when nothing of it is left.
pub(super) const REVISION: &str = "revision";

/// In [`META`]: the version of the schema.
pub(super) const SCHEMA: &str = "schema";

/// Turns a file of one version into one of the next.
pub(super) type Migration = fn(&WriteTransaction) -> Result<(), redb::Error>;

/// The migrations in order: the first one leads from version 1 to version 2. The current version is one more than there are.
pub(super) const MIGRATIONS: &[Migration] = &[];

/// What was found in a file that redb can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Ours, and of the current version by now.
    Current,
    /// Another program's.
    Foreign,
    /// Written by a later version of KECS.
    Newer { file: u64, known: u64 },
}

/// Creates what a new file needs, or migrates an old one: all in one transaction, so that a crash or an error leaves the file as it was.
pub(super) fn prepare(database: &Database, migrations: &[Migration]) -> Result<Found, redb::Error> {
    let known = 1 + migrations.len() as u64;
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    let tables: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    if tables.is_empty() {
        // redb's own initialization ended, ours did not: nothing has ever been stored.
        transaction.open_table(STATE)?;
        transaction.open_table(META)?.insert(SCHEMA, known)?;
        transaction.commit()?;
        return Ok(Found::Current);
    }
    if !tables.iter().any(|table| table == META.name()) {
        transaction.abort()?;
        return Ok(Found::Foreign);
    }
    let version = transaction.open_table(META)?.get(SCHEMA)?.map(|stored| stored.value());
    let Some(version @ 1..) = version else {
        transaction.abort()?;
        return Ok(Found::Foreign);
    };
    if version >= known {
        transaction.abort()?;
        return Ok(if version == known { Found::Current } else { Found::Newer { file: version, known } });
    }
    for (step, migration) in (1..).zip(migrations) {
        if step >= version {
            tracing::info!(from = step, to = step + 1, "migrating the state file");
            migration(&transaction)?;
        }
    }
    transaction.open_table(META)?.insert(SCHEMA, known)?;
    transaction.commit()?;
    Ok(Found::Current)
}
