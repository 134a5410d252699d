//! All task definitions of a scope, and the indexes by which they are found and listed.
//!
//! No request walks all of them: each status has its revisions in the order of their listing, kept in step by [`TaskDefinitions::put`].

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::sync::Arc;

use kecs_model::ecs::TaskDefinitionStatus;

use super::records::{FamilyRecord, TaskDefinitionRecord, revision_key};
use super::table::Table;
use super::tx::Tx;
use crate::Scope;
use crate::arn::Arn;

/// A revision's place in listings: by family, then by number.
pub(crate) type RevisionKey = (Arc<str>, i32);

/// All task definitions of a scope.
#[derive(Debug, Default)]
pub(crate) struct TaskDefinitions {
    revisions: Table<TaskDefinitionRecord>,
    /// Every family that ever was.
    pub(super) families: Table<FamilyRecord>,
    by_status: HashMap<TaskDefinitionStatus, BTreeSet<RevisionKey>>,
    /// How many revisions a family has that are not removed, and how many of them are ACTIVE.
    counts: BTreeMap<Arc<str>, FamilyCounts>,
    /// The families that have an ACTIVE revision, and those that have none.
    with_active: BTreeSet<Arc<str>>,
    without_active: BTreeSet<Arc<str>>,
    /// How many ACTIVE revisions name a role, by its ARN.
    roles: HashMap<String, usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct FamilyCounts {
    all: usize,
    active: usize,
}

impl TaskDefinitions {
    /// Takes the family's next number; it is never given again.
    pub(crate) fn next_revision(&mut self, tx: &mut Tx, family: &str) -> i32 {
        let last_revision = self.families.get(family).map_or(0, |family| family.last_revision) + 1;
        self.families.put(tx, FamilyRecord { family: family.to_owned(), last_revision });
        last_revision
    }

    /// Inserts or replaces a revision.
    pub(crate) fn put(&mut self, tx: &mut Tx, record: TaskDefinitionRecord) -> Arc<TaskDefinitionRecord> {
        self.unindex(&record.family, record.revision);
        let record = self.revisions.put(tx, record);
        self.index(&record);
        record
    }

    /// Removes a revision for good.
    pub(crate) fn remove(&mut self, tx: &mut Tx, family: &str, revision: i32) {
        self.unindex(family, revision);
        self.revisions.remove(tx, &revision_key(family, revision));
    }

    pub(super) fn load(&mut self, record: TaskDefinitionRecord) {
        let record = self.revisions.load(record);
        self.index(&record);
    }

    fn index(&mut self, record: &TaskDefinitionRecord) {
        let family: Arc<str> = record.family.as_str().into();
        let status = record.definition.status.clone().unwrap_or(TaskDefinitionStatus::Active);
        let counts = self.counts.entry(Arc::clone(&family)).or_default();
        counts.all += 1;
        counts.active += usize::from(status == TaskDefinitionStatus::Active);
        self.file(&family);
        if let Some(role) = record.role().filter(|_| status == TaskDefinitionStatus::Active) {
            *self.roles.entry(role).or_default() += 1;
        }
        self.by_status.entry(status).or_default().insert((family, record.revision));
    }

    fn unindex(&mut self, family: &str, revision: i32) {
        let Some(record) = self.revisions.get(&revision_key(family, revision)) else { return };
        let status = record.definition.status.clone().unwrap_or(TaskDefinitionStatus::Active);
        if let Some(role) = record.role().filter(|_| status == TaskDefinitionStatus::Active)
            && let Entry::Occupied(mut named) = self.roles.entry(role)
        {
            *named.get_mut() -= 1;
            if *named.get() == 0 {
                named.remove();
            }
        }
        if let Some(counts) = self.counts.get_mut(family) {
            counts.all -= 1;
            counts.active -= usize::from(status == TaskDefinitionStatus::Active);
            if counts.all == 0 {
                self.counts.remove(family);
            }
            self.file(&family.into());
        }
        if let Some(revisions) = self.by_status.get_mut(&status) {
            revisions.remove(&(family.into(), revision));
        }
    }

    /// The revision itself, whatever its status.
    pub(crate) fn revision(&self, family: &str, revision: i32) -> Option<&Arc<TaskDefinitionRecord>> {
        self.revisions.get(&revision_key(family, revision))
    }

