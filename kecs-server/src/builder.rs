//! Composing a control plane: which backends, which store, which address.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use kecs_core::{
    AwsBackends, AwsServiceBackend, Clock, Engine, EngineConfig, LogDriver, MemoryStore, NoAwsServices, ObjectSource,
    RoleCredentialSource, SecretSource, StateStore, SystemClock, TaskAgentConfig, TaskManager, TaskServices,
};
use kecs_model::ecs::EcsApi;

use crate::admin::{Events, TaskRoutes};
use crate::identify::{CLUSTERS, is_account, is_region};
use crate::running::endpoint_of;
use crate::start_error::check_exposure;
use crate::{AdminRoutes, Auth, Endpoint, EndpointConfig, HostPolicy, HttpServer, IdentityDefaults, Limits, Running, StartError};

/// The port of an endpoint that is given none.
const DEFAULT_PORT: u16 = 5373;

/// A control plane that is composed and validated, and has not done anything yet.
///
/// Three ways to run it: [`start`](Self::start) listens, [`service`](Self::service) gives the HTTP service for a listener of one's own, and
/// [`api`](Self::api) is ECS inside this process without HTTP. Several may run in one process; they share nothing.
pub struct Kecs {
    engine: EngineConfig,
    endpoint: EndpointParts,
    listen: SocketAddr,
    tasks_elsewhere: bool,
}

/// The endpoint's configuration, as far as it is known before there is an engine.
struct EndpointParts {
    aws: Arc<dyn AwsServiceBackend>,
    clusters: Option<Arc<dyn AwsBackends>>,
    clock: Arc<dyn Clock>,
    auth: Auth,
    hosts: HostPolicy,
    defaults: IdentityDefaults,
    limits: Limits,
    tasks: Arc<dyn TaskManager>,
    store: String,
    admin: Vec<Arc<dyn AdminRoutes>>,
}

impl fmt::Debug for Kecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kecs").field("engine", &self.engine).field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Kecs {
    /// Begins to compose.
    pub fn builder() -> KecsBuilder {
        KecsBuilder::new()
    }

    /// Reads the state, takes up the tasks that it names, binds the address and serves. Must be called in a tokio runtime with I/O and
    /// time. Cancelling it stops whatever was begun.
    ///
    /// # Errors
    ///
    /// [`StartError::Bind`] before anything of the state is touched, [`StartError::Store`].
    pub async fn start(self) -> Result<Running, StartError> {
        // The address first: a second server on the same port must not lay hands on the tasks of the first.
        let listener = HttpServer::bind(self.listen).await?;
        let mut engine = self.engine;
        // Before any task starts: it is told of this address.
        if !self.tasks_elsewhere {
            engine.services.agent.endpoint.get_or_insert_with(|| endpoint_of(listener.local_addr()));
        }
        if self.endpoint.clusters.is_some() {
            engine.services.agent.cluster_path.get_or_insert_with(|| CLUSTERS.to_owned());
        }
        let engine = Engine::start(engine).await?;
        let server = listener.serve(self.endpoint.config(&engine));
        Ok(Running::new(server, engine))
    }

    /// Starts the engine and gives the HTTP service without a listener. Whoever serves it tells it each
    /// [peer](Endpoint::for_peer), and shuts the engine down in the end.
    ///
    /// # Errors
    ///
    /// [`StartError::Store`].
    pub async fn service(self) -> Result<(Endpoint, Arc<Engine>), StartError> {
        let engine = Engine::start(self.engine).await?;
        Ok((Endpoint::new(self.endpoint.config(&engine)), engine))
    }

    /// Starts the engine alone: Amazon ECS as a trait, in this process. Work stops when the last reference is dropped.
    ///
    /// # Errors
    ///
    /// [`StartError::Store`].
    pub async fn api(self) -> Result<Arc<dyn EcsApi>, StartError> {
        Ok(Engine::start(self.engine).await?)
    }
}

impl EndpointParts {
    fn config(self, engine: &Arc<Engine>) -> EndpointConfig {
        let Self { aws, clusters, clock, auth, hosts, defaults, limits, tasks, store, mut admin } = self;
        admin.push(Arc::new(TaskRoutes(Arc::clone(engine))));
        admin.push(Arc::new(Events::new(engine)));
        let api: Arc<dyn EcsApi> = Arc::clone(engine) as _;
        EndpointConfig {
            api,
            aws,
            clusters,
            clock,
            auth,
            hosts,
            defaults,
            limits,
            tasks: Some(tasks),
            store,
            admin,
            agent: engine.task_agent(),
            sessions: Some(engine.exec_sessions()),
        }
    }
}

/// Composes a [`Kecs`]. Only [`tasks`](Self::tasks) is required.
pub struct KecsBuilder {
    tasks: Option<Arc<dyn TaskManager>>,
    tasks_elsewhere: bool,
    aws: Arc<dyn AwsServiceBackend>,
    clusters: Option<Arc<dyn AwsBackends>>,
    services: TaskServices,
    store: Arc<dyn StateStore>,
    store_name: String,
    clock: Arc<dyn Clock>,
    defaults: IdentityDefaults,
    listen: SocketAddr,
    auth: Auth,
    insecure: bool,
    limits: Limits,
    allowed_hosts: Vec<String>,
    allowed_origins: Vec<String>,
    admin: Vec<Arc<dyn AdminRoutes>>,
}

