//! The ECS control plane: state, and what keeps the tasks as the state says.
//!
//! A request changes a [`World`] under its lock, the [`journal`] makes the change durable and then lets its [`effects`](effect) follow, and
//! the [`reactor`] carries those out: it starts and stops tasks through the [`TaskManager`](crate::TaskManager) and looks at services.
//! What the backend observes comes back by [`watch`] and changes the world the same way.

mod changes;
mod driver;
mod effect;
mod events;
mod follow;
mod hosts;
mod journal;
mod logs;
mod output;
mod reactor;
mod records;
mod roles;
mod table;
mod task_definitions;
mod tasks;
mod tx;
mod watch;
mod world;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use kecs_model::{ApiError, RequestContext};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use changes::Announcer;
pub use changes::TaskChange;
pub(crate) use effect::{Effect, HostRef, ServiceRef, Wake};
pub(crate) use events::shape as event_shape;
pub use events::{EcsEvent, EventKind, EventNotice};
pub use logs::{ContainerLine, TaskLogs};
#[allow(unused_imports, reason = "goes with the first users")]
pub(crate) use records::{
    AccountSettingRecord, CapacityProviderRecord, ClusterRecord, ContainerInstanceRecord, DeploymentRecord, FamilyRecord,
    ManagedVolume, Owner, Protection, RunTokenRecord, ServiceDeploymentRecord, ServiceRecord, ServiceRevisionRecord, Standing,
    TaskDefinitionRecord, TaskRecord, TaskSetRecord, Throttle, account_setting_key, deployment_key, instance_key, instances_of,
    service_key, service_revision_key, task_set_key,
};
pub(crate) use roles::release_unused as release_unused_role;
pub(crate) use task_definitions::{RevisionKey, named_revision};
pub(crate) use tasks::{By, TaskIndex};
pub(crate) use tx::Tx;
pub use world::{CLUSTER_NAME_FORM, well_formed_cluster_name};
pub(crate) use world::{World, cluster_name};

use crate::exec::Promises;
use crate::firelens::{FireLens, Positions};
use crate::task_agent::{Agent, TaskAgentConfig};
use crate::{
    Clock, LogDriver, ObjectSource, RoleCredentialSource, Scope, SecretSource, StateStore, StoreError, SystemClock, TaskManager,
};
use hosts::Hosts;
use journal::{Ack, Journal};
use output::Outputs;
use roles::RoleGates;

/// What an [`Engine`] is made of.
#[derive(Debug)]
pub struct EngineConfig {
    /// Runs the tasks.
    pub tasks: Arc<dyn TaskManager>,
    /// Keeps the state.
    pub store: Arc<dyn StateStore>,
    /// What tasks get from other AWS services. Default: nothing.
    pub services: TaskServices,
    /// Stamps what happens. Default: the system's clock.
    pub clock: Arc<dyn Clock>,
}

impl EngineConfig {
    /// An engine of these parts, with defaults for all the rest.
    pub fn new(tasks: Arc<dyn TaskManager>, store: Arc<dyn StateStore>) -> Self {
        Self { tasks, store, services: TaskServices::default(), clock: Arc::new(SystemClock) }
    }
}

/// What tasks get from other AWS services.
#[derive(Clone, Debug, Default)]
pub struct TaskServices {
    /// Resolve secrets; the first that handles a reference answers for it.
    pub secrets: Vec<Arc<dyn SecretSource>>,
    /// Reads environment files.
    pub objects: Option<Arc<dyn ObjectSource>>,
    /// Gives the credentials of task roles.
    pub roles: Option<Arc<dyn RoleCredentialSource>>,
    /// Send the output of containers; the first that handles a container's log driver gets it. Without one it stays with the task manager.
    pub logs: Vec<Arc<dyn LogDriver>>,
    /// Where tasks find AWS, and can ask about themselves. Default: they are told of nothing.
    pub agent: TaskAgentConfig,
}

