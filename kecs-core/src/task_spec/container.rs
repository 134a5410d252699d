//! One container of a task.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Artifact, EnvValue, LogRouter, Mount};
use crate::SecretValue;

/// Everything that a backend needs to run one container.
#[derive(Clone, Debug)]
pub struct ContainerSpec {
    /// Unique in the task.
    pub name: String,
    /// The image, as the user wrote it.
    pub image: String,
    /// The credentials for the image's registry: `{"username": …, "password": …}`, as the user's secret has them.
    pub registry_credentials: Option<SecretValue>,
    /// Replaces the image's ENTRYPOINT; `None` keeps it.
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's CMD; `None` keeps it.
    pub command: Option<Vec<String>>,
    /// Replaces the image's WORKDIR; `None` keeps it.
    pub working_directory: Option<String>,
    /// `user`, `uid`, `user:group` or `uid:gid`; `None` is the image's.
    pub user: Option<String>,
    /// The host name that the container sees.
    pub hostname: Option<String>,
    /// The environment in order, each name once.
    pub environment: Vec<(String, EnvValue)>,
    /// Whether the task ends when this container does.
    pub essential: bool,
    /// What must have happened to other containers before this one starts.
    pub depends_on: Vec<Dependency>,
    /// How long this container may take to meet the condition that others wait for; over it, the task fails to start.
    pub start_timeout: Option<Duration>,
    /// From SIGTERM to SIGKILL. ECS's default is 30 s.
    pub stop_timeout: Duration,
    /// Restarts in place, without ending the task; `None` is never.
    pub restart: Option<RestartPolicy>,
    /// How the container's health is found out; `None` leaves it UNKNOWN.
    pub health_check: Option<HealthCheck>,
    /// CPU units (1/1024 of a processor) reserved; 0 is none.
    pub cpu: u32,
    /// Hard limit in MiB.
    pub memory: Option<u32>,
    /// Soft limit in MiB.
    pub memory_reservation: Option<u32>,
    /// The number of GPUs.
    pub gpus: u32,
    /// Ports that the container opens.
    pub ports: Vec<PortMapping>,
    /// Where the container sees the task's volumes.
    pub mounts: Vec<Mount>,
    /// Files that must be there before it starts, in the order in which they are written. One that cannot be had fails the task.
    pub artifacts: Vec<Artifact>,
    /// Containers whose mounts this one has too, and whether it may only read them.
    pub volumes_from: Vec<(String, bool)>,
    /// `container[:alias]` names for bridge mode.
    pub links: Vec<String>,
    /// Resource limits of the processes.
    pub ulimits: Vec<Ulimit>,
    /// Linux-specific settings.
    pub linux: LinuxParameters,
    /// All rights on the host.
    pub privileged: bool,
    /// The image's file system may not be written.
    pub readonly_root: bool,
    /// DNS servers; empty is the backend's.
    pub dns_servers: Vec<String>,
    /// DNS search domains; empty is the backend's.
    pub dns_search: Vec<String>,
    /// `(name, address)` lines for the hosts file.
    pub extra_hosts: Vec<(String, String)>,
    /// No network in the container.
    pub disable_networking: bool,
    /// Security options for SELinux, AppArmor or gMSA.
    pub security_options: Vec<String>,
    /// Keep standard input open.
    pub interactive: bool,
    /// Give it a terminal.
    pub pseudo_terminal: bool,
    /// `dockerLabels`.
    pub labels: BTreeMap<String, String>,
    /// Kernel parameters by name.
    pub sysctls: BTreeMap<String, String>,
    /// Where the output goes; `None` is the backend's default.
    pub log: Option<LogConfiguration>,
    /// Whether the container waits, where it can be held up, until somebody reads its output [so](crate::LogQuery::blocking), instead of losing the oldest.
    pub blocking_output: bool,
    /// What makes it the log router of its task, where it is one. At most one container of a task is.
    pub log_router: Option<LogRouter>,
}

