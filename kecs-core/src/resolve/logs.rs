//! Where the output of a task's containers is to go.

use std::sync::Arc;

use kecs_model::ecs::ContainerDefinition;

use super::{ResolveError, ResolveInput, container, secrets};
use crate::SecretSource;
use crate::task_spec::LogConfiguration;

/// The log configurations of those containers whose driver is among `handled`, with their secret options read.
pub(crate) async fn log_configurations(
    input: &ResolveInput,
    handled: impl Fn(&str) -> bool,
    sources: &[Arc<dyn SecretSource>],
) -> Result<Vec<(Arc<str>, LogConfiguration)>, ResolveError> {
    // Nothing else of the containers, whose other secrets may be gone when this is asked for after a restart.
    let logging: Vec<ContainerDefinition> = named(input, handled)
        .map(|definition| ContainerDefinition {
            name: definition.name.clone(),
            log_configuration: definition.log_configuration.clone(),
            ..ContainerDefinition::default()
        })
        .collect();
    let secrets = secrets::read(&input.record.cluster, &logging, sources).await?;
    let configuration = |definition: &ContainerDefinition| {
        let log = definition.log_configuration.as_ref()?;
        Some((definition.name.as_deref()?.into(), container::log_configuration(log, &secrets)))
    };
    Ok(logging.iter().filter_map(configuration).collect())
}

/// Whether the output of any container goes to a driver among `handled`.
pub(crate) fn logs_anywhere(input: &ResolveInput, handled: impl Fn(&str) -> bool) -> bool {
    named(input, handled).next().is_some()
}

fn named(input: &ResolveInput, handled: impl Fn(&str) -> bool) -> impl Iterator<Item = &ContainerDefinition> {
    let containers = input.definition.definition.container_definitions.iter().flatten();
    containers.filter(move |definition| {
        let log = definition.log_configuration.as_ref();
        log.and_then(|log| log.log_driver.as_ref()).is_some_and(|driver| handled(driver.as_str()))
    })
}
