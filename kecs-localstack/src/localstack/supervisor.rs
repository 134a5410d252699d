//! Keeps one emulator up: starts it, watches it, starts it again. The only one who changes its status.

use std::sync::Arc;
use std::time::Duration;

use kecs_core::Report;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::config::LocalStackConfig;
use super::deployer::{DeployOrder, Deployer, Deployment};
use super::health::{self, Health};
use super::status::{InstallProgress, LocalStackState, LocalStackStatus};
use crate::seed::Target;
use crate::{AwsClient, HttpBackend, HttpBackendConfig};

/// How often an emulator that starts is asked whether it answers yet: all of them can be asked, and a start takes seconds.
const STARTING_INTERVAL: Duration = Duration::from_millis(100);

/// What a supervisor is told. The sender of each is answered when it took effect; an answer that nobody waits for is no error.
#[derive(Debug)]
pub(super) enum Command {
    /// Start, unless it is up or on its way.
    Start,
    /// End it. Answered when it is gone.
    Stop(oneshot::Sender<()>),
    /// End it if it is up, and start it like this. Answered when the old one is gone and the new one is on its way.
    Restart(Arc<LocalStackConfig>, oneshot::Sender<()>),
}

pub(super) struct Supervisor {
    pub(super) name: Arc<str>,
    pub(super) config: Arc<LocalStackConfig>,
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) status: Arc<watch::Sender<LocalStackStatus>>,
}

/// What ended a life.
enum End {
    /// It must be started again, for this reason.
    Again { reason: String, was_up: Option<Duration> },
    /// It was not deployed, and it is of no use to try again.
    GaveUp(String),
}

