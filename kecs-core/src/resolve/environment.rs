//! The environment of one container: who sets a variable, and who wins.

use std::collections::HashMap;

use kecs_model::ecs::{ContainerDefinition, ContainerOverride, EnvironmentFile, KeyValuePair, Secret};

use super::Found;
use crate::SecretRef;
use crate::task_spec::EnvValue;

/// What AWS's agent sets comes first. Of what the task sets itself, which hides it, the later wins: its files, of which the first wins ("processed from
/// the top down", EnvironmentFile), the definition's variables ("take precedence over the variables contained within an environment file"), its
/// secrets, and the override's variables.
pub(super) fn environment(
    definition: &ContainerDefinition,
    change: &ContainerOverride,
    found: &Found<'_>,
) -> Vec<(String, EnvValue)> {
    let plain = |pair: &KeyValuePair| Some((pair.name.clone()?, EnvValue::Plain(pair.value.as_deref().unwrap_or_default().into())));
    let resolved = |secret: &Secret| {
        Some((secret.name.clone()?, EnvValue::Secret(found.secrets.get(&SecretRef::parse(secret.value_from.as_ref()?))?.clone())))
    };
    let mut own = Variables::default();
    for file in files(definition, change).iter().rev() {
        let content = file.value.as_ref().and_then(|value| found.files.get(value));
        own.extend(content.into_iter().flatten().map(|(name, value)| (name.clone(), EnvValue::Plain(value.as_str().into()))));
    }
    own.extend(definition.environment.iter().flatten().filter_map(plain));
    own.extend(definition.secrets.iter().flatten().filter_map(resolved));
    own.extend(change.environment.iter().flatten().filter_map(plain));
    let own = own.list;
    let mut all = match found.agent {
        Some(agent) => {
            let super::ResolveInput { record, definition: task } = found.input;
            agent.environment(record, task, definition.name.as_deref().unwrap_or_default(), &own)
        }
        None => Vec::new(),
    };
    all.extend(own);
    all
}

/// The environment files of a container: "instead of the value from the container definition" (ContainerOverride, environmentFiles).
pub(super) fn files<'a>(definition: &'a ContainerDefinition, change: &'a ContainerOverride) -> &'a [EnvironmentFile] {
    change.environment_files.as_deref().or(definition.environment_files.as_deref()).unwrap_or_default()
}

/// Variables in order, each name once: a later one wins and keeps the place of the first.
#[derive(Default)]
struct Variables {
    list: Vec<(String, EnvValue)>,
    places: HashMap<String, usize>,
}

impl Extend<(String, EnvValue)> for Variables {
    fn extend<T: IntoIterator<Item = (String, EnvValue)>>(&mut self, variables: T) {
        for (name, value) in variables {
            if let Some(&place) = self.places.get(&name) {
                self.list[place].1 = value;
            } else {
                self.places.insert(name.clone(), self.list.len());
                self.list.push((name, value));
            }
        }
    }
}
