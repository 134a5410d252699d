//! The seam to how an emulator is run: as a process, by somebody else, or by a deployer from elsewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::config::LocalStackConfig;
use super::error::LocalStackError;
use super::status::InstallProgress;
use crate::BaseUrl;

/// Runs emulators. One deployer serves several [`LocalStack`](crate::LocalStack)s, each with a name of its own.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Deployer: fmt::Debug + Send + Sync + 'static {
    /// Whether this could be deployed, as far as it can be told without doing so. Changes nothing.
    fn check(&self, config: &LocalStackConfig) -> Result<(), LocalStackError>;

    /// Brings one up and returns as soon as it was started; it may not answer yet. Whatever an earlier one of the same name left behind is
    /// ended before, or taken up where it is the same. Dropping the future undoes it as far as it went.
    async fn deploy(&self, order: DeployOrder) -> Result<Box<dyn Deployment>, LocalStackError>;

    /// Ends what a `kecs` that was killed left running of this name, where [`deploy`](Self::deploy) would not take it up. Told once, before anything is
    /// deployed. By default there is no such thing.
    async fn end_leftover(&self, name: &str) -> Result<(), LocalStackError> {
        let _ = name;
        Ok(())
    }

    /// The names of those of which something is there, whoever deployed them: earlier runs, too.
    async fn names(&self) -> Result<Vec<String>, LocalStackError>;

    /// Ends the emulator of this name, and keeps what is in it: its cluster is there, and may have it again. What is not there is no error.
    async fn retire(&self, name: &str) -> Result<(), LocalStackError>;

    /// Removes the emulator of this name with all that it kept: its cluster is gone. What is not there is no error.
    async fn remove(&self, name: &str) -> Result<(), LocalStackError>;

    /// What the emulator of this name says, the last `tail` lines of it (all that is kept, if `None`), and with `follow` whatever comes, across
    /// its restarts. Kept within bounds: the oldest lines are forgotten.
    fn logs(&self, name: &str, tail: Option<usize>, follow: bool) -> BoxStream<'static, Result<String, LocalStackError>>;
}

/// What is to be brought up.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeployOrder {
    /// Tells it from others of the same deployer. It is a folder's name.
    pub name: Arc<str>,
    /// What it is to be.
    pub config: Arc<LocalStackConfig>,
    /// The last start did not lead to an answer: look whether what is installed is whole.
    pub suspicious: bool,
    /// Told how far an installation has come, at every step.
    pub progress: ProgressFn,
    /// Told what is waited for, in one phrase, whenever that changes.
    pub waiting: WaitingFn,
}

/// See [`DeployOrder::progress`].
pub type ProgressFn = Arc<dyn Fn(InstallProgress) + Send + Sync>;

/// See [`DeployOrder::waiting`].
pub type WaitingFn = Arc<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for DeployOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeployOrder")
            .field("name", &self.name)
            .field("config", &self.config)
            .field("suspicious", &self.suspicious)
            .finish_non_exhaustive()
    }
}

/// An emulator that was brought up. Dropping it ends it at once, if it is ours and a part of this process's host.
#[async_trait]
pub trait Deployment: fmt::Debug + Send + Sync + 'static {
    /// Where it answers.
    fn endpoint(&self) -> &BaseUrl;

    /// Whether it may be ended and started again when it does not answer.
    fn is_ours(&self) -> bool;

    /// Waits for its end and says how it ended, in one line. Never returns for one that is not ours. May be dropped and called again.
    async fn ended(&mut self) -> String;

    /// Ends all of it: politely, and after `grace` by force. Nothing for one that is not ours.
    async fn stop(&mut self, grace: Duration);
}