impl ContainerSpec {
    /// An essential container of an image, with what ECS has where a definition says no more.
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            registry_credentials: None,
            entry_point: None,
            command: None,
            working_directory: None,
            user: None,
            hostname: None,
            environment: Vec::new(),
            essential: true,
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: Duration::from_secs(30),
            restart: None,
            health_check: None,
            cpu: 0,
            memory: None,
            memory_reservation: None,
            gpus: 0,
            ports: Vec::new(),
            mounts: Vec::new(),
            artifacts: Vec::new(),
            volumes_from: Vec::new(),
            links: Vec::new(),
            ulimits: Vec::new(),
            linux: LinuxParameters {
                add_capabilities: Vec::new(),
                drop_capabilities: Vec::new(),
                devices: Vec::new(),
                init_process: false,
                shared_memory: None,
                tmpfs: Vec::new(),
                max_swap: None,
                swappiness: None,
            },
            privileged: false,
            readonly_root: false,
            dns_servers: Vec::new(),
            dns_search: Vec::new(),
            extra_hosts: Vec::new(),
            disable_networking: false,
            security_options: Vec::new(),
            interactive: false,
            pseudo_terminal: false,
            labels: BTreeMap::new(),
            sysctls: BTreeMap::new(),
            log: None,
            blocking_output: false,
            log_router: None,
        }
    }
}

/// That another container must have reached a state first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other container.
    pub container: String,
    /// The state.
    pub condition: Condition,
}

/// ECS's `ContainerCondition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Started.
    Start,
    /// Run to the end, whatever the exit code.
    Complete,
    /// Run to the end with exit code 0.
    Success,
    /// Found healthy by its health check.
    Healthy,
}

/// ECS's `restartPolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Exit codes after which it is not restarted.
    pub ignored_exit_codes: Vec<i32>,
    /// How long it must have run before it is restarted again. ECS's default is 300 s.
    pub attempt_period: Duration,
}

/// ECS's `healthCheck`, with its defaults filled in (interval 30 s, timeout 5 s, 3 retries, start period 0).
#[derive(Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is run in the container; exit code 0 is healthy.
    pub command: HealthCommand,
    /// From the end of one check to the start of the next.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// Failures in a row that make the container UNHEALTHY.
    pub retries: u32,
    /// Time from the start in which failures do not count.
    pub start_period: Duration,
}

impl std::fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { command: _, interval, timeout, retries, start_period } = self;
        f.debug_struct("HealthCheck")
            .field("interval", interval)
            .field("timeout", timeout)
            .field("retries", retries)
            .field("start_period", start_period)
            .finish_non_exhaustive()
    }
}

/// How a health check's command is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthCommand {
    /// `CMD`: the words as they are.
    Exec(Vec<String>),
    /// `CMD-SHELL`: one line for the container's shell.
    Shell(String),
}

/// A port that a container opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The port's name, for Service Connect.
    pub name: Option<String>,
    /// The first port in the container; 0 only where `container_port_end` tells of a range.
    pub container_port: u16,
    /// The last port of a `containerPortRange`; `None` is a single port.
    pub container_port_end: Option<u16>,
    /// The port on the host; `None` is one that the backend chooses and reports.
    pub host_port: Option<u16>,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// `http`, `http2` or `grpc`.
    pub app_protocol: Option<String>,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// ECS's `ulimit`; -1 is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// The limit's name as ECS has it, such as `nofile`.
    pub name: String,
    /// The soft limit.
    pub soft: i64,
    /// The hard limit.
    pub hard: i64,
}

/// ECS's `linuxParameters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinuxParameters {
    /// Capabilities added to the default set.
    pub add_capabilities: Vec<String>,
    /// Capabilities dropped from it.
    pub drop_capabilities: Vec<String>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Run an init process that forwards signals and reaps.
    pub init_process: bool,
    /// `/dev/shm`, in MiB.
    pub shared_memory: Option<u32>,
    /// tmpfs mounts.
    pub tmpfs: Vec<Tmpfs>,
    /// Memory and swap together, in MiB.
    pub max_swap: Option<u32>,
    /// 0 to 100.
    pub swappiness: Option<u32>,
}

/// A device of the host in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The path on the host.
    pub host_path: String,
    /// The path in the container.
    pub container_path: String,
    /// `read`, `write`, `mknod`.
    pub permissions: Vec<String>,
}

/// A tmpfs mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// The path in the container.
    pub path: String,
    /// In MiB.
    pub size: u32,
    /// Mount options.
    pub options: Vec<String>,
}

/// ECS's `logConfiguration`.
#[derive(Clone)]
pub struct LogConfiguration {
    /// The log driver, such as `awslogs`.
    pub driver: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
    /// Its secret options, resolved.
    pub secret_options: BTreeMap<String, SecretValue>,
}

impl std::fmt::Debug for LogConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogConfiguration")
            .field("driver", &self.driver)
            .field("options", &self.options.keys().collect::<Vec<_>>())
            .field("secret_options", &self.secret_options.keys().collect::<Vec<_>>())
            .finish()
    }
}
