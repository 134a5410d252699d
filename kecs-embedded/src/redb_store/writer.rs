//! The one thread that writes: group commit.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use kecs_core::{Precondition, Revision, StoreError, Write};
use redb::{Database, Durability, ReadableTable};
use tokio::sync::{mpsc, oneshot};

use super::error::Failure;
use super::schema::{META, REVISION, STATE};
use super::state_file::{Mender, StateFile};

/// Commits that may wait; further callers wait for a place.
pub(super) const QUEUED_COMMITS: usize = 1024;

/// How much one transaction takes: bounds the memory that it holds and the time that its first commit waits for the others.
const BATCH_BYTES: usize = 8 << 20;

/// A commit on its way to the disk.
pub(super) struct Commit {
    pub(super) writes: Vec<Write>,
    pub(super) answer: oneshot::Sender<Result<Revision, StoreError>>,
}

pub(super) fn spawn(file: Arc<StateFile>, queue: mpsc::Receiver<Commit>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("kecs-state-writer".to_owned()).spawn(move || run(&file, queue))
}

fn run(file: &StateFile, mut queue: mpsc::Receiver<Commit>) {
    let mut mender = Mender::default();
    while let Some(first) = queue.blocking_recv() {
        let mut bytes = size(&first);
        let mut batch = vec![first];
        // Only what has queued up by itself: waiting for more would slow down a lone committer.
        while bytes < BATCH_BYTES && batch.len() < QUEUED_COMMITS {
            let Ok(next) = queue.try_recv() else { break };
            bytes += size(&next);
            batch.push(next);
        }
        commit_batch(file, &mut mender, batch);
    }
}

fn size(commit: &Commit) -> usize {
    commit.writes.iter().map(|write| write.key.len() + write.value.as_ref().map_or(0, bytes::Bytes::len)).sum()
}

/// Applies a batch in one transaction. A conflict is that commit's own; a failure of the disk is everybody's.
fn commit_batch(file: &StateFile, mender: &mut Mender, batch: Vec<Commit>) {
    let (writes, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|commit| (commit.writes, commit.answer)).unzip();
    let applied = mender.mend(file).and_then(|()| file.with(|database| apply(database, writes)));
    let has_failed = applied.is_err();
    let outcomes = match applied {
        Ok(outcomes) => outcomes,
        Err(failure) => answers.iter().map(|_| Err(failure.to_store_error(file.path()))).collect(),
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever dropped the commit's future does not want to know.
        let _ = answer.send(outcome);
    }
    if has_failed {
        // At once, for those who read. If it fails it is tried again before the next write.
        let _ = mender.mend(file);
    }
}

fn apply(database: &Database, batch: Vec<Vec<Write>>) -> Result<Vec<Result<Revision, StoreError>>, Failure> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // A process that dies between the two syncs of a commit leaves the commit before it, and a damaged page is never taken for an
    // unfinished commit, which would silently lose it.
    transaction.set_two_phase_commit(true);
    let mut outcomes = Vec::with_capacity(batch.len());
    {
        let mut state = transaction.open_table(STATE)?;
        let mut meta = transaction.open_table(META)?;
        let mut revision = meta.get(REVISION)?.map_or(0, |stored| stored.value());
        let before = revision;
        for writes in batch {
            if let Some(key) = first_conflict(&state, &writes)? {
                outcomes.push(Err(StoreError::Conflict { key }));
                continue;
            }
            revision += 1;
            for Write { key, value, precondition: _ } in writes {
                match value {
                    Some(value) => drop(state.insert(key.as_str(), (revision, &*value))?),
                    None => drop(state.remove(key.as_str())?),
                }
            }
            outcomes.push(Ok(Revision(revision)));
        }
        if revision == before {
            // Nothing but conflicts: there is nothing to sync.
            drop((state, meta));
            transaction.abort()?;
            return Ok(outcomes);
        }
        meta.insert(REVISION, revision)?;
    }
    transaction.commit().map_err(Failure::unknown)?;
    Ok(outcomes)
}

/// Preconditions are judged against what the commits before this one left, before any of its own writes.
fn first_conflict(
    state: &impl ReadableTable<&'static str, (u64, &'static [u8])>,
    writes: &[Write],
) -> Result<Option<String>, redb::StorageError> {
    for Write { key, value: _, precondition } in writes {
        let holds = match precondition {
            Precondition::Any => true,
            Precondition::Absent => state.get(key.as_str())?.is_none(),
            Precondition::At(expected) => state.get(key.as_str())?.is_some_and(|stored| stored.value().0 == expected.0),
        };
        if !holds {
            return Ok(Some(key.clone()));
        }
    }
    Ok(None)
}
