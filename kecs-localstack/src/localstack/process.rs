//! An emulator as a process of this host.
//!
//! ```text
//! <data>/localstack/
//!   python/<emulator>-<version>/   a virtual environment, from a lock of this crate
//!   instances/<name>/output/       what the emulator said
//!   instances/<name>/root/         where the emulator keeps its files
//! ```

mod group;
mod leftover;
mod output;
mod python;
mod variables;
mod venv;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::{Emulator, LocalStackConfig};
use super::deployer::{DeployOrder, Deployer, Deployment};
use super::edition;
use super::error::LocalStackError;
use crate::BaseUrl;
use group::ProcessGroup;
use output::OutputLog;
use venv::Environments;

/// Names the instance's folder in the environment of each process of an emulator, so that all of them are found whatever became of `kecs`.
const MARK: &str = "KECS_LOCALSTACK";

/// How long its last words are waited for when it has ended; somebody else may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Settings of a [`ProcessDeployer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessConfig {
    /// Where everything is kept, in the folder `localstack`; made if it is not there. One deployer at a time may use it.
    pub data_dir: PathBuf,
    /// The Python that environments are made with. Default: the first fitting one of `python3.13` … `python3`, `python` on the `PATH`.
    pub python: Option<PathBuf>,
    /// A Python that has the emulator already: nothing is installed, and the version is whatever it has. Default: none.
    pub ready_python: Option<PathBuf>,
    /// The environment of `kecs`. The emulator gets a few basics of it only. Default: this process's.
    pub environment: BTreeMap<OsString, OsString>,
    /// How large one of the two files grows that keep an emulator's output, in bytes. Default: 5 MiB.
    pub log_file_size: u64,
}

impl ProcessConfig {
    /// The defaults, with what has none.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            python: None,
            ready_python: None,
            environment: std::env::vars_os().collect(),
            log_file_size: 5 * 1024 * 1024,
        }
    }
}

/// Runs emulators as processes of this host, from Python packages that it installs where they are missing.
///
/// An emulator ends with `kecs`; one that outlived a `kecs` that was killed is ended as soon as there is a [`LocalStack`](crate::LocalStack) of its name again. (Where there is
/// no `/proc` it cannot be found; the next one then runs beside it on another port.)
#[derive(Debug)]
pub struct ProcessDeployer {
    config: ProcessConfig,
    environments: Environments,
    instances: Mutex<HashMap<Arc<str>, Instance>>,
}

/// What stays of an instance across its restarts.
#[derive(Clone, Debug, Default)]
struct Instance {
    port: Option<u16>,
    output: Option<Arc<OutputLog>>,
}

impl ProcessDeployer {
    /// A deployer; nothing is touched yet.
    pub fn new(config: ProcessConfig) -> Self {
        let environments = Environments::new(config.data_dir.join("localstack/python"), config.python.clone(), &config.environment);
        Self { config, environments, instances: Mutex::default() }
    }

    /// Ends what a `kecs` that was killed left running, of every name: for a start without LocalStack, or with fewer of them.
    ///
    /// # Errors
    /// If a process cannot be ended.
    pub async fn end_leftovers(&self) -> Result<(), LocalStackError> {
        let instances = self.config.data_dir.join("localstack/instances");
        let Ok(mark) = instances.canonicalize() else { return Ok(()) };
        leftover::end_below(mark).await.map_err(LocalStackError::folder(instances))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.config.data_dir.join("localstack/instances").join(name)
    }

    fn output(&self, name: &str) -> Result<Arc<OutputLog>, LocalStackError> {
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let instance = instances.entry(Arc::from(name)).or_default();
        if let Some(output) = &instance.output {
            return Ok(Arc::clone(output));
        }
        let folder = self.folder(name).join("output");
        let output = OutputLog::open(folder.clone(), self.config.log_file_size).map_err(LocalStackError::folder(folder))?;
        Ok(Arc::clone(instance.output.insert(Arc::new(output))))
    }

    /// The port that is asked for, or the one that the instance had before, or a free one.
    fn port(&self, name: &str, wanted: Option<u16>) -> Result<u16, LocalStackError> {
        if let Some(port) = wanted {
            return if is_free(port) { Ok(port) } else { Err(LocalStackError::PortTaken { port }) };
        }
        let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        let before = instances.get(name).and_then(|instance| instance.port).filter(|port| is_free(*port));
        let others: Vec<u16> = instances.values().filter_map(|instance| instance.port).collect();
        // The system may offer one that another instance has which does not listen yet; it seldom does so twice.
        let fresh = || (0..64).find_map(|_| free_port().filter(|port| !others.contains(port)));
        let port = before.or_else(fresh).ok_or(LocalStackError::PortTaken { port: 0 })?;
        instances.entry(Arc::from(name)).or_default().port = Some(port);
        Ok(port)
    }
}

#[async_trait]
impl Deployer for ProcessDeployer {
    fn check(&self, config: &LocalStackConfig) -> Result<(), LocalStackError> {
        config.check()?;
        if self.config.ready_python.is_none() {
            edition::edition(config.emulator, config.version())?;
        }
        Ok(())
    }

