//! The webhook that gives the sidecar to pods which are not tasks (ADR 0022).
//!
//! `inject.rs` says what is added to which pod, as a pure function, and `review.rs` puts that into the API server's words. `server.rs` answers by HTTPS.
//! `certificates.rs` makes and renews what that takes, by the time alone; `keeper.rs` keeps it in a Secret, and tells the API server whom to ask and whom to
//! trust (`registration.rs`).

pub(crate) mod certificates;
mod config;
mod inject;
mod keeper;
mod registration;
mod review;
pub(crate) mod server;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use kecs_core::{BackendError, ErrorKind, Report};
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use config::{FailurePolicy, WebhookAddress, WebhookConfig};

use crate::config::KubernetesConfig;
use crate::tasks::client;
use inject::Injection;
use keeper::Keeper;
use server::Current;

/// How often it is looked whether all is as it should be: often enough for certificates that are renewed a month before their end, and for what an operator
/// removed by mistake.
const LOOKING: Duration = Duration::from_hours(1);
/// The pauses while the API server is away or refuses.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Adds the sidecar to pods that ask for it: those with the annotation `kecs.io/inject-aws-proxy: "true"` in a namespace with the label
/// `kecs.io/inject-aws-proxy: enabled`, and which are no tasks.
///
/// Dropping it ends the server. What is registered stays: pods are created as they are until the next one answers, or are refused until then, as the
/// [`FailurePolicy`] says.
pub struct InjectionWebhook {
    address: SocketAddr,
    ready: watch::Receiver<bool>,
    works: [JoinHandle<()>; 2],
}

impl fmt::Debug for InjectionWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InjectionWebhook").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for InjectionWebhook {
    fn drop(&mut self) {
        self.works.iter().for_each(JoinHandle::abort);
    }
}

impl InjectionWebhook {
    /// Listens, and sees to it that the API server knows and trusts it. Needs a tokio runtime with I/O and time.
    ///
    /// That the API server answers is not needed: as long as it does not, this tries again in the background.
    ///
    /// # Errors
    ///
    /// `Invalid` where the configuration has no sidecar, nothing says how to reach a cluster, or the address cannot be listened on.
    pub async fn start(config: WebhookConfig, kubernetes: &KubernetesConfig) -> Result<Self, BackendError> {
        Self::with_client(client(kubernetes).await?, config, kubernetes).await
    }

    /// The same with a client that is already there.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn with_client(client: Client, config: WebhookConfig, kubernetes: &KubernetesConfig) -> Result<Self, BackendError> {
        let invalid = |what: String| BackendError::new(ErrorKind::Invalid, what);
        let Some(sidecar) = kubernetes.sidecar.clone() else {
            return Err(invalid("the webhook has no sidecar to inject".to_owned()));
        };
        let listener = TcpListener::bind(config.listen).await;
        let listener =
            listener.map_err(|error| invalid(format!("the webhook cannot listen on {}", config.listen)).with_source(error))?;
        let address = listener.local_addr().map_err(|error| invalid("the webhook cannot listen".to_owned()).with_source(error))?;
        let current = Current::default();
        let tls =
            server::acceptor(current.clone()).map_err(|error| invalid("the webhook has no TLS".to_owned()).with_source(error))?;
        let injection = Injection { sidecar, region: config.region.clone() };
        let keeper = Keeper { client, prefix: kubernetes.prefix.clone(), config, clock: kubernetes.clock.clone() };
        let (is_ready, ready) = watch::channel(false);
        let works = [tokio::spawn(server::serve(listener, tls, injection)), tokio::spawn(keep(keeper, current, is_ready))];
        Ok(Self { address, ready, works })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server, and waits until its address is free again.
    pub async fn shutdown(mut self) {
        for work in &mut self.works {
            work.abort();
            // An error says that it was ended.
            drop(work.await);
        }
    }

    /// Waits until the API server was told of it. It may take a moment longer until it asks.
    pub async fn ready(&self) {
        // An error is the end of what would tell, and so of this.
        drop(self.ready.clone().wait_for(|is_ready| *is_ready).await);
    }
}

async fn keep(keeper: Keeper, current: Current, is_ready: watch::Sender<bool>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let looked = keeper.look().await.and_then(|certificates| {
            let unusable =
                |error| BackendError::new(ErrorKind::Invalid, "the certificates of the webhook cannot be used").with_source(error);
            current.set(&certificates).map_err(unusable)
        });
        match looked {
            Ok(()) => {
                is_ready.send_replace(true);
                pause = FIRST_PAUSE;
                tokio::time::sleep(LOOKING).await;
            }
            Err(error) => {
                tracing::warn!(error = %Report(&error), retry_in = ?pause, "the webhook could not be registered");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}
