//! Amazon ECS semantics, and the seams that backends implement.
//!
//! Start at the seams ([`TaskManager`], [`AwsServiceBackend`], [`StateStore`], [`Clock`], and what AWS gives to tasks: [`SecretSource`], [`ObjectSource`],
//! [`RoleCredentialSource`], [`LogDriver`]): they say what core needs of the
//! world. [`task_spec`] is what a backend is given, [`TaskObservation`] is what it reports.

mod account_settings;
mod api;
pub mod arn;
mod aws_service;
mod backend_error;
mod backend_health;
mod capacity;
mod clock;
mod container_stats;
mod engine;
mod exec;
mod firelens;
mod host_instance;
mod ids;
mod instance_life;
mod log_driver;
mod log_router;
mod managed_volume;
pub mod memory;
mod object_source;
mod observation;
mod page;
pub mod placement;
mod resolve;
mod role;
mod role_credentials;
mod role_policies;
mod scheduler;
mod secret;
pub mod secret_json;
mod store;
mod tags;
mod task_agent;
mod task_definition;
mod task_life;
mod task_manager;
pub mod task_run;
pub mod task_spec;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod traced;

pub use api::{Coverage, coverage};
pub use aws_service::{AwsBackends, AwsHealth, AwsServiceBackend, Body, NoAwsServices, OneBackend, ServiceId};
pub use backend_error::{BackendError, ErrorKind, Report};
pub use backend_health::BackendHealth;
pub use clock::{Clock, SystemClock, TokioClock};
pub use container_stats::{ContainerStats, DiskStats, NetworkStats};
pub use engine::{CLUSTER_NAME_FORM, well_formed_cluster_name};
pub use engine::{ContainerLine, EcsEvent, Engine, EngineConfig, EventKind, EventNotice, TaskChange, TaskLogs, TaskServices};
pub use exec::{
    EXEC_INPUTS, ExecCommand, ExecInput, ExecOutput, ExecSession, ExecSessions, ExecStream, PromisedSession, TerminalSize,
};
pub use host_instance::{HostEvent, HostInstance, HostStream};
pub use ids::{ClusterRef, NotATaskId, Scope, TaskId, TaskRef};
pub use log_driver::{ContainerOutput, LogDriver, LogError, LogPosition};
pub use log_router::LogRouterConnection;
pub use object_source::{ObjectContent, ObjectRef, ObjectSource};
pub use observation::{ContainerObservation, ContainerState, Health, NetworkBinding, StopCause, TaskObservation, TaskPhase};
pub use role::RoleRef;
pub use role_credentials::{RoleCredentialSource, RoleCredentials};
pub use role_policies::{RolePolicies, RolePolicySource};
pub use secret::{SecretError, SecretRef, SecretSource, SecretValue};
pub use store::{Entry, MemoryStore, Precondition, Revision, StateStore, StoreError, Versioned, Write};
pub use task_agent::{
    AgentTask, CredentialsRefused, DefaultCredentials, IssuedKey, MeasuredContainer, TaskAgent, TaskAgentConfig, TaskCredentials,
};
pub use task_manager::{LogLine, LogQuery, LogSource, LogStream, TaskCapabilities, TaskEvent, TaskManager};
pub use task_spec::TaskSpec;
pub use traced::Traced;

#[cfg(any(test, feature = "testing"))]
pub use {
    aws_service::MockAwsServiceBackend, log_driver::MockLogDriver, object_source::MockObjectSource,
    role_credentials::MockRoleCredentialSource, secret::MockSecretSource, store::MockStateStore, task_manager::MockTaskManager,
};