    async fn deploy(&self, order: DeployOrder) -> Result<Box<dyn Deployment>, LocalStackError> {
        self.check(&order.config)?;
        let python = if let Some(python) = &self.config.ready_python {
            python.clone()
        } else {
            let edition = edition::edition(order.config.emulator, order.config.version())?;
            self.environments.ensure(edition, order.suspicious, &*order.progress).await?
        };
        let folder = self.folder(&order.name);
        let output = self.output(&order.name)?;
        let root = folder.join("root");
        tokio::fs::create_dir_all(&root).await.map_err(LocalStackError::folder(&root))?;
        let mark = folder.canonicalize().map_err(LocalStackError::folder(&folder))?;
        leftover::end(mark.clone()).await.map_err(LocalStackError::folder(&folder))?;
        let port = self.port(&order.name, order.config.port)?;

        let mut variables = variables::variables(&order.config, port, &mark, &self.config.environment)?;
        variables.insert(MARK.into(), mark.clone().into());
        let start = |source| LocalStackError::Start { program: python.clone(), source };
        let (reader, writer) = std::io::pipe().map_err(start)?;
        let mut command = Command::new(&python);
        command.args(arguments(order.config.emulator, port)).current_dir(&root).env_clear().envs(variables);
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(start)?).stderr(writer);
        let group = ProcessGroup::start(&mut command).map_err(start)?;
        // The command holds the writing ends: without this the pipe would never end.
        drop(command);
        let reading = tokio::spawn(output::keep(reader.into(), Arc::clone(&output)));
        tracing::info!(name = %order.name, port, "{} {} starts", order.config.emulator.name(), order.config.version());
        let endpoint = format!("http://127.0.0.1:{port}").parse().expect("an address and a port are a URL");
        Ok(Box::new(Process { endpoint, mark, group, output, reading, ended: None }))
    }

    async fn end_leftover(&self, name: &str) -> Result<(), LocalStackError> {
        let folder = self.folder(name);
        let Ok(mark) = folder.canonicalize() else { return Ok(()) };
        leftover::end(mark).await.map_err(LocalStackError::folder(folder))
    }

    async fn names(&self) -> Result<Vec<String>, LocalStackError> {
        let instances = self.config.data_dir.join("localstack/instances");
        // Before the first one there is no such folder.
        let entries = std::fs::read_dir(instances).into_iter().flatten().flatten();
        Ok(entries.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    async fn retire(&self, name: &str) -> Result<(), LocalStackError> {
        self.end_leftover(name).await
    }

    async fn remove(&self, name: &str) -> Result<(), LocalStackError> {
        self.retire(name).await?;
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let folder = self.folder(name);
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LocalStackError::folder(folder)(error)),
            _ => Ok(()),
        }
    }

    fn logs(&self, name: &str, tail: Option<usize>, follow: bool) -> BoxStream<'static, Result<String, LocalStackError>> {
        let folder = self.folder(name).join("output");
        output::lines(self.output(name), folder, tail, follow)
    }
}

fn arguments(emulator: Emulator, port: u16) -> Vec<String> {
    let port = port.to_string();
    let words: &[&str] = match emulator {
        Emulator::LocalStack => &["-m", "localstack.runtime.main"],
        Emulator::Moto => &["-m", "moto.server", "-H", "127.0.0.1", "-p", &port],
    };
    words.iter().map(|&word| word.to_owned()).collect()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free_port() -> Option<u16> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    bound.ok().map(|address| address.port())
}

/// An emulator that runs.
#[derive(Debug)]
struct Process {
    endpoint: BaseUrl,
    mark: PathBuf,
    group: ProcessGroup,
    output: Arc<OutputLog>,
    /// Ends with its output.
    reading: JoinHandle<()>,
    ended: Option<String>,
}

#[async_trait]
impl Deployment for Process {
    fn endpoint(&self) -> &BaseUrl {
        &self.endpoint
    }

    fn is_ours(&self) -> bool {
        true
    }

    async fn ended(&mut self) -> String {
        if self.ended.is_none() {
            let how = match self.group.wait().await {
                Ok(status) => how(status),
                Err(error) => format!("it cannot be waited for: {error}"),
            };
            let _ = timeout(LAST_WORDS, &mut self.reading).await;
            self.ended = Some(match self.output.last_line() {
                Some(words) => format!("{how}, and said last: {words}"),
                None => how,
            });
        }
        self.ended.clone().unwrap_or_default()
    }

    async fn stop(&mut self, grace: Duration) {
        if self.ended.is_none() {
            self.group.end(grace).await;
        }
        // What left the group.
        if let Err(error) = leftover::end(self.mark.clone()).await {
            tracing::warn!(%error, "what is left of an emulator cannot be ended");
        }
    }
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it exited with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// The variables of `from` with these names.
fn pick(from: &BTreeMap<OsString, OsString>, names: &[&str]) -> BTreeMap<OsString, OsString> {
    names.iter().filter_map(|name| from.get_key_value(Path::new(name).as_os_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
}
