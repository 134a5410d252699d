//! Account settings: which there are, what they may be, and what holds for a principal.

use kecs_model::ecs::{Setting, SettingName, SettingType};
use kecs_model::{ApiError, RequestContext};

use crate::Scope;
use crate::engine::{AccountSettingRecord, World, account_setting_key, scope_of};

/// A setting that ECS has.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its name.
    pub(crate) name: SettingName,
    /// What it may be.
    values: &'static [&'static str],
    /// What it is where nobody set it.
    default: &'static str,
    /// Who sets it.
    kind: SettingType,
}

const ENABLED: &[&str] = &["enabled", "disabled"];

/// All settings, in the order of their names. Values and defaults: "Access Amazon ECS features with account settings" of the developer guide and
/// PutAccountSetting in the API reference.
static SETTINGS: [Definition; 11] = [
    user(SettingName::AwsvpcTrunking, ENABLED, "disabled"),
    user(SettingName::ContainerInsights, &["enabled", "enhanced", "disabled"], "disabled"),
    // ARNs have the long format whatever these say, as on AWS since April 2021.
    user(SettingName::ContainerInstanceLongArnFormat, ENABLED, "enabled"),
    user(SettingName::DefaultLogDriverMode, &["blocking", "non-blocking"], "non-blocking"),
    user(SettingName::FargateEventWindows, ENABLED, "disabled"),
    user(SettingName::FargateFipsMode, ENABLED, "disabled"),
    user(SettingName::FargateTaskRetirementWaitPeriod, &["0", "7", "14"], "7"),
    // "guardDutyActivate is read-only in Amazon ECS"
    Definition { name: SettingName::GuardDutyActivate, values: &[], default: "off", kind: SettingType::AwsManaged },
    user(SettingName::ServiceLongArnFormat, ENABLED, "enabled"),
    user(SettingName::TagResourceAuthorization, &["on", "off"], "on"),
    user(SettingName::TaskLongArnFormat, ENABLED, "enabled"),
];

const fn user(name: SettingName, values: &'static [&'static str], default: &'static str) -> Definition {
    Definition { name, values, default, kind: SettingType::User }
}

/// The setting of this name.
pub(crate) fn find(name: Option<&SettingName>) -> Result<&'static Definition, ApiError> {
    SETTINGS.iter().find(|setting| Some(&setting.name) == name).ok_or_else(|| {
        let name = name.map_or("", SettingName::as_str);
        ApiError::invalid_parameter(format!("{name} should be one of [{}]", SettingName::VALUES.join(",")))
    })
}

/// All settings, in the order of their names.
pub(crate) fn all() -> impl Iterator<Item = &'static Definition> {
    SETTINGS.iter()
}

impl Definition {
    /// Checks a value that a request gives.
    pub(crate) fn check(&self, value: &str) -> Result<(), ApiError> {
        if self.kind == SettingType::AwsManaged {
            // Our wording.
            return Err(ApiError::invalid_parameter(format!("{} is managed by AWS and cannot be changed.", self.name)));
        }
        if !self.values.contains(&value) {
            // aws/aws-cli#3785, hashicorp/terraform-provider-aws#32114.
            return Err(ApiError::invalid_parameter("Invalid setting 'value'"));
        }
        Ok(())
    }

    /// What a principal set itself.
    pub(crate) fn own(&self, world: &World, principal: &str) -> Option<Setting> {
        let record = world.account_settings.get(&account_setting_key(principal, self.name.as_str()))?;
        Some(self.setting(principal.to_owned(), record.value.clone()))
    }

    /// What holds for a principal: what it set itself, else what the account's root set for all, else AWS's default.
    pub(crate) fn effective(&self, world: &World, principal: &str) -> Setting {
        let root = root(&world.scope);
        self.own(world, principal).or_else(|| self.own(world, &root)).unwrap_or_else(|| self.setting(root, self.default.to_owned()))
    }

    /// The record of what a principal sets.
    pub(crate) fn record(&self, principal: String, value: String) -> AccountSettingRecord {
        AccountSettingRecord { name: self.name.as_str().to_owned(), principal, value }
    }

    fn setting(&self, principal: String, value: String) -> Setting {
        Setting {
            name: Some(self.name.clone()),
            value: Some(value),
            principal_arn: Some(principal),
            r#type: Some(self.kind.clone()),
        }
    }
}

/// The value of a setting that holds for a caller.
///
/// # Panics
///
/// For a setting that ECS does not have.
pub(crate) fn value(world: &World, ctx: &RequestContext, name: &SettingName) -> String {
    let definition = SETTINGS.iter().find(|setting| setting.name == *name).expect("the setting is one of ECS's");
    definition.effective(world, &caller(ctx)).value.unwrap_or_default()
}

/// Who calls. A caller of whom nothing is known is the root.
pub(crate) fn caller(ctx: &RequestContext) -> String {
    ctx.principal_arn.as_deref().map_or_else(|| root(&scope_of(ctx)), str::to_owned)
}

/// The root of an account: who sets the defaults of all others.
pub(crate) fn root(scope: &Scope) -> String {
    format!("arn:{}:iam::{}:root", scope.partition(), scope.account)
}
