//! The rules of [`StateStore`], one function each.
//!
//! Write a [`Harness`] for your store and let [`state_store_conformance!`](crate::state_store_conformance) emit one test per rule:
//!
//! ```
//! use kecs_core::{MemoryStore, testing::state_store::Harness};
//!
//! struct InMemory(MemoryStore);
//!
//! impl Harness for InMemory {
//!     type Store = MemoryStore;
//!     async fn start() -> Self {
//!         Self(MemoryStore::new())
//!     }
//!     fn store(&self) -> &MemoryStore {
//!         &self.0
//!     }
//! }
//!
//! kecs_core::state_store_conformance!(InMemory);
//! ```
//!
//! A store that keeps state beyond the process also implements [`DurableHarness`] and says `state_store_conformance!(MyStore, durable)`.

use std::future::Future;

use bytes::Bytes;
use futures::future::join_all;

use crate::{Precondition, Revision, StateStore, StoreError, Write};

/// Gives each test a store of its own, empty.
pub trait Harness: Sized + Send + Sync {
    /// The store under test.
    type Store: StateStore;

    /// An empty store that nothing else uses.
    fn start() -> impl Future<Output = Self> + Send;

    /// The store.
    fn store(&self) -> &Self::Store;
}

/// A harness whose store can be closed and opened again.
pub trait DurableHarness: Harness {
    /// Closes the store and opens what it kept.
    fn reopen(self) -> impl Future<Output = Self> + Send;
}

/// Emits one `#[tokio::test]` for each rule that a [`StateStore`](crate::StateStore) must keep.
///
/// Takes a type that implements [`Harness`](crate::testing::state_store::Harness); with `durable` after it, one that implements
/// [`DurableHarness`](crate::testing::state_store::DurableHarness). The crate that uses it needs `tokio` with `macros` and `rt`.
#[macro_export]
macro_rules! state_store_conformance {
    ($harness:ty) => {
        $crate::state_store_conformance! { @cases $harness;
            a_key_that_was_never_written_is_absent
            a_committed_value_is_read_back
            an_empty_value_is_not_an_absent_one
            a_large_value_is_kept_whole
            a_key_may_be_long_and_in_any_script
            a_second_write_replaces_the_value_and_its_revision
            a_delete_removes_the_key
            a_delete_of_nothing_is_fine
            each_commit_gets_a_greater_revision
            all_writes_of_a_commit_share_its_revision
            absent_holds_until_the_key_is_written_and_after_it_is_deleted
            at_holds_only_for_the_revision_that_wrote_last
            at_does_not_hold_for_an_absent_key
            a_conflict_names_the_key_and_writes_nothing
            a_conflict_leaves_the_commits_around_it_alone
            a_scan_returns_the_prefix_in_order
            a_scan_may_page_through
            a_scan_continues_after_a_key_that_is_gone
            a_scan_ignores_an_after_that_lies_before_the_prefix
            a_scan_limited_to_nothing_returns_nothing
            overlapping_commits_apply_as_a_whole
            overlapping_increments_lose_nothing
            a_dropped_commit_took_effect_as_a_whole_or_not_at_all
        }
    };
    ($harness:ty, durable) => {
        $crate::state_store_conformance!($harness);
        $crate::state_store_conformance! { @cases $harness;
            what_was_committed_is_there_after_a_reopen
            revisions_go_on_after_a_reopen
            a_reopened_store_keeps_preconditions
        }
    };
    (@cases $harness:ty; $($case:ident)+) => {
        $(
            #[::tokio::test]
            async fn $case() {
                let harness = <$harness as $crate::testing::state_store::Harness>::start().await;
                $crate::testing::state_store::$case(harness).await;
            }
        )+
    };
}

async fn commit(store: &impl StateStore, writes: Vec<Write>) -> Revision {
    store.commit(writes).await.expect("the commit is free of conflicts")
}

async fn value(store: &impl StateStore, key: &str) -> Option<Bytes> {
    store.get(key).await.expect("the store can be read").map(|versioned| versioned.value)
}

async fn keys(store: &impl StateStore, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let entries = store.scan(prefix, after.map(str::to_owned), limit).await.expect("the store can be read");
    entries.into_iter().map(|entry| entry.key).collect()
}

fn assert_conflict(outcome: Result<Revision, StoreError>, expected: &str) {
    match outcome {
        Err(StoreError::Conflict { key }) => assert_eq!(key, expected, "the conflict names the key"),
        other => panic!("expected a conflict on {expected}, got {other:?}"),
    }
}

/// `get` answers `None` for a key without a value.
pub async fn a_key_that_was_never_written_is_absent<H: Harness>(harness: H) {
    assert_eq!(harness.store().get("cluster/default").await.expect("the store can be read"), None);
}