impl Supervisor {
    /// Does as it is told until nobody can tell it anything any more; then the emulator ends.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        // Now, since it may be long until it is first called. Here, so that it is over before another is deployed.
        if let Err(error) = self.deployer.end_leftover(&self.name).await {
            tracing::warn!(name = %self.name, error = %Report(&error), "what an earlier kecs left of it cannot be ended");
        }
        while let Some(command) = commands.recv().await {
            match command {
                Command::Start => {}
                Command::Stop(done) => {
                    // It may stand at `failed`.
                    self.settle(LocalStackState::Disabled, None);
                    let _ = done.send(());
                    continue;
                }
                Command::Restart(config, done) => self.restarting(config, done),
            }
            self.keep_up(&mut commands).await;
        }
    }

    /// Returns when it was stopped, or given up.
    async fn keep_up(&mut self, commands: &mut mpsc::Receiver<Command>) {
        let mut failures = 0;
        let mut pause = self.config.timing.first_pause;
        self.settle(LocalStackState::Starting, None);
        loop {
            let mut deployment = None;
            let came = tokio::select! {
                command = told(commands) => Ok(command),
                end = self.live(&mut deployment, failures > 0) => Err(end),
            };
            let end_it = async |grace: Duration| {
                if let Some(mut deployment) = deployment {
                    deployment.stop(grace).await;
                }
            };
            let end = match came {
                Ok(command) => {
                    // One that is not up yet has nothing to lose, and heeds no signal before it is.
                    let is_up = self.status.borrow().state != LocalStackState::Starting;
                    self.announce(command.as_ref());
                    end_it(if is_up { self.config.timing.stop } else { Duration::ZERO }).await;
                    if !self.obey(command) {
                        return;
                    }
                    (failures, pause) = (0, self.config.timing.first_pause);
                    continue;
                }
                Err(end) => end,
            };
            // Who ended, or hangs, is not asked politely.
            let (reason, was_up) = match end {
                End::GaveUp(reason) => {
                    tracing::error!(name = %self.name, %reason, "{} does not start", self.config.emulator.name());
                    self.settle(LocalStackState::Failed, Some(reason));
                    return;
                }
                End::Again { reason, was_up } => (reason, was_up),
            };
            self.settle(LocalStackState::Starting, Some(reason.clone()));
            end_it(Duration::ZERO).await;
            match was_up {
                Some(time) if time >= self.config.timing.steady_after => (failures, pause) = (0, self.config.timing.first_pause),
                Some(_) => failures = 0,
                None => failures += 1,
            }
            if failures >= self.config.timing.give_up_after {
                tracing::error!(name = %self.name, %reason, "{} does not start", self.config.emulator.name());
                let reason = format!("{failures} starts in a row failed, the last one so: {reason}");
                self.settle(LocalStackState::Failed, Some(reason));
                return;
            }
            tracing::warn!(name = %self.name, %reason, "{} is started again", self.config.emulator.name());
            self.status.send_modify(|status| status.restarts += 1);
            tokio::select! {
                command = told(commands) => {
                    self.announce(command.as_ref());
                    if !self.obey(command) {
                        return;
                    }
                    (failures, pause) = (0, self.config.timing.first_pause);
                }
                () = sleep(pause) => pause = (pause * 2).min(self.config.timing.longest_pause),
            }
        }
    }

    /// The status comes first, so that nobody calls what is being ended.
    fn announce(&self, command: Option<&Command>) {
        let state =
            if matches!(command, Some(Command::Restart(..))) { LocalStackState::Starting } else { LocalStackState::Disabled };
        self.settle(state, None);
    }

    /// Does what was told once the emulator is gone. Whether to go on.
    fn obey(&mut self, command: Option<Command>) -> bool {
        match command {
            Some(Command::Restart(config, done)) => {
                self.restarting(config, done);
                true
            }
            Some(Command::Stop(done)) => {
                let _ = done.send(());
                false
            }
            Some(Command::Start) | None => false,
        }
    }

    fn restarting(&mut self, config: Arc<LocalStackConfig>, done: oneshot::Sender<()>) {
        self.config = config;
        self.settle(LocalStackState::Starting, None);
        let _ = done.send(());
    }

    /// One life of the emulator, from its deployment to its end. The deployment is left to the caller to end.
    async fn live(&self, slot: &mut Option<Box<dyn Deployment>>, suspicious: bool) -> End {
        let order = DeployOrder {
            name: Arc::clone(&self.name),
            config: Arc::clone(&self.config),
            suspicious,
            progress: Arc::new({
                let status = Arc::clone(&self.status);
                move |progress: InstallProgress| {
                    status.send_modify(|status| {
                        status.reason = Some(progress.to_string());
                        status.progress = Some(progress);
                    });
                }
            }),
            waiting: Arc::new({
                let status = Arc::clone(&self.status);
                move |what: &str| status.send_modify(|status| status.reason = Some(what.to_owned()))
            }),
        };
        let deployment = match self.deployer.deploy(order).await {
            Ok(deployment) => slot.insert(deployment),
            Err(error) => return End::GaveUp(Report(&error).to_string()),
        };
        self.status.send_modify(|status| (status.reason, status.progress) = (None, None));
        let backend = HttpBackend::new(deployment.endpoint().clone(), HttpBackendConfig::default());
        let is_ours = deployment.is_ours();

        let health = tokio::select! {
            how = deployment.ended() => return End::Again { reason: how, was_up: None },
            health = self.answers(&backend, is_ours) => match health {
                Ok(health) => health,
                Err(reason) => return End::Again { reason, was_up: None },
            },
        };
        let up_since = Instant::now();
        let seeded = tokio::select! {
            how = deployment.ended() => return End::Again { reason: how, was_up: Some(up_since.elapsed()) },
            seeded = self.seed(&backend) => seeded,
        };
        let reason = tokio::select! {
            how = deployment.ended() => how,
            reason = self.attend(&backend, health, seeded.err(), is_ours) => reason,
        };
        End::Again { reason, was_up: Some(up_since.elapsed()) }
    }

    /// Makes what it is to have. The error is one line for all that could not be made.
    async fn seed(&self, backend: &HttpBackend) -> Result<(), String> {
        if self.config.seed.is_empty() {
            return Ok(());
        }
        self.status.send_modify(|status| status.reason = Some("its seed is being made".to_owned()));
        // A service is loaded by its first call, and a slow machine takes its time for that.
        let client = AwsClient::new(Arc::new(backend.clone())).with_timeout(self.config.timing.seed);
        let target = Target { client: &client, scope: &self.config.scope, endpoint: backend.url().as_str() };
        match timeout(self.config.timing.seed, self.config.seed.apply(&target)).await {
            Ok(seeded) => seeded,
            Err(_) => Err(format!("the seed took longer than {} s", self.config.timing.seed.as_secs())),
        }
    }

    /// Waits until it answers. One that is not ours is waited for as long as it takes.
    async fn answers(&self, backend: &HttpBackend, is_ours: bool) -> Result<Health, String> {
        let limit = self.config.timing.start;
        let deadline = Instant::now() + limit;
        loop {
            let why = match timeout(self.config.timing.health, health::ask(backend, self.config.emulator)).await {
                Ok(Ok(health)) => return Ok(health),
                Ok(Err(why)) => why,
                Err(_) => format!("{} does not answer", backend.url()),
            };
            if is_ours && Instant::now() >= deadline {
                return Err(format!("it did not become ready in {} s: {why}", limit.as_secs()));
            }
            self.status.send_if_modified(|status| {
                let is_news = !is_ours && status.reason.as_ref() != Some(&why);
                if is_news {
                    status.reason = Some(why);
                }
                is_news
            });
            sleep(if is_ours { STARTING_INTERVAL } else { self.config.timing.first_pause }).await;
        }
    }

    /// Tells how it is for as long as it is up. Returns why it must be started again.
    async fn attend(&self, backend: &HttpBackend, health: Health, seed_failure: Option<String>, is_ours: bool) -> String {
        let timing = &self.config.timing;
        let mut unanswered = 0;
        self.is_up(backend, health, seed_failure.as_ref());
        tracing::info!(name = %self.name, url = %backend.url(), "{} {} answers", self.config.emulator.name(), self.config.version());
        loop {
            sleep(timing.health_interval).await;
            let why = match timeout(timing.health, health::ask(backend, self.config.emulator)).await {
                Ok(Ok(health)) => {
                    unanswered = 0;
                    self.is_up(backend, health, seed_failure.as_ref());
                    continue;
                }
                Ok(Err(why)) => why,
                Err(_) => format!("{} did not answer within {} ms", backend.url(), timing.health.as_millis()),
            };
            unanswered += 1;
            if is_ours && unanswered >= timing.hung_after {
                return format!("it hung: {why}");
            }
            self.status.send_modify(|status| {
                status.state = LocalStackState::Degraded;
                status.reason = Some(why);
            });
        }
    }

    /// It answered.
    fn is_up(&self, backend: &HttpBackend, health: Health, seed_failure: Option<&String>) {
        let broken: Vec<&str> =
            health.services.iter().filter(|(_, state)| *state == "error").map(|(name, _)| name.as_str()).collect();
        let broken = (!broken.is_empty()).then(|| format!("{} reports an error: see its log", broken.join(", ")));
        let reasons: Vec<String> = seed_failure.cloned().into_iter().chain(broken).collect();
        self.status.send_if_modified(|status| {
            let mut now = status.clone();
            now.state = if reasons.is_empty() { LocalStackState::Ready } else { LocalStackState::Degraded };
            now.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
            now.endpoint = Some(backend.url().to_string());
            now.version = health.version.unwrap_or_else(|| now.version.clone());
            now.services = health.services;
            let changed = now != *status;
            *status = now;
            changed
        });
    }

    /// It is not up.
    fn settle(&self, state: LocalStackState, reason: Option<String>) {
        self.status.send_modify(|status| {
            *status = LocalStackStatus { state, reason, restarts: status.restarts, ..LocalStackStatus::new(&self.config) };
        });
    }
}

/// The next command that changes something for one that is up or on its way; `None` when there will be none.
async fn told(commands: &mut mpsc::Receiver<Command>) -> Option<Command> {
    loop {
        match commands.recv().await {
            Some(Command::Start) => {}
            command => return command,
        }
    }
}
