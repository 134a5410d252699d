//! LocalStacks in a Kubernetes cluster: each a Deployment with a Service, and a volume where its files are to stay.
//!
//! `manifest.rs`: from settings to what is applied, as a pure function. `rollout.rs`: from what is there to how far it has come, likewise. `removal.rs`: their end.

mod forward;
mod manifest;
mod output;
mod removal;
mod rollout;
mod settings;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kecs_core::{BackendError, ErrorKind, Report};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

pub use settings::LocalStackSettings;

use crate::config::KubernetesConfig;
use crate::error::{backend_error, is};
use crate::names;
use crate::tasks::{answer, client};
use forward::Forward;
use manifest::{Manifest, PORT, manifest};
use rollout::{Life, Rollout, Seen, Told};

/// Who applies, to the API server.
const FIELD_MANAGER: &str = "kecs";
const APPLYING: &str = "cannot apply the LocalStack";
const STOPPING: &str = "cannot stop the LocalStack";
/// The pauses between tries while the API server is away.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a pod may take to be gone, beyond what it was given to end.
const LEAVING: Duration = Duration::from_secs(15);
/// How long a name may take to be resolved.
const RESOLVING: Duration = Duration::from_secs(2);

/// Runs LocalStacks in one namespace of a Kubernetes cluster. Clones are the same one.
#[derive(Clone)]
pub struct KubernetesLocalStacks(Arc<Inner>);

struct Inner {
    client: Client,
    namespace: String,
    owner: String,
    /// By name: who changes one, and what undoes a change that was broken off, comes one after the other.
    hands: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    is_leaving: AtomicBool,
}

impl KubernetesLocalStacks {
    /// The namespace, where no other one is asked for.
    pub const NAMESPACE: &'static str = "aws-services";

    /// Reads how to reach the cluster; nothing is asked of it yet. They belong to the KECS with the prefix of this configuration.
    ///
    /// # Errors
    /// `Invalid` where nothing says how to reach a cluster, or not in a form that can be used.
    pub async fn connect(config: &KubernetesConfig, namespace: impl Into<String>) -> Result<Self, BackendError> {
        Ok(Self::with_client(client(config).await?, &config.prefix, namespace))
    }

    /// The same with a client that is already there.
    pub fn with_client(client: Client, owner: impl Into<String>, namespace: impl Into<String>) -> Self {
        let (owner, namespace) = (owner.into(), namespace.into());
        Self(Arc::new(Inner { client, namespace, owner, hands: Mutex::default(), is_leaving: AtomicBool::new(false) }))
    }

    /// Makes the LocalStack of these settings be there, whatever was there of it, and waits until it is ready. One that is as the settings say
    /// stays as it is, with all that is in it. Nodes may take a moment longer to hear of its pod, and refuse connections until then. `waiting` is told what is waited for, whenever that changes.
    ///
    /// As long as the API server is away, and no node has room, this waits. Dropping the future stops what it started.
    ///
    /// # Errors
    /// What does not get better by itself: the API server refuses it, it belongs to somebody else, its image cannot be pulled, it ends again and
    /// again, or its rollout makes no progress for ten minutes. Nothing runs then.
    pub async fn deploy(&self, settings: &LocalStackSettings, waiting: impl Fn(&str)) -> Result<DeployedLocalStack, BackendError> {
        // What is sent and what comes back are large.
        Box::pin(self.deploy_in_turn(settings, waiting)).await
    }