/// A running ECS control plane. Serves [`EcsApi`](kecs_model::ecs::EcsApi); several may live in one process.
pub struct Engine {
    shared: Arc<Shared>,
    work: Mutex<JoinSet<()>>,
}

/// What the engine's parts share.
pub(crate) struct Shared {
    pub(crate) tasks: Arc<dyn TaskManager>,
    pub(crate) services: TaskServices,
    pub(crate) agent: Option<Agent>,
    pub(crate) clock: Arc<dyn Clock>,
    worlds: RwLock<HashMap<Scope, Arc<Mutex<World>>>>,
    journal: Journal,
    announcer: Announcer,
    outputs: Outputs,
    log_positions: Arc<Positions>,
    pub(crate) exec_promises: Promises,
    hosts: Hosts,
    role_gates: RoleGates,
    effects: mpsc::UnboundedSender<Effect>,
    /// Bounds how many tasks are being handed to the backend at a time.
    starts: Semaphore,
    stop: CancellationToken,
}

impl Engine {
    /// Reads the state, takes up what it says is running, and begins to work. Must be called in a tokio runtime.
    ///
    /// # Errors
    ///
    /// What the store answers when it cannot be read.
    pub async fn start(config: EngineConfig) -> Result<Arc<Self>, StoreError> {
        let EngineConfig { tasks, store, mut services, clock } = config;
        let log_positions = Arc::new(Positions::new(Arc::clone(&store)));
        if tasks.capabilities().log_routers {
            // After those that were given: an embedder may have one of its own.
            services.logs.push(Arc::new(FireLens::new(Arc::clone(&tasks), Arc::clone(&log_positions))));
        }
        let worlds = load(&*store).await?;
        let agent = Agent::open(services.agent.clone(), &*store).await?;
        let announcer = Announcer::new();
        let (effects, effect_queue) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (journal, journal_work) = Journal::new(store, effects.clone(), announcer.clone(), stop.clone());
        let worlds = worlds.into_iter().map(|(scope, world)| (scope, Arc::new(Mutex::new(world)))).collect();
        let shared = Arc::new(Shared {
            tasks,
            services,
            agent,
            clock,
            worlds: RwLock::new(worlds),
            journal,
            announcer,
            outputs: Outputs::default(),
            log_positions: Arc::clone(&log_positions),
            exec_promises: Promises::default(),
            hosts: Hosts::default(),
            role_gates: RoleGates::default(),
            effects,
            starts: Semaphore::new(STARTS_AT_A_TIME),
            stop,
        });
        let mut work = JoinSet::new();
        work.spawn(journal_work);
        work.spawn(reactor::run(Arc::clone(&shared), effect_queue));
        reactor::resume(&shared);
        work.spawn(hosts::run(Arc::clone(&shared)));
        work.spawn(roles::release_left_over(Arc::clone(&shared)));
        let stopped = shared.stopped();
        work.spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = log_positions.run() => {}
            }
        });
        Ok(Arc::new(Self { shared, work: Mutex::new(work) }))
    }

    /// Stops working: no effect is begun any more, and what was handed to the journal is written. Tasks go on or not as their backend does.
    /// Requests that come later fail. Cancel safe, idempotent.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        let mut work = std::mem::take(&mut *lock(&self.work));
        while work.join_next().await.is_some() {}
        self.shared.outputs.ended().await;
        self.shared.log_positions.flush().await;
    }

    /// The accounts and regions of which there is state.
    pub fn scopes(&self) -> Vec<Scope> {
        self.shared.scopes()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("tasks", &self.shared.tasks.capabilities().name).finish_non_exhaustive()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    /// Answers from the world of the caller's account and region.
    pub(crate) fn read<T>(&self, ctx: &RequestContext, answer: impl FnOnce(&World) -> T) -> T {
        self.look(&scope_of(ctx), answer)
    }

    /// Answers from the world of a scope.
    pub(crate) fn look<T>(&self, scope: &Scope, answer: impl FnOnce(&World) -> T) -> T {
        let world = self.worlds.read().unwrap_or_else(PoisonError::into_inner).get(scope).map(Arc::clone);
        match world {
            Some(world) => answer(&lock(&world)),
            // Looking somewhere must not make it exist: anybody could fill the memory with regions.
            None => answer(&World::new(scope.clone())),
        }
    }

    /// Changes the world of the caller's account and region, and returns when the change is durable. `change` must not touch the world before
    /// it is sure to succeed.
    pub(crate) async fn write<T>(
        &self,
        ctx: &RequestContext,
        change: impl FnOnce(&mut World, &mut Tx) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let (answer, ack) = self.change(&scope_of(ctx), change)?;
        ack.durable().await?;
        Ok(answer)
    }

    /// Changes the world of a scope; the acknowledgement tells when the change is durable.
    pub(crate) fn change<T, E: From<ApiError>>(
        &self,
        scope: &Scope,
        change: impl FnOnce(&mut World, &mut Tx) -> Result<T, E>,
    ) -> Result<(T, Ack), E> {
        if let Some(refusal) = self.journal.refusal() {
            return Err(refusal.into());
        }
        self.change_regardless(scope, change)
    }

    /// The same for what happened anyway, whether the store works or not.
    pub(crate) fn record(&self, scope: &Scope, change: impl FnOnce(&mut World, &mut Tx)) -> Ack {
        let result: Result<((), Ack), std::convert::Infallible> = self.change_regardless(scope, |world, tx| {
            change(world, tx);
            Ok(())
        });
        let Ok(((), ack)) = result;
        ack
    }

    fn change_regardless<T, E>(
        &self,
        scope: &Scope,
        change: impl FnOnce(&mut World, &mut Tx) -> Result<T, E>,
    ) -> Result<(T, Ack), E> {
        let world = self.world(scope);
        let mut world = lock(&world);
        let mut tx = Tx::new(scope, self.clock.now());
        let result = change(&mut world, &mut tx);
        debug_assert!(result.is_ok() || tx.is_empty(), "a change that failed has touched the world");
        // Under the lock: the journal's order is the order of the changes.
        let ack = self.journal.submit(tx);
        result.map(|value| (value, ack))
    }

    fn world(&self, scope: &Scope) -> Arc<Mutex<World>> {
        if let Some(world) = self.worlds.read().unwrap_or_else(PoisonError::into_inner).get(scope) {
            return Arc::clone(world);
        }
        let mut worlds = self.worlds.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(worlds.entry(scope.clone()).or_insert_with(|| Arc::new(Mutex::new(World::new(scope.clone())))))
    }

    /// Waits until the engine stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().cancelled_owned()
    }

    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.worlds.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Locks, also after a panic: a change that panicked half-way is a bug that must not take the other callers down.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scope that a request is for.
pub(crate) fn scope_of(ctx: &RequestContext) -> Scope {
    Scope::new(ctx.account.clone(), ctx.region.clone())
}

/// How many tasks are handed to the backend at a time.
const STARTS_AT_A_TIME: usize = 64;

/// How many entries are read at a time.
const LOAD_PAGE: usize = 1000;

async fn load(store: &dyn StateStore) -> Result<HashMap<Scope, World>, StoreError> {
    let mut worlds = HashMap::new();
    let mut after = None;
    loop {
        let page = store.scan(tx::STATE, after.take(), LOAD_PAGE).await?;
        let last = page.len() < LOAD_PAGE;
        for entry in &page {
            let (scope, table, _) = tx::split_key(&entry.key).ok_or_else(|| StoreError::Corrupt {
                message: format!("the state holds a key {:?} of no known form", entry.key),
            })?;
            let world: &mut World = worlds.entry(scope.clone()).or_insert_with(|| World::new(scope));
            world.load(table, entry)?;
        }
        if last {
            return Ok(worlds);
        }
        after = page.last().map(|entry| entry.key.clone());
    }
}
