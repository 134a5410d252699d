//! The life of an emulator: started, watched, started again, changed and stopped.

mod backend;
mod config;
mod deployer;
mod edition;
mod error;
mod external;
mod health;
mod process;
mod status;
mod supervisor;
mod variables;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot, watch};

pub use backend::LocalStackBackend;
pub use config::{Emulator, LocalStackConfig, Timing};
pub use deployer::{DeployOrder, Deployer, Deployment, ProgressFn, WaitingFn};
pub use edition::localstack_services;
pub use error::LocalStackError;
pub use external::ExternalDeployer;
pub use process::{ProcessConfig, ProcessDeployer};
pub use status::{InstallProgress, LocalStackState, LocalStackStatus, NotReady};
use supervisor::{Command, Supervisor};

/// One LocalStack (or another [`Emulator`]), kept as it is wanted.
///
/// It is [disabled](LocalStackState::Disabled) until it is [started](Self::start). When it ends by itself, or hangs, it is started again with a
/// pause that doubles. Dropping this ends it.
#[derive(Debug)]
pub struct LocalStack {
    name: Arc<str>,
    deployer: Arc<dyn Deployer>,
    /// What it was last asked to be.
    config: Mutex<Arc<LocalStackConfig>>,
    /// Held while the services change, so that each change starts from the one before.
    changing: tokio::sync::Mutex<()>,
    commands: mpsc::Sender<Command>,
    status: Arc<watch::Sender<LocalStackStatus>>,
}

impl LocalStack {
    /// A LocalStack called `name`, which tells it from others of the same deployer and is the name of a folder. Needs a Tokio runtime, where it
    /// is watched.
    ///
    /// # Errors
    /// What [`Deployer::check`] refuses.
    pub fn new(name: &str, config: LocalStackConfig, deployer: Arc<dyn Deployer>) -> Result<Self, LocalStackError> {
        deployer.check(&config)?;
        let (name, config) = (Arc::from(name), Arc::new(config));
        let (commands, told) = mpsc::channel(8);
        let status = Arc::new(watch::Sender::new(LocalStackStatus::new(&config)));
        let supervisor = Supervisor {
            name: Arc::clone(&name),
            config: Arc::clone(&config),
            deployer: Arc::clone(&deployer),
            status: Arc::clone(&status),
        };
        tokio::spawn(supervisor.run(told));
        Ok(Self { name, deployer, config: Mutex::new(config), changing: tokio::sync::Mutex::default(), commands, status })
    }

    /// Begins to start it, unless it is up or on its way, or not [enabled](LocalStackConfig::enabled). Returns at once: await
    /// [`ready`](Self::ready).
    pub fn start(&self) {
        if !self.config().enabled {
            return;
        }
        // So that whoever asks for it from here on waits; and before the supervisor is told, who may have failed with it a moment later.
        self.status.send_if_modified(LocalStackStatus::begin);
        // A full queue holds commands of which each leaves it started or was meant to stop it.
        let _ = self.commands.try_send(Command::Start);
    }

    /// Ends it and waits until it is gone. Nothing if it is not up.
    pub async fn stop(&self) {
        self.tell(Command::Stop).await;
    }

    /// Ends it if it is up, starts it again, and waits until that begins: await [`ready`](Self::ready). Starts one that
    /// [failed](LocalStackState::Failed), too.
    ///
    /// # Errors
    /// [`LocalStackError::NotEnabled`].
    pub async fn restart(&self) -> Result<(), LocalStackError> {
        let config = self.enabled()?;
        self.tell(|done| Command::Restart(config, done)).await;
        Ok(())
    }

