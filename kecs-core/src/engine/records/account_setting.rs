//! Account settings.

use serde::{Deserialize, Serialize};

use crate::engine::table::Record;

/// What a principal set, where it is not AWS's default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountSettingRecord {
    /// The setting's name, as the key.
    pub(crate) name: String,
    /// The principal's ARN, as the key. What the account's root set is the default of all others.
    pub(crate) principal: String,
    /// Its value.
    pub(crate) value: String,
}

/// The key of a principal's setting.
pub(crate) fn account_setting_key(principal: &str, name: &str) -> String {
    format!("{principal}#{name}")
}

impl Record for AccountSettingRecord {
    const TABLE: &'static str = "account-setting";

    fn key(&self) -> String {
        account_setting_key(&self.principal, &self.name)
    }
}
