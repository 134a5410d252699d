//! Task definitions and their families.

use std::collections::BTreeMap;
use std::sync::Arc;

use kecs_model::ecs::{Tag, TaskDefinition, TaskDefinitionStatus};
use serde::{Deserialize, Serialize};

use crate::Scope;
use crate::arn::Arn;
use crate::engine::table::{Record, Table};
use crate::engine::tx::Tx;

/// One revision of a family.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TaskDefinitionRecord {
    /// The family, as the key.
    pub(crate) family: String,
    /// The revision, as the key.
    pub(crate) revision: i32,
    /// As clients see it.
    pub(crate) definition: TaskDefinition,
    /// Its tags.
    #[serde(default)]
    pub(crate) tags: Vec<Tag>,
}

impl TaskDefinitionRecord {
    pub(crate) fn is(&self, status: &TaskDefinitionStatus) -> bool {
        self.definition.status.as_ref() == Some(status)
    }

    /// The ARN, which every registered definition has.
    pub(crate) fn arn(&self) -> &str {
        self.definition.task_definition_arn.as_deref().unwrap_or_default()
    }
}

fn revision_key(family: &str, revision: i32) -> String {
    format!("{family}:{revision:010}")
}

impl Record for TaskDefinitionRecord {
    const TABLE: &'static str = "task-definition";

    fn key(&self) -> String {
        revision_key(&self.family, self.revision)
    }
}

/// A family: remembers the last revision even when all of them are gone, because a number is never used again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FamilyRecord {
    /// The family's name.
    pub(crate) family: String,
    /// The revision that was registered last.
    pub(crate) last_revision: i32,
}

impl Record for FamilyRecord {
    const TABLE: &'static str = "task-definition-family";

    fn key(&self) -> String {
        self.family.clone()
    }
}

/// All task definitions of a scope, with the revisions of each family that are ACTIVE.
#[derive(Debug, Default)]
pub(crate) struct TaskDefinitions {
    /// Every revision that is not deleted.
    pub(crate) revisions: Table<TaskDefinitionRecord>,
    /// Every family that ever was.
    pub(crate) families: Table<FamilyRecord>,
    active: BTreeMap<String, std::collections::BTreeSet<i32>>,
}

impl TaskDefinitions {
    /// Inserts or replaces a revision.
    pub(crate) fn put(&mut self, tx: &mut Tx, record: TaskDefinitionRecord) -> Arc<TaskDefinitionRecord> {
        let record = self.revisions.put(tx, record);
        self.index(&record);
        record
    }

    /// Removes a revision for good.
    pub(crate) fn remove(&mut self, tx: &mut Tx, family: &str, revision: i32) {
        self.revisions.remove(tx, &revision_key(family, revision));
        self.deactivate(family, revision);
    }

    pub(crate) fn load(&mut self, record: TaskDefinitionRecord) {
        let record = self.revisions.load(record);
        self.index(&record);
    }

    fn index(&mut self, record: &TaskDefinitionRecord) {
        if record.is(&TaskDefinitionStatus::Active) {
            self.active.entry(record.family.clone()).or_default().insert(record.revision);
        } else {
            self.deactivate(&record.family, record.revision);
        }
    }

    fn deactivate(&mut self, family: &str, revision: i32) {
        if let Some(revisions) = self.active.get_mut(family) {
            revisions.remove(&revision);
            if revisions.is_empty() {
                self.active.remove(family);
            }
        }
    }

    /// The revision itself, whatever its status.
    pub(crate) fn revision(&self, family: &str, revision: i32) -> Option<&Arc<TaskDefinitionRecord>> {
        self.revisions.get(&revision_key(family, revision))
    }

    /// The latest ACTIVE revision of a family.
    pub(crate) fn latest_active(&self, family: &str) -> Option<&Arc<TaskDefinitionRecord>> {
        let revision = *self.active.get(family)?.last()?;
        self.revision(family, revision)
    }

    /// Families with at least one ACTIVE revision, in order.
    pub(crate) fn active_families(&self) -> impl Iterator<Item = &String> {
        self.active.keys()
    }

    /// What a request names by `family`, `family:revision` or ARN: with a revision that one, whatever its status; else the latest that is
    /// ACTIVE.
    pub(crate) fn find(&self, scope: &Scope, named: &str) -> Option<&Arc<TaskDefinitionRecord>> {
        let named = match Arn::parse(named) {
            Some(arn) => match arn.ecs_resource(scope)? {
                ("task-definition", name) => name,
                _ => return None,
            },
            None => named,
        };
        match named.rsplit_once(':') {
            Some((family, revision)) => self.revision(family, revision.parse().ok()?),
            None => self.latest_active(named),
        }
    }
}
