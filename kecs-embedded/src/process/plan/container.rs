//! One container: its command line, environment, ports and folders.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use kecs_core::task_spec::{
    Condition, ContainerSpec, HealthCheck, HealthCommand, LinuxParameters, Mount, NetworkMode, PortMapping, Tmpfs, Ulimit,
};
use kecs_core::{BackendError, ErrorKind, TaskSpec};

use super::volumes::{self, Link, VolumePlan, below};
use super::{Refusal, cannot_start, unsupported, user};
use crate::process::config::ProcessConfig;
use crate::process::folder::create_folder;
use crate::process::host::TASK_MARK;
use crate::process::order::{ContainerOrder, DependencyOrder, HealthCheckOrder, Limit, ProgramOrder, RestartOrder};
use crate::process::ports::Ports;
use crate::process::record::BindingRecord;
use crate::process::supervisor::limit_exists;

/// What is the same for all containers of a task.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) spec: &'a TaskSpec,
    pub(super) config: &'a ProcessConfig,
    /// The task's folder.
    pub(super) folder: &'a Path,
}

pub(super) fn plan(
    container: &ContainerSpec,
    context: &Context<'_>,
    volumes: &mut BTreeMap<String, VolumePlan>,
    ports: &mut Ports,
) -> Result<(ContainerOrder, Vec<Link>), Refusal> {
    let ContainerSpec {
        name,
        image: _,                // there are no images: `TaskCapabilities::images`
        registry_credentials: _, // nothing is pulled
        entry_point,
        command,
        working_directory,
        user,
        hostname,
        environment,
        essential,
        depends_on,
        start_timeout,
        stop_timeout,
        restart,
        health_check,
        cpu: _, // no limits: `TaskCapabilities::limits`
        memory: _,
        memory_reservation: _,
        gpus: _, // the host's are there for all
        ports: port_mappings,
        mounts,
        artifacts,
        volumes_from,
        links,
        ulimits,
        linux:
            LinuxParameters {
                add_capabilities: _, // the rights are those of the user
                drop_capabilities: _,
                devices: _,       // the host's are there
                init_process: _,  // the supervisor reaps for all
                shared_memory: _, // the host's
                tmpfs,
                max_swap: _,
                swappiness: _,
            },
        privileged: _,    // nothing is confined
        readonly_root: _, // there is no root file system of the container's own
        dns_servers: _,   // the host resolves
        dns_search: _,
        extra_hosts,
        disable_networking,
        security_options,
        interactive: _, // standard input is /dev/null
        pseudo_terminal: _,
        labels: _,
        sysctls: _, // the host's
        log: _,     // output is always captured; core forwards it
        blocking_output,
        log_router: _, // never: `TaskCapabilities::log_routers`
    } = container;
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(invalid(format!("container name {name:?} cannot be a folder's name")));
    }
    if *disable_networking {
        return Err(unsupported(format_args!("disableNetworking (container {name}): processes have the network of the host")));
    }
    if !extra_hosts.is_empty() {
        return Err(unsupported(format_args!("extraHosts (container {name}): names are resolved by the host")));
    }
    let root = root(name);
    let links_of_mounts = mount(name, mounts, volumes_from, tmpfs, context, volumes)?;
    let (bindings, port_environment) = bind(port_mappings, context, ports)?;

    let arguments: Vec<String> = entry_point.iter().flatten().chain(command.iter().flatten()).cloned().collect();
    if arguments.is_empty() {
        return Err(cannot_start(format_args!(
            "the process runtime has no images: container {name} needs a command or an entryPoint"
        )));
    }
    let mut variables = BTreeMap::from([
        ("PATH".to_owned(), context.config.search_path.clone()),
        ("HOME".to_owned(), text(&context.folder.join(&root))?),
        ("HOSTNAME".to_owned(), hostname.clone().unwrap_or_else(|| context.spec.task.id.to_string()[..12].to_owned())),
    ]);
    variables.extend(port_environment);
    for link in &links_of_mounts {
        if let Some((volume, plan)) = volumes.iter().find(|(_, plan)| **plan == link.volume) {
            variables.insert(format!("KECS_VOLUME_{}", variable_name(volume)), text(&plan.path(context.folder))?);
        }
    }
    for artifact in artifacts {
        let path = context.folder.join(below(&root, &artifact.path));
        variables.insert(format!("KECS_ARTIFACT_{}", artifact.number), text(&path)?);
    }
    variables.extend(environment.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())));
    variables.insert(TASK_MARK.to_owned(), context.spec.task.id.to_string());

    let program = ProgramOrder {
        arguments,
        environment: variables.into_iter().collect(),
        directory: directory(working_directory.as_deref(), &root, &links_of_mounts),
        identity: user.as_deref().filter(|user| !user.is_empty()).map(user::identity).transpose()?.flatten(),
        limits: ulimits.iter().map(limit).collect::<Result<_, _>>()?,
        no_new_privileges: security_options
            .iter()
            .any(|option| matches!(option.as_str(), "no-new-privileges" | "no-new-privileges:true")),
    };
    let started = |container: &str| DependencyOrder { container: container.to_owned(), condition: Condition::Start };
    let order = ContainerOrder {
        name: name.clone(),
        essential: *essential,
        depends_on: depends_on
            .iter()
            .map(|need| DependencyOrder { container: need.container.clone(), condition: need.condition })
            .chain(volumes_from.iter().map(|(other, _)| started(other)))
            .chain(links.iter().map(|link| started(link.split_once(':').map_or(link.as_str(), |(other, _)| other))))
            .collect(),
        start_timeout: *start_timeout,
        stop_timeout: *stop_timeout,
        restart: restart.as_ref().map(|policy| RestartOrder {
            ignored_exit_codes: policy.ignored_exit_codes.clone(),
            attempt_period: policy.attempt_period,
        }),
        health_check: health_check.as_ref().map(health),
        bindings,
        blocking_output: *blocking_output,
        program,
    };
    Ok((order, links_of_mounts))
}

