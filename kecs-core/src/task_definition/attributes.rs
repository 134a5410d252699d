//! What a container instance must be capable of to run a definition's tasks: `requiresAttributes`.
//!
//! Which setting asks for which attribute follows the attributes that the container agent announces (`capabilities` in its source) and the
//! answers of the real service that users quote. AWS publishes no list.

use std::collections::BTreeSet;

use kecs_model::ecs::{
    Attribute, ContainerDefinition, FirelensConfigurationType, IpcMode, LogDriver, NetworkMode, PidMode, Secret, Volume,
};

use super::firelens::{ConfigFile, config_file};
use super::{Subject, fargate, list, text};

/// Names of required attributes.
type Names = BTreeSet<String>;

pub(super) fn derive(subject: &Subject<'_>) -> Vec<Attribute> {
    let mut names = Names::new();
    // Everything that ECS ever asked for is in this version of Docker's API.
    docker_api(&mut names, 18);
    task(subject, &mut names);
    for volume in list(subject.input.volumes.as_ref()) {
        of_volume(volume, &mut names);
    }
    for container in subject.containers {
        of_container(subject, container, &mut names);
    }
    names.into_iter().map(|name| Attribute { name: Some(name), ..Attribute::default() }).collect()
}

fn task(subject: &Subject<'_>, names: &mut Names) {
    let input = subject.input;
    if *subject.network_mode() == NetworkMode::Awsvpc {
        ecs(names, "task-eni");
    }
    if !text(input.task_role_arn.as_ref()).is_empty() {
        let host = *subject.network_mode() == NetworkMode::Host;
        agent(names, if host { "task-iam-role-network-host" } else { "task-iam-role" });
    }
    let shares_pid = matches!(input.pid_mode, Some(PidMode::Host | PidMode::Task));
    let shares_ipc = matches!(input.ipc_mode, Some(IpcMode::Host | IpcMode::Task | IpcMode::None));
    if shares_pid || shares_ipc {
        ecs(names, "pid-ipc-namespace-sharing");
    }
    if input.proxy_configuration.is_some() {
        ecs(names, "aws-appmesh");
    }
    if input.enable_fault_injection == Some(true) {
        ecs(names, "fault-injection");
    }
}

fn of_volume(volume: &Volume, names: &mut Names) {
    if let Some(docker) = &volume.docker_volume_configuration {
        docker_api(names, 25);
        ecs(names, &format!("docker-plugin.{}", docker.driver.as_deref().unwrap_or("local")));
    }
    if let Some(efs) = &volume.efs_volume_configuration {
        docker_api(names, 25);
        ecs(names, "efs");
        if efs.authorization_config.is_some() || efs.transit_encryption.is_some() {
            ecs(names, "efsAuth");
        }
    }
    if volume.fsx_windows_file_server_volume_configuration.is_some() {
        ecs(names, "fsxWindowsFileServer");
    }
}

fn of_container(subject: &Subject<'_>, container: &ContainerDefinition, names: &mut Names) {
    if fargate::is_ecr(text(container.image.as_ref())) {
        agent(names, "ecr-auth");
        if subject.has_execution_role() {
            ecs(names, "execution-role-ecr-pull");
        }
    }
    if container.repository_credentials.is_some() {
        ecs(names, "private-registry-authentication.secretsmanager");
    }
    if container.privileged == Some(true) {
        agent(names, "privileged-container");
    }
    if container.memory_reservation.is_some() {
        docker_api(names, 21);
    }
    if container.linux_parameters.as_ref().is_some_and(|linux| linux.init_process_enabled.is_some()) {
        docker_api(names, 25);
    }
    if container.health_check.is_some() {
        docker_api(names, 29);
        ecs(names, "container-health-check");
    }
    let ordered = !list(container.depends_on.as_ref()).is_empty();
    if ordered || container.start_timeout.is_some() || container.stop_timeout.is_some() {
        ecs(names, "container-ordering");
    }
    if !list(container.environment_files.as_ref()).is_empty() {
        ecs(names, "env-files.s3");
    }
    if list(container.port_mappings.as_ref()).iter().any(|mapping| mapping.container_port_range.is_some()) {
        ecs(names, "network.container-port-range");
    }
    secrets(list(container.secrets.as_ref()), "environment-variables", names);
    log(subject, container, names);
}

fn log(subject: &Subject<'_>, container: &ContainerDefinition, names: &mut Names) {
    if let Some(log) = &container.log_configuration
        && let Some(driver) = &log.log_driver
    {
        agent(names, &format!("logging-driver.{driver}"));
        if *driver == LogDriver::Awslogs {
            docker_api(names, 19);
            if subject.has_execution_role() {
                ecs(names, "execution-role-awslogs");
            }
        }
        secrets(list(log.secret_options.as_ref()), "bootstrap.log-driver", names);
    }
    let Some(firelens) = &container.firelens_configuration else { return };
    match firelens.r#type {
        Some(FirelensConfigurationType::Fluentbit) => ecs(names, "firelens.fluentbit"),
        Some(FirelensConfigurationType::Fluentd) => ecs(names, "firelens.fluentd"),
        _ => {}
    }
    // The agent's capabilityFirelensConfigFile and …S3.
    match config_file(firelens) {
        Ok(Some(ConfigFile::InImage(_))) => ecs(names, "firelens.options.config.file"),
        Ok(Some(ConfigFile::InS3(_))) => ecs(names, "firelens.options.config.s3"),
        _ => {}
    }
}

/// Secrets Manager is meant by its ARNs only; every other reference is a parameter of Systems Manager.
fn secrets(secrets: &[Secret], purpose: &str, names: &mut Names) {
    for secret in secrets {
        let source = if text(secret.value_from.as_ref()).contains(":secretsmanager:") { "asm" } else { "ssm" };
        ecs(names, &format!("secrets.{source}.{purpose}"));
    }
}

fn docker_api(names: &mut Names, minor: u32) {
    agent(names, &format!("docker-remote-api.1.{minor}"));
}

/// The first attributes had this prefix.
fn agent(names: &mut Names, capability: &str) {
    names.insert(format!("com.amazonaws.ecs.capability.{capability}"));
}

/// Later ones have this.
fn ecs(names: &mut Names, capability: &str) {
    names.insert(format!("ecs.capability.{capability}"));
}
