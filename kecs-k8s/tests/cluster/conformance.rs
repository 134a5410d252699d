//! Kubernetes keeps the contract of every backend.

use crate::support::OnCluster;

kecs_core::task_manager_conformance!(OnCluster, survives_restart);