    async fn deploy_in_turn(
        &self,
        settings: &LocalStackSettings,
        waiting: impl Fn(&str),
    ) -> Result<DeployedLocalStack, BackendError> {
        let name = names::localstack(settings.cluster.as_deref());
        let undo = Undo { stacks: self.clone(), name: name.clone(), turn: Some(self.turn(&name).await) };
        let manifest = manifest(settings, &self.0.owner, &self.0.namespace);
        let mut pause = FIRST_PAUSE;
        let (applied, service) = loop {
            match self.apply(&name, &manifest).await {
                Ok(applied) => break applied,
                Err(error) if error.is_retryable() => waiting(&Report(&error).to_string()),
                Err(error) => {
                    // Nothing of it was changed, or what is there is not ours.
                    undo.not_needed();
                    return Err(error);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        let outcome = match self.rolled_out(&name, &applied, waiting).await {
            Ok(life) => self.reach(&name, &service, &life, settings).await.map(|reach| (life, reach)),
            Err(reason) => Err(BackendError::new(ErrorKind::Invalid, reason)),
        };
        match outcome {
            Ok((life, (endpoint, forward))) => {
                undo.not_needed();
                Ok(DeployedLocalStack { stacks: self.clone(), name, endpoint, life, _forward: forward })
            }
            Err(error) => {
                self.scale_to_none(&name).await.unwrap_or_else(|error| {
                    tracing::warn!(error = %Report(&error), name, "a LocalStack that failed is still there");
                });
                undo.not_needed();
                Err(error)
            }
        }
    }

    /// What the LocalStack of a cluster (`None`: the shared one) says: the last `tail` lines of the run that is (all, if `None`), and with
    /// `follow` whatever comes, across its restarts.
    pub fn logs(
        &self,
        cluster: Option<&str>,
        tail: Option<usize>,
        follow: bool,
    ) -> BoxStream<'static, Result<String, BackendError>> {
        output::lines(&self.0.client, &self.0.namespace, &names::localstack(cluster), tail, follow)
    }

    /// From now on nothing is stopped any more: what runs goes on, and whoever deploys it next finds it.
    pub fn leave(&self) {
        self.0.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Waits until what is being undone is undone.
    pub async fn settle(&self) {
        let hands: Vec<_> = self.hands().values().cloned().collect();
        for hand in hands {
            drop(hand.lock().await);
        }
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<()>>>> {
        self.0.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        let hand = Arc::clone(self.hands().entry(name.to_owned()).or_default());
        hand.lock_owned().await
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.0.client.clone(), &self.0.namespace)
    }

    /// Server-side, in the order in which each needs the others.
    async fn apply(&self, name: &str, manifest: &Manifest) -> Result<(Deployment, Service), BackendError> {
        self.not_somebody_elses(name).await?;
        let Manifest { namespace, secret, claim, service, deployment } = manifest;
        let namespaces: Api<Namespace> = Api::all(self.0.client.clone());
        match answer(APPLYING, namespaces.create(&PostParams::default(), namespace)).await? {
            Ok(_) => {}
            // There already, and then as its owner wants it. Who may not create namespaces may have been given this one.
            Err(error) if is(&error, 409) || is(&error, 403) => {}
            Err(error) => return Err(backend_error(APPLYING, error)),
        }
        match secret {
            Some(secret) => self.apply_one(secret).await.map(drop)?,
            None => self.delete::<Secret>(&names::localstack_token(name), &DeleteParams::default()).await?,
        }
        if let Some(claim) = claim {
            self.apply_one(claim).await?;
        }
        let service = self.apply_one(service).await?;
        Ok((self.apply_one(deployment).await?, service))
    }

    async fn apply_one<K>(&self, object: &K) -> Result<K, BackendError>
    where
        K: Resource<Scope = NamespaceResourceScope> + Clone + fmt::Debug + Serialize + DeserializeOwned,
        K::DynamicType: Default,
    {
        let name = object.meta().name.as_deref().unwrap_or_default();
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let applied = answer(APPLYING, self.api::<K>().patch(name, &parameters, &Patch::Apply(object))).await?;
        applied.map_err(|error| backend_error(APPLYING, error))
    }

    /// Refuses what another KECS, or no KECS, has made under this name.
    async fn not_somebody_elses(&self, name: &str) -> Result<(), BackendError> {
        let found = answer(APPLYING, self.api::<Deployment>().get_opt(name)).await?;
        let Some(found) = found.map_err(|error| backend_error(APPLYING, error))? else { return Ok(()) };
        let owner = found.metadata.labels.as_ref().and_then(|labels| labels.get(names::OWNER_LABEL));
        if owner == Some(&self.0.owner) {
            return Ok(());
        }
        let whose =
            owner.map_or_else(|| "is not KECS's".to_owned(), |owner| format!("belongs to the KECS with the prefix {owner}"));
        let what = format!("the Deployment {name} of the namespace {} {whose}: choose another namespace", self.0.namespace);
        Err(BackendError::new(ErrorKind::Invalid, what))
    }

    /// The pod that is ready at last, or why there will be none.
    async fn rolled_out(&self, name: &str, applied: &Deployment, waiting: impl Fn(&str)) -> Result<Life, String> {
        let mut events = rollout::watch(&self.0.client, &self.0.namespace, name);
        let mut seen = Seen::default();
        let mut last = None;
        while let Some(told) = events.next().await {
            let reason = match &told {
                Told::Broken(reason) => Some(reason.clone()),
                _ => None,
            };
            seen.take(told);
            match seen.rollout(applied) {
                Rollout::Done(life) => return Ok(life),
                Rollout::Failed(reason) => {
                    let said = match seen.newest().and_then(|pod| pod.metadata.name.as_deref()) {
                        Some(pod) => timeout(RESOLVING, output::last_words(&self.api(), pod)).await.ok().flatten(),
                        None => None,
                    };
                    return Err(said.map_or_else(|| reason.clone(), |words| format!("{reason}, and said last: {words}")));
                }
                Rollout::Waiting(why) => {
                    let why = reason.or(why);
                    if let Some(why) = why.as_deref().filter(|_| why != last) {
                        waiting(why);
                    }
                    last = why;
                }
            }
        }
        Err("the watch of its rollout ended".to_owned())
    }

    /// Where this process reaches it: by its Service, where the Service's name leads to the Service's address, or else through the API server.
    async fn reach(
        &self,
        name: &str,
        service: &Service,
        life: &Life,
        settings: &LocalStackSettings,
    ) -> Result<(String, Option<Forward>), BackendError> {
        let address = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_ref()?.parse::<IpAddr>().ok());
        let host = format!("{name}.{}.svc.cluster.local", self.0.namespace);
        let resolved = timeout(RESOLVING, tokio::net::lookup_host((host.as_str(), PORT))).await;
        let is_inside = resolved.is_ok_and(|found| found.is_ok_and(|mut all| all.any(|found| Some(found.ip()) == address)));
        if is_inside && !settings.always_forward {
            return Ok((format!("http://{host}:{PORT}"), None));
        }
        let forward = Forward::open(self.api(), life.pod.clone(), settings.forwarded_port).await?;
        Ok((format!("http://127.0.0.1:{}", forward.port), Some(forward)))
    }

    async fn scale_to_none(&self, name: &str) -> Result<(), BackendError> {
        let none = json!({"spec": {"replicas": 0}});
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match answer(STOPPING, self.api::<Deployment>().patch(name, &parameters, &Patch::Merge(&none))).await? {
            Err(error) if !is(&error, 404) => Err(backend_error(STOPPING, error)),
            _ => Ok(()),
        }
    }

    /// Waits until no pod is left.
    async fn gone(&self, name: &str) {
        let mut events = rollout::watch_pods(&self.0.client, &self.0.namespace, name);
        let mut seen = Seen::default();
        while let Some(told) = events.next().await {
            seen.take(told);
            if seen.is_whole && seen.is_empty() {
                return;
            }
        }
    }

    async fn stop(&self, name: &str, grace: Duration) -> Result<(), BackendError> {
        self.scale_to_none(name).await?;
        let selection: Vec<String> =
            manifest::selector(name).into_iter().map(|(label, value)| format!("{label}={value}")).collect();
        let pods = ListParams::default().labels(&selection.join(","));
        let within = DeleteParams::default().grace_period(u32::try_from(grace.as_secs()).unwrap_or(u32::MAX));
        let deleted = answer(STOPPING, self.api::<Pod>().delete_collection(&within, &pods)).await?;
        deleted.map_err(|error| backend_error(STOPPING, error))?;
        timeout(grace + LEAVING, self.gone(name))
            .await
            .map_err(|_| BackendError::new(ErrorKind::Timeout, format!("{STOPPING}: its pod is still there")))
    }
}

impl fmt::Debug for KubernetesLocalStacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesLocalStacks")
            .field("namespace", &self.0.namespace)
            .field("owner", &self.0.owner)
            .finish_non_exhaustive()
    }
}