/// Reads see every commit that returned before they began.
pub async fn a_committed_value_is_read_back<H: Harness>(harness: H) {
    let revision = commit(harness.store(), vec![Write::put("cluster/default", "ACTIVE")]).await;
    let read = harness.store().get("cluster/default").await.expect("the store can be read").expect("it was written");
    assert_eq!(read.value, "ACTIVE");
    assert_eq!(read.revision, revision);
}

/// A value of no bytes exists.
pub async fn an_empty_value_is_not_an_absent_one<H: Harness>(harness: H) {
    commit(harness.store(), vec![Write::put("cluster/default", "")]).await;
    assert_eq!(value(harness.store(), "cluster/default").await, Some(Bytes::new()));
}

/// Values are kept byte for byte, whatever their size: here 1 MiB of every byte.
pub async fn a_large_value_is_kept_whole<H: Harness>(harness: H) {
    let large: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    commit(harness.store(), vec![Write::put("large", large.clone())]).await;
    assert_eq!(value(harness.store(), "large").await.as_deref(), Some(large.as_slice()));
}

/// Keys are UTF-8 of at most 2 KiB.
pub async fn a_key_may_be_long_and_in_any_script<H: Harness>(harness: H) {
    let key = "й".repeat(1024);
    commit(harness.store(), vec![Write::put(key.as_str(), "1")]).await;
    assert_eq!(value(harness.store(), &key).await, Some(Bytes::from_static(b"1")));
    assert_eq!(keys(harness.store(), "й", None, 10).await, [key]);
}

/// A key carries the revision of the commit that wrote it last.
pub async fn a_second_write_replaces_the_value_and_its_revision<H: Harness>(harness: H) {
    commit(harness.store(), vec![Write::put("service/web", "1")]).await;
    let second = commit(harness.store(), vec![Write::put("service/web", "2")]).await;
    let read = harness.store().get("service/web").await.expect("the store can be read").expect("it was written");
    assert_eq!((read.value, read.revision), (Bytes::from_static(b"2"), second));
}

/// A write without a value removes the key.
pub async fn a_delete_removes_the_key<H: Harness>(harness: H) {
    commit(harness.store(), vec![Write::put("service/web", "1")]).await;
    commit(harness.store(), vec![Write::delete("service/web")]).await;
    assert_eq!(value(harness.store(), "service/web").await, None);
    assert_eq!(keys(harness.store(), "service/", None, 10).await, Vec::<String>::new());
}

/// Removing a key that does not exist is no error.
pub async fn a_delete_of_nothing_is_fine<H: Harness>(harness: H) {
    commit(harness.store(), vec![Write::delete("service/web")]).await;
    assert_eq!(value(harness.store(), "service/web").await, None);
}

/// A commit that is sent after another returned comes after it.
pub async fn each_commit_gets_a_greater_revision<H: Harness>(harness: H) {
    let mut last = commit(harness.store(), vec![Write::put("a", "")]).await;
    for write in [Write::put("b", ""), Write::put("a", ""), Write::delete("a"), Write::delete("nothing")] {
        let revision = commit(harness.store(), vec![write]).await;
        assert!(revision > last, "{revision:?} comes after {last:?}");
        last = revision;
    }
}

/// One commit, one revision.
pub async fn all_writes_of_a_commit_share_its_revision<H: Harness>(harness: H) {
    let revision = commit(harness.store(), vec![Write::put("a", "1"), Write::put("b", "2")]).await;
    for entry in harness.store().scan("", None, 10).await.expect("the store can be read") {
        assert_eq!(entry.value.revision, revision, "{}", entry.key);
    }
}

/// `Absent`: the key does not exist.
pub async fn absent_holds_until_the_key_is_written_and_after_it_is_deleted<H: Harness>(harness: H) {
    let store = harness.store();
    commit(store, vec![Write::put("service/web", "1").when(Precondition::Absent)]).await;
    assert_conflict(store.commit(vec![Write::put("service/web", "2").when(Precondition::Absent)]).await, "service/web");
    commit(store, vec![Write::delete("service/web")]).await;
    commit(store, vec![Write::put("service/web", "3").when(Precondition::Absent)]).await;
    assert_eq!(value(store, "service/web").await, Some(Bytes::from_static(b"3")));
}

/// `At`: the key was last written by this revision.
pub async fn at_holds_only_for_the_revision_that_wrote_last<H: Harness>(harness: H) {
    let store = harness.store();
    let first = commit(store, vec![Write::put("service/web", "1")]).await;
    let other = commit(store, vec![Write::put("service/api", "1")]).await;
    let second = commit(store, vec![Write::put("service/web", "2").when(Precondition::At(first))]).await;
    assert_conflict(store.commit(vec![Write::put("service/web", "3").when(Precondition::At(first))]).await, "service/web");
    assert_conflict(store.commit(vec![Write::delete("service/web").when(Precondition::At(other))]).await, "service/web");
    commit(store, vec![Write::delete("service/web").when(Precondition::At(second))]).await;
    assert_eq!(value(store, "service/web").await, None);
}

