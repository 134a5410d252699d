//! Which LocalStack answers for which cluster, and when it is started.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream::BoxStream;
use http_body_util::{BodyExt, Empty};
use kecs_core::{ErrorKind, Scope};

use super::*;
use crate::{DeployOrder, Deployment, LocalStackState};

/// Begins what it is asked for, and never gets it done.
#[derive(Debug, Default)]
struct Slow {
    begun: Arc<AtomicUsize>,
}

#[async_trait]
impl Deployer for Slow {
    fn check(&self, config: &LocalStackConfig) -> Result<(), LocalStackError> {
        if config.services.iter().any(|service| service == "rds") { Err(LocalStackError::NoServiceLeft) } else { Ok(()) }
    }

    async fn deploy(&self, _: DeployOrder) -> Result<Box<dyn Deployment>, LocalStackError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        std::future::pending().await
    }

    fn logs(&self, _: &str, _: Option<usize>, _: bool) -> BoxStream<'static, Result<String, LocalStackError>> {
        futures::stream::empty().boxed()
    }
}

fn fleet(start: StartWhen) -> (LocalStacks, Arc<AtomicUsize>) {
    let deployer = Slow::default();
    let begun = Arc::clone(&deployer.begun);
    let config = FleetConfig { start, patience: Duration::from_secs(1) };
    (LocalStacks::new(Arc::new(deployer), config), begun)
}

async fn call(backend: &dyn AwsServiceBackend) -> BackendError {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    backend.call(&ServiceId::new("s3"), Request::new(body)).await.unwrap_err()
}

fn state(fleet: &LocalStacks, name: &str) -> LocalStackState {
    fleet.status()[name].state
}

#[tokio::test(start_paused = true)]
async fn the_first_call_starts_it_and_is_told_why_it_has_to_come_again() {
    let (fleet, begun) = fleet(StartWhen::Called);
    fleet.add(SHARED, LocalStackConfig::default()).unwrap();
    assert_eq!((state(&fleet, SHARED), begun.load(Ordering::Relaxed)), (LocalStackState::Disabled, 0));
    let error = call(&fleet).await;
    assert_eq!((error.kind(), begun.load(Ordering::Relaxed)), (ErrorKind::Unavailable, 1));
    assert!(error.to_string().contains("starting") && error.retry_after().is_some(), "{error}");
    call(&fleet).await;
    assert_eq!(begun.load(Ordering::Relaxed), 1, "it is on its way");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_to_start_at_once_waits_for_no_call() {
    let (fleet, _) = fleet(StartWhen::Now);
    fleet.add(SHARED, LocalStackConfig::default()).unwrap();
    assert_eq!(state(&fleet, SHARED), LocalStackState::Starting);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_has_its_own_or_the_shared_one() {
    let (fleet, _) = fleet(StartWhen::Called);
    fleet.add(SHARED, LocalStackConfig::default()).unwrap();
    fleet.add("own", LocalStackConfig::default()).unwrap();
    assert!(fleet.has_own("own") && !fleet.has_own("other") && !fleet.has_own(SHARED));
    let cluster = |name: &str| ClusterRef { scope: Scope::new("000000000000", "us-east-1"), name: name.into() };
    call(&*fleet.of(&cluster("own"))).await;
    assert_eq!((state(&fleet, "own"), state(&fleet, SHARED)), (LocalStackState::Starting, LocalStackState::Disabled));
    call(&*fleet.of(&cluster("other"))).await;
    assert_eq!(state(&fleet, SHARED), LocalStackState::Starting);
}

#[tokio::test(start_paused = true)]
async fn a_second_one_and_one_that_cannot_be_had_are_refused() {
    let (fleet, _) = fleet(StartWhen::Called);
    fleet.add("own", LocalStackConfig::default()).unwrap();
    assert!(matches!(fleet.add("own", LocalStackConfig::default()), Err(LocalStackError::Exists { .. })));
    assert!(fleet.add("other", fleet.like_the_shared(vec!["rds".to_owned()])).is_err());
    assert!(!fleet.has_own("other"));
}

#[tokio::test(start_paused = true)]
async fn without_any_nothing_is_served() {
    let (fleet, _) = fleet(StartWhen::Called);
    assert!(!AwsServiceBackend::serves(&fleet, &ServiceId::new("s3")));
    assert_eq!(call(&fleet).await.kind(), ErrorKind::Unsupported);
}