impl fmt::Debug for KecsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KecsBuilder").field("tasks", &self.tasks).field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl KecsBuilder {
    fn new() -> Self {
        Self {
            tasks: None,
            tasks_elsewhere: false,
            aws: Arc::new(NoAwsServices),
            clusters: None,
            services: TaskServices::default(),
            store: Arc::new(MemoryStore::default()),
            store_name: "memory".to_owned(),
            clock: Arc::new(SystemClock),
            defaults: IdentityDefaults::default(),
            listen: (Ipv4Addr::LOCALHOST, DEFAULT_PORT).into(),
            auth: Auth::Off,
            insecure: false,
            limits: Limits::default(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            admin: Vec::new(),
        }
    }

    /// What runs the tasks. Required.
    #[must_use]
    pub fn tasks(mut self, tasks: impl TaskManager) -> Self {
        self.tasks = Some(Arc::new(tasks));
        self
    }

    /// Says that tasks run where the address that is listened on means another machine, as pods do: they are told of endpoints only if
    /// [`task_agent`](Self::task_agent) names one.
    #[must_use]
    pub fn tasks_elsewhere(mut self) -> Self {
        self.tasks_elsewhere = true;
        self
    }

    /// What answers for the AWS services other than ECS. Default: nothing does, and their callers are told so.
    #[must_use]
    pub fn aws(mut self, aws: impl AwsServiceBackend) -> Self {
        self.aws = Arc::new(aws);
        self
    }

    /// What answers for them to the tasks of clusters that have services of their own. Default: what [`aws`](Self::aws) says.
    #[must_use]
    pub fn aws_of_clusters(mut self, backends: impl AwsBackends) -> Self {
        self.clusters = Some(Arc::new(backends));
        self
    }

    /// Where secrets come from. May be given several times; the first that handles a reference answers for it. Default: nowhere.
    #[must_use]
    pub fn secrets(mut self, secrets: impl SecretSource) -> Self {
        self.services.secrets.push(Arc::new(secrets));
        self
    }

    /// Where environment files come from. Default: nowhere.
    #[must_use]
    pub fn objects(mut self, objects: impl ObjectSource) -> Self {
        self.services.objects = Some(Arc::new(objects));
        self
    }

    /// What gives tasks the credentials of their roles. Default: nothing does.
    #[must_use]
    pub fn roles(mut self, roles: impl RoleCredentialSource) -> Self {
        self.services.roles = Some(Arc::new(roles));
        self
    }

    /// Where tasks find this endpoint, and what those without a role get. Default: the address that is listened on, and keys of the task's account; tasks
    /// are told of nothing where nobody listens, as with [`Kecs::service`] and [`Kecs::api`].
    #[must_use]
    pub fn task_agent(mut self, agent: TaskAgentConfig) -> Self {
        self.services.agent = agent;
        self
    }

    /// Where the output of containers is sent. May be given several times; the first that handles a log driver gets what it writes. Default: it
    /// stays with the task manager.
    #[must_use]
    pub fn logs(mut self, logs: impl LogDriver) -> Self {
        self.services.logs.push(Arc::new(logs));
        self
    }

    /// Where the state is kept. Default: in memory, and gone with the process.
    #[must_use]
    pub fn store(mut self, store: impl StateStore) -> Self {
        self.store = Arc::new(store);
        "custom".clone_into(&mut self.store_name);
        self
    }

    /// What `/_kecs/health` calls the store, such as `redb`. Say it after [`store`](Self::store).
    #[must_use]
    pub fn store_name(mut self, name: impl Into<String>) -> Self {
        self.store_name = name.into();
        self
    }

    /// Where wall time comes from. Default: the system.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The account of callers whose access key id is not 12 digits. Default `000000000000`.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.defaults.account = account.into();
        self
    }

    /// The region of requests that name none. Default `us-east-1`.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.defaults.region = region.into();
        self
    }

    /// The address to listen on; port 0 takes any free one. Default `127.0.0.1:5373`.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Whether requests must be signed. Default: no.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Accepts an address that other machines can reach without any authentication. Default: no.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// What is taken on at most.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Hosts that are accepted beside this machine's own names, without port; `*.example.org` for all names under one.
    #[must_use]
    pub fn allowed_hosts<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.allowed_hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Origins whose pages may use the endpoint from a browser, such as `http://localhost:3000`; `*` for all.
    #[must_use]
    pub fn allowed_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.allowed_origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Adds routes under `/_kecs/`. May be given several times, with a name each.
    #[must_use]
    pub fn admin(mut self, routes: impl AdminRoutes) -> Self {
        self.admin.push(Arc::new(routes));
        self
    }

    /// Validates, without any I/O.
    ///
    /// # Errors
    ///
    /// What is missing or does not go together: every [`StartError`] but `Bind` and `Store`.
    pub fn build(self) -> Result<Kecs, StartError> {
        let tasks = self.tasks.ok_or(StartError::NoTaskManager)?;
        check_exposure(self.listen, &self.auth, self.insecure)?;
        if !is_account(&self.defaults.account) {
            return Err(StartError::Account(self.defaults.account));
        }
        if !is_region(&self.defaults.region) {
            return Err(StartError::Region(self.defaults.region));
        }
        let endpoint = EndpointParts {
            aws: self.aws,
            clusters: self.clusters,
            clock: Arc::clone(&self.clock),
            auth: self.auth,
            hosts: HostPolicy::new(self.allowed_hosts, self.allowed_origins),
            defaults: self.defaults,
            limits: self.limits,
            tasks: Arc::clone(&tasks),
            store: self.store_name,
            admin: self.admin,
        };
        let engine = EngineConfig { tasks, store: self.store, services: self.services, clock: self.clock };
        Ok(Kecs { engine, endpoint, listen: self.listen, tasks_elsewhere: self.tasks_elsewhere })
    }
}