    /// Makes it serve these services too, and these no more; the answer comes when it is up again, and what it says of its services is true.
    /// What is in it is lost, except for its [seed](LocalStackConfig::seed). If nothing changes it is not restarted.
    /// One that was not started yet, or failed, is started.
    ///
    /// # Errors
    /// Before anything is restarted, [`LocalStackError::NotEnabled`], what [`Deployer::check`] refuses, such as a service that it lacks, and [`LocalStackError::NoServiceLeft`].
    /// After that [`LocalStackError::NotReady`] if it is not up within `patience`, [`LocalStackError::StillServed`] and [`LocalStackError::NotServed`].
    pub async fn update_services(
        &self,
        enable: &[String],
        disable: &[String],
        patience: Duration,
    ) -> Result<LocalStackStatus, LocalStackError> {
        let _alone = self.changing.lock().await;
        let old = self.enabled()?;
        let mut config = LocalStackConfig::clone(&old);
        config.services = changed_services(&old, enable, disable)?;
        self.deployer.check(&config)?;
        let served_before = edition::canonical_services(old.emulator, old.version(), &old.services)?;
        if config.services == served_before {
            self.start();
        } else {
            let config = Arc::new(config);
            *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&config);
            self.tell(|done| Command::Restart(config, done)).await;
        }
        self.ready(patience).await?;
        let status = self.status();
        // One that it does not tell of is neither.
        let of_them = |names: &[String], is_disabled: bool| {
            let names = names.iter().map(|name| edition::canonical_service(name));
            let state = |name: &str| status.services.get(name).map(|state| state == "disabled");
            names.filter(|name| state(name) == Some(is_disabled)).collect::<Vec<_>>().join(", ")
        };
        let (still, not) = (of_them(disable, false), of_them(enable, true));
        match (still.as_str(), not.as_str()) {
            ("", "") => Ok(status),
            ("", _) => Err(LocalStackError::NotServed { services: not }),
            _ => Err(LocalStackError::StillServed { services: still }),
        }
    }

    /// Waits until it can be called, and tells where. Returns at once if it is up, disabled or failed.
    ///
    /// # Errors
    /// [`NotReady`] with the reason, if it is not up within `patience`.
    pub async fn ready(&self, patience: Duration) -> Result<String, NotReady> {
        let mut status = self.watch();
        let settled = status.wait_for(|status| status.state != LocalStackState::Starting);
        let status = match tokio::time::timeout(patience, settled).await {
            Ok(Ok(settled)) => settled.clone(),
            // Time is up, or the runtime ends.
            Ok(Err(_)) | Err(_) => self.status(),
        };
        match &status.endpoint {
            Some(endpoint) if status.is_up() => Ok(endpoint.clone()),
            _ => Err(status.not_ready()),
        }
    }

    /// How it is.
    pub fn status(&self) -> LocalStackStatus {
        self.status.borrow().clone()
    }

    /// How it is, without a copy. Not to be held across anything that waits.
    pub(crate) fn current(&self) -> watch::Ref<'_, LocalStackStatus> {
        self.status.borrow()
    }

    /// How it is, now and whenever that changes.
    pub fn watch(&self) -> watch::Receiver<LocalStackStatus> {
        self.status.subscribe()
    }

    /// Where it answers, `http://HOST:PORT`, while it is up.
    pub fn endpoint(&self) -> Option<String> {
        self.status.borrow().endpoint.clone()
    }

    /// What it was last asked to be.
    pub fn config(&self) -> Arc<LocalStackConfig> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, of one that is to be there at all.
    fn enabled(&self) -> Result<Arc<LocalStackConfig>, LocalStackError> {
        let config = self.config();
        if config.enabled { Ok(config) } else { Err(LocalStackError::NotEnabled { name: self.name.to_string() }) }
    }

    /// What it says: see [`Deployer::logs`].
    pub fn logs(&self, tail: Option<usize>, follow: bool) -> BoxStream<'static, Result<String, LocalStackError>> {
        self.deployer.logs(&self.name, tail, follow)
    }

    /// Tells the supervisor, and waits until it took effect.
    async fn tell(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, is_done) = oneshot::channel();
        // Both fail only when the runtime ends, and then nothing runs any more.
        if self.commands.send(command(done)).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

/// The services after a change, by LocalStack's names. All services, which an empty list stands for, become a list when one is disabled.
fn changed_services(config: &LocalStackConfig, enable: &[String], disable: &[String]) -> Result<Vec<String>, LocalStackError> {
    let canonical = |names: &[String]| edition::canonical_services(config.emulator, config.version(), names);
    let (mut services, enable, disable) = (canonical(&config.services)?, canonical(enable)?, canonical(disable)?);
    if services.is_empty() && disable.is_empty() {
        return Ok(services);
    }
    if services.is_empty() {
        services = edition::LOCALSTACK_SERVICES.iter().map(|&name| name.to_owned()).collect();
    }
    services.extend(enable);
    services.retain(|name| !disable.contains(name));
    if services.is_empty() { Err(LocalStackError::NoServiceLeft) } else { canonical(&services) }
}

#[cfg(test)]
mod tests;
