//! From a [`TaskSpec`] to what a supervisor does: every member is honoured, ignored or refused here, as `docs/process-runtime.md` says.

mod artifacts;
mod container;
mod user;
mod volumes;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use kecs_core::task_spec::{NetworkMode, Platform};
use kecs_core::{BackendError, ErrorKind, TaskSpec};

use super::config::{ProcessConfig, SupervisorCommand};
use super::order::TaskOrder;
use super::ports::Ports;
use volumes::VolumePlan;

/// A task, ready to be handed to a supervisor.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) order: TaskOrder,
    volumes: BTreeMap<String, VolumePlan>,
    mounts: Vec<volumes::Link>,
    downloads: Vec<artifacts::Download>,
    /// Whether a container runs as another user than this process, who has to get to the task's folders.
    is_shared: bool,
}

/// Why a task will not run.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The specification is not for this backend.
    Backend(BackendError),
    /// It is, but the task cannot be started here and now; ECS's text.
    FailsToStart(String),
}

impl From<BackendError> for Refusal {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

fn unsupported(what: impl std::fmt::Display) -> Refusal {
    Refusal::Backend(BackendError::new(ErrorKind::Unsupported, format!("the process runtime does not support {what}")))
}

/// ECS's text for a container that cannot be started.
fn cannot_start(reason: impl std::fmt::Display) -> Refusal {
    Refusal::FailsToStart(format!("CannotStartContainerError: {reason}"))
}

/// Plans the task in `folder`. Ports are taken even if the plan comes to nothing: the caller gives them back.
pub(super) fn plan(spec: &TaskSpec, config: &ProcessConfig, folder: &Path, ports: &mut Ports) -> Result<Plan, Refusal> {
    let TaskSpec {
        task,
        arn,
        family: _,
        revision: _,
        group: _,
        instance: _, // this host is the only one
        role: _,     // its credentials come from the task metadata
        cpu: _,      // no limits: see `TaskCapabilities::limits`
        memory: _,
        network_mode,
        pid_mode: _, // every process sees the host's
        ipc_mode: _,
        platform,
        ephemeral_storage: _, // the host's disk
        volumes,
        containers,
        tags: _,
    } = spec;
    if *network_mode == NetworkMode::None {
        return Err(unsupported("networkMode none: processes have the network of the host"));
    }
    if let Some(Platform { operating_system, cpu_architecture: _ }) = platform
        && operating_system.starts_with("WINDOWS")
    {
        return Err(unsupported(format_args!("operatingSystemFamily {operating_system}")));
    }
    let mut volumes = volumes::plan(volumes, &config.data_dir)?;
    let context = container::Context { spec, config, folder };
    let mut orders = Vec::new();
    let mut mounts = Vec::new();
    let mut downloads = Vec::new();
    for container in containers {
        let (order, links) = container::plan(container, &context, &mut volumes, ports)?;
        downloads.extend(artifacts::plan(container, &order));
        orders.push(order);
        mounts.extend(links);
    }
    let is_shared = orders.iter().any(|order| order.program.identity.is_some());
    let exec_arguments = match &config.supervisor {
        SupervisorCommand::CurrentExe(arguments) => arguments.clone(),
        SupervisorCommand::Path(_) => Vec::new(),
    };
    let addresses = match network_mode {
        // The task's own interface, or the bridge's, is the host's.
        NetworkMode::AwsVpc | NetworkMode::Bridge => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        NetworkMode::Host | NetworkMode::None => Vec::new(),
    };
    let order = TaskOrder {
        task: task.clone(),
        arn: arn.to_string(),
        exec_arguments,
        log_file_size: config.log_file_size,
        addresses,
        containers: orders,
    };
    Ok(Plan { order, volumes, mounts, downloads, is_shared })
}

impl Plan {
    /// Makes the folders of the task's containers and volumes in its folder. Blocks.
    pub(super) fn prepare(&self, folder: &Path) -> io::Result<()> {
        volumes::prepare(&self.volumes, folder, self.is_shared)?;
        for order in &self.order.containers {
            container::prepare(order, folder)?;
        }
        for link in &self.mounts {
            link.make(folder)?;
        }
        for order in &self.order.containers {
            container::prepare_directory(order, folder)?;
        }
        Ok(())
    }

    /// Downloads what the containers are given, into the folders that are made. Blocks where it writes. The text of an error is ECS's `stoppedReason`.
    pub(super) async fn download(&self, folder: &Path) -> Result<(), String> {
        for download in &self.downloads {
            download.run(folder).await?;
        }
        Ok(())
    }
}
