//! A container's environment.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};
use kecs_core::task_spec::EnvValue;

use super::text::literal;
use crate::secret::Content;

/// The content of the task's secret.
#[derive(Default)]
pub(super) struct SecretData(BTreeMap<String, Content>);

impl SecretData {
    /// What there is to keep secret; `None` where there is nothing.
    pub(super) fn into_data(self) -> Option<BTreeMap<String, Content>> {
        Some(self.0).filter(|data| !data.is_empty())
    }
}

/// The variables in their order. Those that are secret are put into the task's secret, and the pod only refers to it.
pub(super) fn variables(
    container: usize,
    environment: &[(String, EnvValue)],
    secret_name: &str,
    secret: &mut SecretData,
) -> Option<Vec<EnvVar>> {
    let variables: Vec<EnvVar> = environment
        .iter()
        .enumerate()
        .map(|(number, (name, value))| match value {
            EnvValue::Plain(value) => EnvVar { name: name.clone(), value: Some(literal(value)), value_from: None },
            EnvValue::Secret(value) => {
                let key = format!("{container}.{number}");
                secret.0.insert(key.clone(), Content::new(value.expose().into()));
                let selector = SecretKeySelector { key, name: secret_name.to_owned(), optional: None };
                let source = EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() };
                EnvVar { name: name.clone(), value: None, value_from: Some(source) }
            }
        })
        .collect();
    Some(variables).filter(|variables| !variables.is_empty())
}