fn invalid(message: String) -> Refusal {
    Refusal::Backend(BackendError::new(ErrorKind::Invalid, message))
}

/// Environment variables.
type Variables = Vec<(String, String)>;

/// The container's folder in the task's.
pub(super) fn root(name: &str) -> PathBuf {
    Path::new("containers").join(name)
}

fn text(path: &Path) -> Result<String, Refusal> {
    path.to_str().map(str::to_owned).ok_or_else(|| invalid(format!("the data folder {} is not UTF-8", path.display())))
}

/// Upper case, and `_` for what a shell would not take in a variable's name.
fn variable_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect()
}

/// What the container mounts by itself, because another one does, or as scratch space.
fn mount(
    name: &str,
    mounts: &[Mount],
    volumes_from: &[(String, bool)],
    tmpfs: &[Tmpfs],
    context: &Context<'_>,
    volumes: &mut BTreeMap<String, VolumePlan>,
) -> Result<Vec<Link>, Refusal> {
    let mut links: Vec<Link> = Vec::new();
    let others = volumes_from.iter().flat_map(|(other, _)| {
        context.spec.containers.iter().filter(move |container| container.name == *other).flat_map(|other| &other.mounts)
    });
    // `readOnly` is not enforced: a link has the rights of what it leads to.
    for Mount { volume, path, read_only: _ } in mounts.iter().chain(others) {
        let Some(plan) = volumes.get(volume) else {
            return Err(invalid(format!("container {name} mounts volume {volume}, which is not there")));
        };
        add(&mut links, Link { container: root(name), path: path.clone(), volume: plan.clone() })?;
    }
    for Tmpfs { path, size: _, options: _ } in tmpfs {
        let volume = format!("tmpfs-{name}-{}", path.trim_matches('/'));
        let plan = volumes::of_task(&volume);
        volumes.insert(volume, plan.clone());
        add(&mut links, Link { container: root(name), path: path.clone(), volume: plan })?;
    }
    Ok(links)
}

/// Adds a mount. The same path a second time changes nothing.
fn add(links: &mut Vec<Link>, link: Link) -> Result<(), Refusal> {
    let path = |link: &Link| below(Path::new("/"), &link.path);
    let new = path(&link);
    match links.iter().map(path).find(|other| other.starts_with(&new) || new.starts_with(other)) {
        Some(other) if other == new => {}
        Some(other) => {
            return Err(unsupported(format_args!("a mount inside of a mount ({} and {})", new.display(), other.display())));
        }
        None => links.push(link),
    }
    Ok(())
}