/// No revision wrote a key that does not exist.
pub async fn at_does_not_hold_for_an_absent_key<H: Harness>(harness: H) {
    let store = harness.store();
    let revision = commit(store, vec![Write::put("a", "1")]).await;
    commit(store, vec![Write::delete("a")]).await;
    for revision in [revision, Revision(0)] {
        assert_conflict(store.commit(vec![Write::put("a", "2").when(Precondition::At(revision))]).await, "a");
    }
}

/// A commit applies all of its writes or none, and says whose precondition failed first.
pub async fn a_conflict_names_the_key_and_writes_nothing<H: Harness>(harness: H) {
    let store = harness.store();
    commit(store, vec![Write::put("taken", "1"), Write::put("kept", "1")]).await;
    let outcome = store.commit(vec![
        Write::put("new", "2"),
        Write::delete("kept"),
        Write::put("taken", "2").when(Precondition::Absent),
        Write::put("also-absent", "2").when(Precondition::At(Revision(1))),
    ]);
    assert_conflict(outcome.await, "taken");
    assert_eq!(keys(store, "", None, 10).await, ["kept", "taken"]);
    assert_eq!(value(store, "taken").await, Some(Bytes::from_static(b"1")));
}

/// A commit fails by itself, even where the store applies several at once.
pub async fn a_conflict_leaves_the_commits_around_it_alone<H: Harness>(harness: H) {
    let store = harness.store();
    commit(store, vec![Write::put("taken", "")]).await;
    let outcomes = join_all((0..64).map(|n| {
        let write =
            if n % 2 == 0 { Write::put(format!("task/{n:02}"), "") } else { Write::put("taken", "").when(Precondition::Absent) };
        store.commit(vec![write])
    }))
    .await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        if n % 2 == 0 {
            outcome.expect("this one has no precondition");
        } else {
            assert_conflict(outcome, "taken");
        }
    }
    assert_eq!(keys(store, "task/", None, 100).await.len(), 32);
}

/// `scan` returns the keys that begin with the prefix, in byte order, with their values.
pub async fn a_scan_returns_the_prefix_in_order<H: Harness>(harness: H) {
    let store = harness.store();
    let unordered = ["task/b", "task/a", "task", "task0", "task/a/x", "tasks/a", "tas", "task/é", "task/~"];
    let revision = commit(store, unordered.into_iter().map(|key| Write::put(key, key)).collect()).await;
    assert_eq!(keys(store, "task/", None, 100).await, ["task/a", "task/a/x", "task/b", "task/~", "task/é"]);
    assert_eq!(keys(store, "", None, 100).await.len(), unordered.len());
    assert_eq!(keys(store, "task/c", None, 100).await, Vec::<String>::new());
    for entry in store.scan("task/", None, 100).await.expect("the store can be read") {
        assert_eq!(entry.value.value, entry.key.as_bytes());
        assert_eq!(entry.value.revision, revision);
    }
}

/// `after` is exclusive, and a page is shorter than the limit only at the end.
pub async fn a_scan_may_page_through<H: Harness>(harness: H) {
    let store = harness.store();
    let all: Vec<_> = (0..10).map(|n| format!("task/{n}")).collect();
    commit(store, all.iter().map(|key| Write::put(key.as_str(), "")).chain([Write::put("tasks", "")]).collect()).await;
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = keys(store, "task/", after.as_deref(), 4).await;
        let last_page = page.len() < 4;
        after = page.last().cloned();
        seen.extend(page);
        if last_page {
            break;
        }
    }
    assert_eq!(seen, all);
}

/// `after` need not exist.
pub async fn a_scan_continues_after_a_key_that_is_gone<H: Harness>(harness: H) {
    let store = harness.store();
    commit(store, ["task/1", "task/2", "task/3"].into_iter().map(|key| Write::put(key, "")).collect()).await;
    commit(store, vec![Write::delete("task/2")]).await;
    assert_eq!(keys(store, "task/", Some("task/2"), 10).await, ["task/3"]);
    assert_eq!(keys(store, "task/", Some("task/3"), 10).await, Vec::<String>::new());
    assert_eq!(keys(store, "task/", Some("zzz"), 10).await, Vec::<String>::new());
}