/// Stops what was started when it is dropped, before anyone else has a turn.
struct Undo {
    stacks: KubernetesLocalStacks,
    name: String,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Undo {
    fn not_needed(mut self) {
        self.turn = None;
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let (stacks, name) = (self.stacks.clone(), self.name.clone());
        // Without a runtime the process ends, and leaves it to the next one.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if stacks.0.is_leaving.load(Ordering::Relaxed) {
            return;
        }
        runtime.spawn(async move {
            if let Err(error) = stacks.scale_to_none(&name).await {
                tracing::warn!(error = %Report(&error), name, "a LocalStack that was given up is still there");
            }
            drop(turn);
        });
    }
}

/// A LocalStack that was rolled out. Dropping it leaves it running.
pub struct DeployedLocalStack {
    stacks: KubernetesLocalStacks,
    name: String,
    endpoint: String,
    life: Life,
    /// Open for as long as this is there.
    _forward: Option<Forward>,
}

impl DeployedLocalStack {
    /// The URL at which this process reaches it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits for the end of the run that was rolled out, also where Kubernetes starts another one, and says how it ended, in one line. May be
    /// dropped and called again.
    pub async fn ended(&self) -> String {
        let inner = &self.stacks.0;
        let mut events = rollout::watch_pods(&inner.client, &inner.namespace, &self.name);
        let mut seen = Seen::default();
        while let Some(told) = events.next().await {
            seen.take(told);
            if let Some(how) = seen.end(&self.life).filter(|_| seen.is_whole) {
                return how;
            }
        }
        "the watch of it ended".to_owned()
    }

    /// Ends its pod, politely if there is a grace, and waits for that. Its Deployment stays, scaled to none, and its volume with all that is on it.
    /// Nothing, after [`KubernetesLocalStacks::leave`].
    ///
    /// # Errors
    /// When the API server refuses or does not answer, or the pod does not go.
    pub async fn stop(&self, grace: Duration) -> Result<(), BackendError> {
        if self.stacks.0.is_leaving.load(Ordering::Relaxed) {
            return Ok(());
        }
        let _turn = self.stacks.turn(&self.name).await;
        self.stacks.stop(&self.name, grace).await
    }
}

impl fmt::Debug for DeployedLocalStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeployedLocalStack").field("name", &self.name).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
