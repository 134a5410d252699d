//! What must be there before a container starts whose output is shipped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use kecs_model::ecs::{LaunchType, SettingName};

use super::super::{Shared, driver, lock};
use super::{Shipment, handled};
use crate::resolve::{ResolveError, ResolveInput, log_configurations};
use crate::{ContainerOutput, LogError, TaskRef, account_settings};

/// How often a driver whose service cannot be asked is asked again, and for how long in all: 0.5, 1, 2 and 4 seconds.
const RETRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Lets the drivers get ready for a task's output. An error is the task's `stoppedReason`.
pub(in crate::engine) async fn prepare(shared: &Shared, input: &ResolveInput) -> Result<Vec<Shipment>, String> {
    let shipments = shipments(shared, input).await.map_err(|error| error.to_string())?;
    try_join_all(shipments.iter().map(ready)).await.map_err(|error| error.to_string())?;
    Ok(shipments)
}

/// The shipments of a task that an earlier control plane began with.
pub(super) async fn again(shared: &Shared, task: &TaskRef) -> Vec<Shipment> {
    let Some(input) = driver::input(shared, task) else { return Vec::new() };
    shipments(shared, &input).await.unwrap_or_else(|error| {
        tracing::warn!(%task, %error, "the task's output is not shipped any more");
        Vec::new()
    })
}

async fn ready(shipment: &Shipment) -> Result<(), LogError> {
    let Shipment { output, driver, .. } = shipment;
    let mut pause = FIRST_PAUSE;
    for _ in 0..RETRIES {
        match driver.prepare(output).await {
            Err(error @ LogError::Unavailable { .. }) => {
                tracing::warn!(task = %output.task, container = &*output.container, %error, retry_in = ?pause, "log driver not ready yet");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    driver.prepare(output).await
}

async fn shipments(shared: &Shared, input: &ResolveInput) -> Result<Vec<Shipment>, ResolveError> {
    if shared.services.logs.is_empty() {
        return Ok(Vec::new());
    }
    let configurations = log_configurations(input, |driver| handled(shared, driver).is_some(), &shared.services.secrets).await?;
    let mode = default_mode(shared, input);
    let labels = labels(input);
    let shipment = |(container, mut configuration): (Arc<str>, crate::task_spec::LogConfiguration)| {
        configuration.options.entry("mode".to_owned()).or_insert_with(|| mode.clone());
        let driver = Arc::clone(handled(shared, &configuration.driver)?);
        let output = ContainerOutput { task: input.record.task_ref(), container, configuration, labels: labels.clone() };
        let blocking = driver.is_blocking(&output);
        Some(Shipment { output, driver, blocking })
    };
    Ok(configurations.into_iter().filter_map(shipment).collect())
}

/// "If you don't specify a delivery mode in your container definition's logConfiguration, the mode you specify using this account setting will be used
/// as the default" (PutAccountSetting, defaultLogDriverMode). Whoever ran the task is not on record: what holds for all does.
fn default_mode(shared: &Shared, input: &ResolveInput) -> String {
    let scope = &input.record.cluster.scope;
    let setting = account_settings::find(Some(&SettingName::DefaultLogDriverMode)).expect("the setting is one of ECS's");
    let world = shared.world(scope);
    let setting = setting.effective(&lock(&world), &account_settings::root(scope));
    setting.value.unwrap_or_default()
}

fn labels(input: &ResolveInput) -> BTreeMap<&'static str, String> {
    let task = &input.record.task;
    let launch_type = task.launch_type.as_ref().map_or("EC2", LaunchType::as_str);
    BTreeMap::from([
        ("family", input.definition.family.clone()),
        ("revision", input.definition.revision.to_string()),
        ("taskArn", task.task_arn.clone().unwrap_or_default()),
        ("launchType", launch_type.to_owned()),
    ])
}
