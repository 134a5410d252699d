//! What pods use, as the kubelets of their nodes measure it.
//!
//! A kubelet is asked directly, not through the API server: that takes rights to read statistics (`nodes/stats`, `nodes/metrics`), and not one to everything
//! that a kubelet can do (`nodes/proxy`).

mod cadvisor;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Uri};
use k8s_openapi::api::core::v1::Node;
use kecs_core::{BackendError, ContainerStats, ErrorKind, Report};
use kube::api::Api;
use kube::{Client, Config};
use tokio::sync::OnceCell;

use crate::config::PodStats;
use crate::error::backend_error;
use crate::tasks::answer;
use cadvisor::Cadvisor;
use summary::Summary;

/// Where a kubelet listens whose node does not say it.
const PORT: u16 = 10250;
/// How long a kubelet may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an answer serves for all pods of its node: a kubelet measures containers every ten seconds.
const FRESH: Duration = Duration::from_secs(5);
/// How long a kubelet is remembered that nobody asks: nodes come and go, and programs wait between two questions.
const KEPT: Duration = Duration::from_mins(10);

/// The kubelets that were asked, by the addresses of their nodes.
pub(crate) struct Kubelets {
    /// How to reach the cluster; `None` where nobody is to be asked.
    access: Option<Arc<Config>>,
    nodes: Mutex<HashMap<String, Arc<Kubelet>>>,
}

/// What is known of one pod.
pub(crate) struct PodPlace<'a> {
    /// The node's name.
    pub(crate) node: &'a str,
    /// The node's address.
    pub(crate) host: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) pod: &'a str,
    pub(crate) uid: &'a str,
}

struct Kubelet {
    node: String,
    host: String,
    access: Arc<Config>,
    /// Made with the first question, since a kubeconfig may have a program run for its credentials.
    contact: OnceCell<Contact>,
    /// Held while it is asked, so that whoever comes meanwhile waits for the same answer.
    last: tokio::sync::Mutex<Option<Answer>>,
}

/// How to ask a kubelet.
struct Contact {
    client: Client,
    /// How many processors its node has, where KECS may read that.
    processors: Option<u32>,
}

struct Answer {
    at: Instant,
    /// `None`: it gave none, which is not asked for again at once either.
    measured: Option<Arc<Measured>>,
}

/// What a kubelet says of its node.
struct Measured {
    processors: Option<u32>,
    summary: Summary,
    /// `None`: it does not tell.
    cadvisor: Option<Cadvisor>,
}

impl Kubelets {
    pub(crate) fn new(access: Option<Config>, stats: PodStats) -> Self {
        let mut access = access.filter(|_| stats != PodStats::Off);
        if let Some(access) = &mut access {
            // What applies to the API server's name and address does not to a kubelet's.
            access.accept_invalid_certs = stats == PodStats::Unverified;
            access.tls_server_name = None;
            access.proxy_url = None;
        }
        Self { access: access.map(Arc::new), nodes: Mutex::default() }
    }

    /// What the containers of a pod use, by the names that they have there; none where nobody says it. The API server tells where a kubelet listens.
    pub(crate) async fn measure(&self, api: &Client, pod: &PodPlace<'_>) -> Result<Vec<ContainerStats>, BackendError> {
        let Some(access) = &self.access else { return Ok(Vec::new()) };
        let kubelet = self.of(access, pod);
        let nodes = Api::all(api.clone());
        // In a task of its own, which ends by itself: what became of it is of use to others when who asked is gone.
        let asking = tokio::spawn(async move { kubelet.measured(&nodes).await });
        let lost = |lost| BackendError::new(ErrorKind::Internal, "the question was not asked to its end").with_source(lost);
        Ok(asking.await.map_err(lost)?.and_then(|it| it.summary.pod(pod, it.processors, it.cadvisor.as_ref())).unwrap_or_default())
    }

    fn of(&self, access: &Arc<Config>, pod: &PodPlace<'_>) -> Arc<Kubelet> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kubelet) = nodes.get(pod.host) {
            return Arc::clone(kubelet);
        }
        nodes.retain(|_, kubelet| Arc::strong_count(kubelet) > 1 || kubelet.is_kept());
        let kubelet = Arc::new(Kubelet {
            node: pod.node.to_owned(),
            host: pod.host.to_owned(),
            access: Arc::clone(access),
            contact: OnceCell::new(),
            last: tokio::sync::Mutex::default(),
        });
        nodes.insert(pod.host.to_owned(), Arc::clone(&kubelet));
        kubelet
    }
}

