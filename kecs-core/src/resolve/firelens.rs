//! FireLens: a log router, and the containers that log to it.
//!
//! As the agent of Amazon ECS does it (its packages `api/task` and `taskresource/firelens`), whose words the errors have.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kecs_model::ecs::{ContainerDefinition, FirelensConfiguration, FirelensConfigurationType};

use super::{ResolveError, ResolveInput, files};
use crate::ObjectSource;
use crate::engine::TaskServices;
use crate::firelens::DRIVER;
use crate::task_definition::firelens::{ConfigFile, ROOT, config_file};
use crate::task_spec::{
    Condition, ContainerSpec, Dependency, EnvValue, FLUENT_PORT, LogConfiguration, LogRouter, NetworkMode, Route, RouterInclude,
    RouterKind,
};

/// How much the driver that runs on AWS may keep in memory; no option of an output. What is not sent yet waits where the backend keeps it.
const BUFFER_LIMIT: &str = "log-driver-buffer-limit";

/// Makes the container with a `firelensConfiguration` the router of those that log to it. Where nobody answers for their log driver it is a container
/// as any other.
pub(super) async fn apply(
    containers: &mut [ContainerSpec],
    definitions: &[ContainerDefinition],
    network_mode: NetworkMode,
    input: &ResolveInput,
    services: &TaskServices,
) -> Result<(), ResolveError> {
    let configured = |definition: &ContainerDefinition| definition.firelens_configuration.is_some();
    let Some(index) = definitions.iter().position(configured) else { return Ok(()) };
    let Some(firelens) = &definitions[index].firelens_configuration else { return Ok(()) };
    if !services.logs.iter().any(|driver| driver.handles(DRIVER)) {
        // Which ECS fills in for the router's sake, and not everybody may become.
        containers[index].user.take_if(|user| user == ROOT);
        return Ok(());
    }
    let objects = services.objects.as_ref();
    let kind = match firelens.r#type {
        Some(FirelensConfigurationType::Fluentd) => RouterKind::Fluentd,
        _ => RouterKind::FluentBit,
    };
    let (routes, secrets) = routes(kind, containers)?;
    let router =
        LogRouter { kind, fields: fields(firelens, input), routes, include: include(kind, firelens, input, objects).await? };
    let name = containers[index].name.clone();
    // "If firelens container has any container dependency, we don't add internal container dependency that depends on it in order to be safe."
    let comes_first = !has_dependencies(&containers[index]);
    for (other, container) in containers.iter_mut().enumerate() {
        if other == index || !is_routed(container) {
            continue;
        }
        if comes_first && !container.depends_on.iter().any(|need| need.container == name) {
            container.depends_on.push(Dependency { container: name.clone(), condition: Condition::Start });
        }
    }
    // The containers of a task have one loopback here, in mode `bridge` as well. In mode `host` the agent sets nothing.
    if matches!(network_mode, NetworkMode::AwsVpc | NetworkMode::Bridge) {
        for container in containers.iter_mut().filter(|container| is_routed(container)) {
            set(container, "FLUENT_HOST", EnvValue::Plain("127.0.0.1".into()));
            set(container, "FLUENT_PORT", EnvValue::Plain(FLUENT_PORT.to_string().as_str().into()));
        }
    }
    for (variable, value) in secrets {
        set(&mut containers[index], &variable, value);
    }
    containers[index].log_router = Some(router);
    Ok(())
}

fn is_routed(container: &ContainerSpec) -> bool {
    container.log.as_ref().is_some_and(|log| log.driver == DRIVER)
}

fn has_dependencies(container: &ContainerSpec) -> bool {
    !(container.depends_on.is_empty() && container.links.is_empty() && container.volumes_from.is_empty())
}

/// Sets a variable, whatever it was.
fn set(container: &mut ContainerSpec, name: &str, value: EnvValue) {
    match container.environment.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => container.environment.push((name.to_owned(), value)),
    }
}

type Routes = (Vec<Route>, Vec<(String, EnvValue)>);

/// Where the output of the containers goes, and the variables of the router that secret options refer to.
fn routes(kind: RouterKind, containers: &[ContainerSpec]) -> Result<Routes, ResolveError> {
    let (mut routes, mut secrets) = (Vec::new(), Vec::new());
    for (index, container) in containers.iter().enumerate() {
        let Some(LogConfiguration { driver: _, options, secret_options }) = container.log.as_ref().filter(|_| is_routed(container))
        else {
            continue;
        };
        let mut options = options.clone();
        options.remove(BUFFER_LIMIT);
        for (name, value) in secret_options {
            let variable = format!("{name}_{index}");
            options.insert(name.clone(), kind.reference(&variable));
            secrets.push((variable, EnvValue::Secret(value.clone())));
        }
        let route = Route { container: container.name.clone(), options };
        if route.output_options(kind).next().is_some() && !route.options.contains_key(kind.output_option()) {
            return Err(ResolveError::FireLens(format!(
                "unable to generate firelens config file: unable to apply log options of container {} to firelens config: missing output key {} \
                 which is required for firelens configuration of type {}",
                container.name,
                kind.output_option(),
                match kind {
                    RouterKind::FluentBit => "fluentbit",
                    RouterKind::Fluentd => "fluentd",
                }
            )));
        }
        routes.push(route);
    }
    Ok((routes, secrets))
}

/// What the router adds to each record, unless `enable-ecs-log-metadata` says otherwise.
fn fields(firelens: &FirelensConfiguration, input: &ResolveInput) -> BTreeMap<String, String> {
    let wish = firelens.options.as_ref().and_then(|options| options.get("enable-ecs-log-metadata"));
    // Go's `strconv.ParseBool`; the agent takes what that cannot read for no.
    if wish.is_some_and(|wish| !matches!(wish.as_str(), "1" | "t" | "T" | "TRUE" | "true" | "True")) {
        return BTreeMap::new();
    }
    let ResolveInput { record, definition } = input;
    BTreeMap::from([
        ("ecs_cluster".to_owned(), record.cluster.name.to_string()),
        ("ecs_task_arn".to_owned(), record.task.task_arn.clone().unwrap_or_default()),
        ("ecs_task_definition".to_owned(), format!("{}:{}", definition.family, definition.revision)),
    ])
}

async fn include(
    kind: RouterKind,
    firelens: &FirelensConfiguration,
    input: &ResolveInput,
    objects: Option<&Arc<dyn ObjectSource>>,
) -> Result<Option<RouterInclude>, ResolveError> {
    let file = config_file(firelens).map_err(ResolveError::FireLens)?;
    let value = match &file {
        Some(ConfigFile::InImage(value) | ConfigFile::InS3(value)) => value.to_ascii_lowercase(),
        None => return Ok(None),
    };
    // Its classic form, in which what includes it is written, cannot include the other one.
    if kind == RouterKind::FluentBit && [".yaml", ".yml"].iter().any(|end| value.ends_with(end)) {
        return Err(ResolveError::FireLens("a config-file-value of Fluent Bit in YAML is not supported".to_owned()));
    }
    match file {
        Some(ConfigFile::InImage(path)) => Ok(Some(RouterInclude::File(path.to_owned()))),
        Some(ConfigFile::InS3(arn)) => {
            let content = files::fetch(&input.record.cluster, arn, objects).await;
            let failure = |why| ResolveError::FireLens(format!("unable to download firelens s3 config file: {why}"));
            Ok(Some(RouterInclude::Content(Bytes::from(content.map_err(failure)?))))
        }
        None => Ok(None),
    }
}