/// The prefix bounds the scan from below too.
pub async fn a_scan_ignores_an_after_that_lies_before_the_prefix<H: Harness>(harness: H) {
    let store = harness.store();
    commit(store, ["service/1", "task/1"].into_iter().map(|key| Write::put(key, "")).collect()).await;
    assert_eq!(keys(store, "task/", Some("a"), 10).await, ["task/1"]);
    assert_eq!(keys(store, "task/", Some(""), 10).await, ["task/1"]);
}

/// At most `limit` keys, and none where the limit is none.
pub async fn a_scan_limited_to_nothing_returns_nothing<H: Harness>(harness: H) {
    commit(harness.store(), vec![Write::put("task/1", "")]).await;
    assert_eq!(keys(harness.store(), "task/", None, 0).await, Vec::<String>::new());
}

/// Commits that overlap in time are applied in some order, each as a whole.
pub async fn overlapping_commits_apply_as_a_whole<H: Harness>(harness: H) {
    let store = harness.store();
    let outcomes = join_all((0..50).map(|n| {
        let value = n.to_string();
        store.commit(vec![Write::put("left", value.clone()), Write::put("right", value)])
    }))
    .await;
    let mut revisions: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no preconditions")).collect();
    revisions.sort();
    revisions.dedup();
    assert_eq!(revisions.len(), 50, "each commit has a revision of its own");
    let (left, right) =
        (store.get("left").await.expect("the store can be read"), store.get("right").await.expect("the store can be read"));
    assert_eq!(left, right);
    assert_eq!(left.expect("it was written").revision, revisions[49], "the last one in order is what is read");
}

/// Read, then commit under `At`, then repeat on conflict: no increment is lost.
pub async fn overlapping_increments_lose_nothing<H: Harness>(harness: H) {
    let store = harness.store();
    join_all((0..8).map(|_| async {
        for _ in 0..5 {
            loop {
                let read = store.get("counter").await.expect("the store can be read");
                let (count, precondition) = match read {
                    None => (0, Precondition::Absent),
                    Some(read) => {
                        let text = std::str::from_utf8(&read.value).expect("a number was written");
                        (text.parse::<u32>().expect("a number was written"), Precondition::At(read.revision))
                    }
                };
                match store.commit(vec![Write::put("counter", (count + 1).to_string()).when(precondition)]).await {
                    Ok(_) => break,
                    Err(StoreError::Conflict { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    }))
    .await;
    assert_eq!(value(store, "counter").await, Some(Bytes::from_static(b"40")));
}

/// Dropping a commit's future does not undo half of it.
pub async fn a_dropped_commit_took_effect_as_a_whole_or_not_at_all<H: Harness>(harness: H) {
    let store = harness.store();
    for n in 0..20 {
        let value = n.to_string();
        let mut dropped = store.commit(vec![Write::put("left", value.clone()), Write::put("right", value)]);
        let _ = futures::poll!(&mut dropped);
        drop(dropped);
        // Whatever became of it is settled for a commit that is sent later.
        commit(store, vec![Write::put("after", "")]).await;
        assert_eq!(value_and_revision(store, "left").await, value_and_revision(store, "right").await);
    }
}

async fn value_and_revision(store: &impl StateStore, key: &str) -> Option<(Bytes, Revision)> {
    store.get(key).await.expect("the store can be read").map(|read| (read.value, read.revision))
}

/// Durable means: there after the store is closed and opened again, with its revision.
pub async fn what_was_committed_is_there_after_a_reopen<H: DurableHarness>(harness: H) {
    commit(harness.store(), vec![Write::put("a", "1"), Write::put("b", "1")]).await;
    commit(harness.store(), vec![Write::put("b", "2"), Write::delete("a"), Write::put("c", "2")]).await;
    let before = harness.store().scan("", None, 10).await.expect("the store can be read");
    let harness = harness.reopen().await;
    assert_eq!(harness.store().scan("", None, 10).await.expect("the store can be read"), before);
}

/// A revision is never given twice, even when the commit that had it left nothing behind.
pub async fn revisions_go_on_after_a_reopen<H: DurableHarness>(harness: H) {
    commit(harness.store(), vec![Write::put("a", "1")]).await;
    let last = commit(harness.store(), vec![Write::delete("a")]).await;
    let harness = harness.reopen().await;
    assert!(commit(harness.store(), vec![Write::put("a", "2")]).await > last);
}

/// Preconditions are judged against what was kept.
pub async fn a_reopened_store_keeps_preconditions<H: DurableHarness>(harness: H) {
    let revision = commit(harness.store(), vec![Write::put("a", "1")]).await;
    let harness = harness.reopen().await;
    assert_conflict(harness.store().commit(vec![Write::put("a", "2").when(Precondition::Absent)]).await, "a");
    commit(harness.store(), vec![Write::put("a", "2").when(Precondition::At(revision))]).await;
}