    /// Whether an ACTIVE revision names the role with this ARN.
    pub(crate) fn names_role(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// The latest ACTIVE revision of a family.
    pub(crate) fn latest_active(&self, family: &str) -> Option<&Arc<TaskDefinitionRecord>> {
        let (_, revision) = self.listed(&TaskDefinitionStatus::Active, Some(family)).next_back()?;
        self.revision(family, *revision)
    }

    /// The revisions of a status, of one family or of all, in the order of their listing.
    pub(crate) fn listed(
        &self,
        status: &TaskDefinitionStatus,
        family: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &RevisionKey> {
        self.listed_between(status, family, None, None)
    }

    /// The same after one place, or before another.
    pub(crate) fn listed_between(
        &self,
        status: &TaskDefinitionStatus,
        family: Option<&str>,
        after: Option<RevisionKey>,
        before: Option<RevisionKey>,
    ) -> impl DoubleEndedIterator<Item = &RevisionKey> {
        let first = family.map(|family| (Arc::from(family), i32::MIN));
        let last = family.map(|family| (Arc::from(family), i32::MAX));
        let start = match (after, first) {
            (Some(after), Some(first)) if after < first => Included(first),
            (Some(after), _) => Excluded(after),
            (None, Some(first)) => Included(first),
            (None, None) => Unbounded,
        };
        let end = match (before, last) {
            (Some(before), Some(last)) if before > last => Included(last),
            (Some(before), _) => Excluded(before),
            (None, Some(last)) => Included(last),
            (None, None) => Unbounded,
        };
        let ordered = match (&start, &end) {
            (Included(start), Included(end)) => start <= end,
            (Included(start) | Excluded(start), Included(end) | Excluded(end)) => start < end,
            _ => true,
        };
        self.by_status.get(status).filter(|_| ordered).into_iter().flat_map(move |all| all.range((start.clone(), end.clone())))
    }

    /// Files a family under whether it has an ACTIVE revision.
    fn file(&mut self, family: &Arc<str>) {
        let counts = self.counts.get(family).copied().unwrap_or_default();
        for (families, belongs) in
            [(&mut self.with_active, counts.active > 0), (&mut self.without_active, counts.active == 0 && counts.all > 0)]
        {
            if belongs {
                families.insert(Arc::clone(family));
            } else {
                families.remove(family);
            }
        }
    }

    /// The families that begin with `prefix` and come after `after`, in order: those with an ACTIVE revision, those without, or all.
    pub(crate) fn families<'a>(
        &'a self,
        active: Option<bool>,
        prefix: &'a str,
        after: Option<&str>,
    ) -> Box<dyn Iterator<Item = &'a Arc<str>> + 'a> {
        let start: Bound<Arc<str>> = match after {
            Some(after) if after >= prefix => Excluded(after.into()),
            _ => Included(prefix.into()),
        };
        let range = (start, Unbounded);
        let begins = move |family: &&Arc<str>| family.starts_with(prefix);
        match active {
            None => Box::new(self.counts.range::<Arc<str>, _>(range).map(|(family, _)| family).take_while(begins)),
            Some(true) => Box::new(self.with_active.range::<Arc<str>, _>(range).take_while(begins)),
            Some(false) => Box::new(self.without_active.range::<Arc<str>, _>(range).take_while(begins)),
        }
    }

    /// What a request names by `family`, `family:revision` or ARN: with a revision that one, whatever its status; else the latest that is
    /// ACTIVE.
    pub(crate) fn find(&self, scope: &Scope, named: &str) -> Option<&Arc<TaskDefinitionRecord>> {
        match named_revision(scope, named)? {
            (family, Some(revision)) => self.revision(family, revision.parse().ok()?),
            (family, None) => self.latest_active(family),
        }
    }
}

/// Takes apart what a request says of a task definition: its family, and its revision where there is one. `None` for an ARN of something else.
pub(crate) fn named_revision<'a>(scope: &Scope, named: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    let named = match Arn::parse(named) {
        Some(arn) => match arn.ecs_resource(scope)? {
            ("task-definition", name) => name,
            _ => return None,
        },
        None => named,
    };
    Some(match named.rsplit_once(':') {
        Some((family, revision)) => (family, Some(revision)),
        None => (named, None),
    })
}