fn client(access: &Config, host: &str, port: u16) -> Result<Client, BackendError> {
    let invalid = |error: Box<dyn std::error::Error + Send + Sync>| {
        BackendError::new(ErrorKind::Invalid, format!("cannot ask the kubelet of {host}")).with_source(error)
    };
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut access = access.clone();
    access.cluster_url = format!("https://{host}:{port}").parse::<Uri>().map_err(|error| invalid(Box::new(error)))?;
    access.connect_timeout = Some(PATIENCE);
    access.read_timeout = Some(PATIENCE);
    Client::try_from(access).map_err(|error| invalid(error.into()))
}

impl Kubelet {
    fn is_kept(&self) -> bool {
        self.last.try_lock().map_or(true, |last| last.as_ref().is_some_and(|last| last.at.elapsed() < KEPT))
    }

    async fn measured(&self, nodes: &Api<Node>) -> Option<Arc<Measured>> {
        let mut last = self.last.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.at.elapsed() < FRESH) {
            return last.measured.clone();
        }
        // Each is told once for each time that it begins.
        let lacked = |what: fn(&Measured) -> bool| last.as_ref().is_some_and(|last| !last.measured.as_deref().is_some_and(what));
        let measured = match self.ask(nodes).await {
            Ok((measured, refused)) => {
                if let Some(error) = refused.filter(|_| !lacked(|measured| measured.cadvisor.is_some())) {
                    let error = Report(&error);
                    tracing::warn!(host = %self.host, %error, "cannot read the kubelet's metrics, so /stats of its pods' tasks lacks disks and processes; see the setting kube-stats");
                }
                Some(Arc::new(measured))
            }
            Err(error) => {
                if !lacked(|_| true) {
                    let error = Report(&error);
                    tracing::warn!(host = %self.host, %error, "cannot read from the kubelet what its pods use, so /stats of their tasks is empty; see the setting kube-stats");
                }
                None
            }
        };
        *last = Some(Answer { at: Instant::now(), measured: measured.clone() });
        measured
    }

    /// What it says, and why it does not tell its metrics.
    async fn ask(&self, nodes: &Api<Node>) -> Result<(Measured, Option<BackendError>), BackendError> {
        const SUMMARY: &str = "cannot read /stats/summary";
        const METRICS: &str = "cannot read /metrics/cadvisor";
        let contact = self.contact.get_or_try_init(|| self.contact(nodes)).await?;
        let request = |path| Request::get(path).body(Vec::new()).expect("it is well-formed");
        let summary = contact.client.request(request("/stats/summary"));
        let cadvisor = async {
            let text = contact.client.request_stream(request("/metrics/cadvisor")).await?;
            Cadvisor::read(pin!(text)).await.map_err(kube::Error::ReadEvents)
        };
        let (summary, cadvisor) = tokio::join!(in_time(SUMMARY, summary), in_time(METRICS, cadvisor));
        let (cadvisor, refused) = cadvisor.map_or_else(|error| (None, Some(error)), |cadvisor| (Some(cadvisor), None));
        Ok((Measured { processors: contact.processors, summary: summary?, cadvisor }, refused))
    }

    async fn contact(&self, nodes: &Api<Node>) -> Result<Contact, BackendError> {
        let (port, processors) = self.node(nodes).await?;
        let (access, host) = (Arc::clone(&self.access), self.host.clone());
        let lost = |lost| BackendError::new(ErrorKind::Internal, "the client was not made to its end").with_source(lost);
        let client = tokio::task::spawn_blocking(move || client(&access, &host, port)).await.map_err(lost)??;
        Ok(Contact { client, processors })
    }

    /// Where it listens and how many processors it has, as its node says; the usual port and no number where KECS may not read nodes, which `--kube-nodes off`
    /// does without.
    async fn node(&self, nodes: &Api<Node>) -> Result<(u16, Option<u32>), BackendError> {
        const ASKING: &str = "cannot read where the kubelet listens";
        let status = match answer(ASKING, nodes.get(&self.node)).await? {
            Err(kube::Error::Api(status)) if status.code == 403 => None,
            node => node.map_err(|error| backend_error(ASKING, error))?.status,
        };
        let endpoint = status.as_ref().and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref());
        // 0 is what nobody says, in the API's types.
        let port = endpoint.and_then(|endpoint| u16::try_from(endpoint.port).ok()).filter(|port| *port != 0).unwrap_or(PORT);
        let processors = status.as_ref().and_then(|status| status.capacity.as_ref()?.get("cpu")?.0.parse().ok());
        Ok((port, processors))
    }
}

async fn in_time<T>(asking: &str, answer: impl Future<Output = Result<T, kube::Error>>) -> Result<T, BackendError> {
    let late = |_| BackendError::new(ErrorKind::Timeout, format!("{asking}: no answer within {PATIENCE:?}"));
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?.map_err(|error| backend_error(asking, error))
}
