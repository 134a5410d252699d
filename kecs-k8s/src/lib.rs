//! Tasks as pods on Kubernetes.
//!
//! Start at [`KubernetesTaskManager`]. A cluster of ECS is a namespace, a task is one bare pod in it; `docs/kubernetes.md` tells field by field what
//! becomes of a task definition.
//!
//! - `pod.rs`: from a task's specification to its pod, as a pure function. `plan.rs`: what is written on the pod for those who find it later.
//! - `observe.rs`: from a pod to what its kubelet says of the containers. `life.rs`: what ECS's rules make of that, and what is to be done.
//! - `index.rs`: every task that is known, and who is told of changes. `reactor.rs`: the one watch, the timers, and who acts.
//! - `secret.rs`: what of a task is in Secrets, and in no memory that is not wiped.
//! - `health.rs`: what of the API server does not work just now.
//! - `usage.rs`: what pods use, as kubelets say.
//! - `roles.rs`: the service accounts of task roles.
//! - `nodes.rs`: which nodes are container instances.
//! - `tasks.rs`: the seam.
//!
//! Beside tasks, [`KubernetesLocalStacks`] runs what answers for the other AWS services, as Deployments (`localstack.rs`), and
//! [`InjectionWebhook`] gives the sidecar to pods that are no tasks (`webhook.rs`).

mod act;
mod config;
mod error;
mod exec;
mod health;
mod index;
mod life;
mod localstack;
mod logs;
mod names;
mod nodes;
mod observe;
mod plan;
mod pod;
mod reactor;
mod roles;
mod secret;
mod tasks;
mod time;
mod usage;
mod webhook;

pub use config::{EfsBacking, KubernetesConfig, NodeInstances, PodStats, Sidecar, TaskRoles, VolumeClass};
pub use localstack::{DeployedLocalStack, KubernetesLocalStacks, LocalStackSettings};
pub use tasks::{EndedPods, KubernetesTaskManager};
pub use webhook::{FailurePolicy, InjectionWebhook, WebhookAddress, WebhookConfig};
