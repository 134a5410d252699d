//! What roles may do, as their policies were read a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kecs_core::{ClusterRef, ErrorKind, Report, RolePolicySource, RoleRef};
use tokio::time::Instant;

use super::{Rules, rights};

/// How long what was read is good for: the tasks of a service start together.
const FRESH: Duration = Duration::from_secs(10);
/// How long a task waits for IAM before it starts without knowing.
const PATIENCE: Duration = Duration::from_secs(10);

type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Rules)>>>;

#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<(ClusterRef, Arc<str>), Slot>>);

impl Known {
    /// What a role may do among the tasks of a cluster; `None` where nobody tells.
    pub(super) async fn of(&self, source: &Arc<dyn RolePolicySource>, cluster: &ClusterRef, role: &Arc<str>) -> Option<Rules> {
        let key = (cluster.clone(), Arc::clone(role));
        let slot = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        // Who comes meanwhile waits for the one who asks.
        let mut slot = slot.lock().await;
        if let Some((read_at, rules)) = &*slot
            && read_at.elapsed() < FRESH
        {
            return Some(Arc::clone(rules));
        }
        let rules = match tokio::time::timeout(PATIENCE, source.policies(cluster, role)).await {
            Ok(Ok(policies)) => match rights::rules(&policies, cluster) {
                Ok(rules) => rules.into(),
                Err(unreadable) => {
                    tracing::warn!(%role, error = %unreadable, "the task's role is allowed nothing in the cluster");
                    Rules::default()
                }
            },
            // There is nothing that it could have.
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Rules::default(),
            Ok(Err(error)) => {
                tracing::warn!(%role, error = %Report(&error), "what the task's role is allowed is not known; it keeps what it has");
                return slot.as_ref().map(|(_, rules)| Arc::clone(rules));
            }
            Err(_) => {
                tracing::warn!(%role, "what the task's role is allowed is not known in time; it keeps what it has");
                return slot.as_ref().map(|(_, rules)| Arc::clone(rules));
            }
        };
        *slot = Some((Instant::now(), Arc::clone(&rules)));
        Some(rules)
    }
}

impl Known {
    /// Drops what was read of a role.
    pub(super) fn forget(&self, role: &RoleRef) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|(cluster, arn), _| cluster.scope != role.scope || *arn != role.arn);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use kecs_core::testing::task_ref;
    use kecs_core::{BackendError, RolePolicies};

    use super::*;

    const ALL: &str = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    /// Answers once, then fails as it was made to.
    #[derive(Debug)]
    struct Iam {
        asked: AtomicUsize,
        then: ErrorKind,
    }

    #[async_trait]
    impl RolePolicySource for Iam {
        async fn policies(&self, _: &ClusterRef, _: &str) -> Result<RolePolicies, BackendError> {
            match self.asked.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(RolePolicies { identity: vec![ALL.to_owned()], boundary: None }),
                _ if self.then == ErrorKind::Timeout => std::future::pending().await,
                _ => Err(BackendError::new(self.then, "no")),
            }
        }
    }

    /// How many rules there are at first, and when IAM is asked again.
    async fn first_and_later(then: ErrorKind) -> [Option<usize>; 2] {
        let iam = Arc::new(Iam { asked: AtomicUsize::new(0), then });
        let source: Arc<dyn RolePolicySource> = Arc::clone(&iam) as _;
        let (known, cluster, role) = (Known::default(), task_ref("default").cluster, Arc::from("arn:aws:iam::1:role/a"));
        let first = known.of(&source, &cluster, &role).await.map(|rules| rules.len());
        assert_eq!(known.of(&source, &cluster, &role).await.map(|rules| rules.len()), first);
        assert_eq!(iam.asked.load(Ordering::Relaxed), 1, "what is fresh is not asked again");
        tokio::time::advance(FRESH).await;
        let later = known.of(&source, &cluster, &role).await.map(|rules| rules.len());
        assert_eq!(iam.asked.load(Ordering::Relaxed), 2);
        [first, later]
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_asked_stays_as_it_was() {
        assert_eq!(first_and_later(ErrorKind::Unavailable).await, [Some(3), Some(3)]);
        assert_eq!(first_and_later(ErrorKind::Timeout).await, [Some(3), Some(3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_is_gone_has_nothing() {
        assert_eq!(first_and_later(ErrorKind::NotFound).await, [Some(3), Some(0)]);
    }
}