/// The ports of the host that the container gets, and the variables that tell it of those that were chosen.
fn bind(mappings: &[PortMapping], context: &Context<'_>, ports: &mut Ports) -> Result<(Vec<BindingRecord>, Variables), Refusal> {
    let task = context.spec.task.id;
    let mut bindings = Vec::new();
    let mut variables = Vec::new();
    for PortMapping { name: _, container_port, container_port_end, host_port, protocol, app_protocol: _ } in mappings {
        let is_chosen = context.spec.network_mode == NetworkMode::Bridge && host_port.is_none() && container_port_end.is_none();
        if is_chosen {
            let port = ports.choose(task, *protocol).ok_or_else(|| cannot_start("no port of the host is free"))?;
            bindings.push(BindingRecord { container_port: *container_port, host_port: port, protocol: *protocol });
            variables.push((format!("KECS_PORT_{container_port}"), port.to_string()));
            continue;
        }
        // There is no address translation: a range is itself, and so is every port that is not declared otherwise.
        for port in *container_port..=container_port_end.unwrap_or(*container_port) {
            let mut host_port = host_port.unwrap_or(port);
            if !ports.take(task, *protocol, host_port) {
                // On AWS every `awsvpc` task has an address of its own, so that none is in another's way: here it is told of a free port.
                let elsewhere = (context.spec.network_mode == NetworkMode::AwsVpc).then(|| ports.choose(task, *protocol)).flatten();
                host_port = elsewhere
                    .ok_or_else(|| cannot_start(format_args!("Bind for 0.0.0.0:{host_port} failed: port is already allocated")))?;
            }
            bindings.push(BindingRecord { container_port: port, host_port, protocol: *protocol });
            if container_port_end.is_none() {
                variables.push((format!("KECS_PORT_{port}"), host_port.to_string()));
            }
        }
    }
    if let [BindingRecord { container_port, host_port, .. }] = bindings[..]
        && container_port != host_port
    {
        // What most frameworks read; the container's own environment comes later and wins.
        variables.push(("PORT".to_owned(), host_port.to_string()));
    }
    Ok((bindings, variables))
}

/// Where the container starts: its own folder, a folder of the host that exists, or one that is made in its own folder. What it mounts
/// there comes first.
fn directory(wanted: Option<&str>, root: &Path, links: &[Link]) -> PathBuf {
    let Some(wanted) = wanted.filter(|path| !path.is_empty()) else { return root.to_owned() };
    let inside = below(root, wanted);
    let is_mounted = links.iter().any(|link| inside.starts_with(below(root, &link.path)));
    let path = Path::new(wanted);
    if !is_mounted && path.is_absolute() && path.is_dir() { path.to_owned() } else { inside }
}

fn limit(Ulimit { name, soft, hard }: &Ulimit) -> Result<Limit, Refusal> {
    if !limit_exists(name) {
        return Err(invalid(format!("there is no ulimit {name}")));
    }
    // -1 is unlimited, and so is the system's word for it: no value.
    let value = |number: i64| u64::try_from(number).ok();
    Ok(Limit { name: name.clone(), soft: value(*soft), hard: value(*hard) })
}

fn health(HealthCheck { command, interval, timeout, retries, start_period }: &HealthCheck) -> HealthCheckOrder {
    let arguments = match command {
        HealthCommand::Exec(arguments) => arguments.clone(),
        HealthCommand::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
    };
    HealthCheckOrder { arguments, interval: *interval, timeout: *timeout, retries: *retries, start_period: *start_period }
}

/// Makes the container's own folder.
pub(super) fn prepare(order: &ContainerOrder, folder: &Path) -> io::Result<()> {
    let root = folder.join(root(&order.name));
    create_folder(&root, 0o755)?;
    own(&root, order)
}

/// Makes the folder that the container starts in, once its mounts are there.
pub(super) fn prepare_directory(order: &ContainerOrder, folder: &Path) -> io::Result<()> {
    let directory = &order.program.directory;
    if directory.is_absolute() || folder.join(directory).is_dir() {
        return Ok(());
    }
    create_folder(&folder.join(directory), 0o755)?;
    own(&folder.join(directory), order)
}

fn own(path: &Path, order: &ContainerOrder) -> io::Result<()> {
    match &order.program.identity {
        Some(identity) => chown(path, Some(identity.uid), Some(identity.gid)),
        None => Ok(()),
    }
}
