//! Task definitions and their families, as they are stored.

use kecs_model::ecs::{Tag, TaskDefinition, TaskDefinitionStatus};
use serde::{Deserialize, Serialize};

use crate::Scope;
use crate::arn::Arn;
use crate::engine::table::Record;

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

    /// The ARN of the role that it names. A short name is a role of the definition's own account.
    pub(crate) fn role(&self) -> Option<String> {
        let role = self.definition.task_role_arn.as_deref().filter(|role| !role.is_empty())?;
        let own = Arn::parse(self.arn())?;
        Some(Scope::new(own.account, own.region).role_arn(role))
    }

    /// The ARN, which every registered definition has.
    pub(crate) fn arn(&self) -> &str {
        self.definition.task_definition_arn.as_deref().unwrap_or_default()
    }
}

/// The key of a revision.
pub(in crate::engine) fn revision_key(family: &str, revision: i32) -> String {
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
