//! Every other AWS service: LocalStack, or another endpoint that is compatible with AWS, and what tasks get from it.
//!
//! Start at [`HttpBackend`], by which calls go to an endpoint and their answers come back, both streamed, and at [`LocalStack`], which keeps such
//! an endpoint up; [`Deployer`] is the seam to the ways to run it ([`ProcessDeployer`], [`ExternalDeployer`]), and [`Seed`] is what is made in it
//! at every start. [`LocalStacks`] has one for each cluster that wants one of its own, and one for the rest.
//!
//! [`AwsClient`] makes the calls of KECS's own, through the same [`AwsServiceBackend`](kecs_core::AwsServiceBackend) that clients' requests are
//! streamed to. With it tasks get their secrets ([`AwsSecrets`]), the credentials of their roles ([`AwsRoles`]) and their files ([`S3Objects`]).
//! [`CloudWatchLogs`] takes what they write, [`EventBridge`] gets ECS's events, [`EcsTargets`] runs the tasks of its rules, and
//! [`EcsSchedules`] those of the schedules of EventBridge Scheduler.

pub mod admin;
mod aws;
mod ecs_request;
mod ecs_targets;
mod events;
mod fleet;
mod http_backend;
mod localstack;
mod logs;
mod look_into;
mod objects;
mod roles;
mod schedules;
#[cfg(test)]
mod scripted;
mod secrets;
mod seed;
mod stacks;

pub use aws::{AwsCallError, AwsClient, Caller};
pub use ecs_targets::{EcsTargetRunner, EcsTargets};
pub use events::EventBridge;
pub use fleet::{FleetConfig, LocalStacks, Member, SHARED, StartWhen};
pub use http_backend::{BaseUrl, BaseUrlError, HttpBackend, HttpBackendConfig};
pub use localstack::{
    DeployOrder, Deployer, Deployment, Emulator, ExternalDeployer, InstallProgress, LocalStack, LocalStackBackend,
    LocalStackConfig, LocalStackError, LocalStackState, LocalStackStatus, NotReady, ProcessConfig, ProcessDeployer, ProgressFn,
    Timing, WaitingFn, localstack_services,
};
pub use logs::CloudWatchLogs;
pub use objects::S3Objects;
pub use roles::AwsRoles;
pub use schedules::{EcsScheduleRunner, EcsSchedules};
pub use secrets::AwsSecrets;
pub use seed::{Seed, SeedBucket, SeedLogGroup, SeedObject, SeedParameter, SeedQueue, SeedRole, SeedSecret, SeedTopic, SeedValue};
