//! Which backend answers for which cluster: one may have a LocalStack of its own, the others share one.

use std::fmt;
use std::sync::Arc;

use kecs_core::{AwsServiceBackend, ClusterRef};

/// Knows the backend of each cluster.
pub trait Backends: fmt::Debug + Send + Sync + 'static {
    /// The backend that answers for the tasks of a cluster. Cheap.
    fn of(&self, cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend>;
}

/// All clusters share this one.
#[derive(Clone, Debug)]
pub struct OneBackend(pub Arc<dyn AwsServiceBackend>);

impl Backends for OneBackend {
    fn of(&self, _cluster: &ClusterRef) -> Arc<dyn AwsServiceBackend> {
        Arc::clone(&self.0)
    }
}
