//! Which LocalStack answers for which cluster, and when it is started.

use std::sync::Mutex;
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
    removed: Arc<Mutex<Vec<String>>>,
    retired: Arc<Mutex<Vec<String>>>,
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

    async fn names(&self) -> Result<Vec<String>, LocalStackError> {
        Ok(names(&["default", "own", "made", "unknown"]))
    }

    async fn retire(&self, name: &str) -> Result<(), LocalStackError> {
        self.retired.lock().unwrap().push(name.to_owned());
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), LocalStackError> {
        self.removed.lock().unwrap().push(name.to_owned());
        Ok(())
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
    assert!(fleet.make("other", vec!["rds".to_owned()]).await.is_err());
    assert!(!fleet.has_own("other"));
}

#[tokio::test(start_paused = true)]
async fn what_no_cluster_can_be_called_has_none() {
    let (fleet, begun) = fleet(StartWhen::Now);
    for name in ["../outside", "", "a b", &"a".repeat(256)] {
        assert!(matches!(fleet.make(name, Vec::new()).await, Err(LocalStackError::ClusterName)), "{name}");
        assert!(matches!(fleet.add(name, LocalStackConfig::default()), Err(LocalStackError::ClusterName)), "{name}");
    }
    assert_eq!((fleet.status().len(), begun.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_made_is_taken_back_and_what_the_settings_gave_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let deployer = Slow::default();
    let removed = Arc::clone(&deployer.removed);
    let file = folder.path().join("changes.json");
    let fleet = LocalStacks::new(Arc::new(deployer), FleetConfig::default()).with_changes(file.clone()).unwrap();
    fleet.add("settings", LocalStackConfig::default()).unwrap();
    fleet.make("made", names(&["s3"])).await.unwrap();
    for name in ["settings", "made", "unknown"] {
        fleet.unmake(name).await.unwrap();
    }
    assert_eq!(
        (fleet.has_own("settings"), fleet.has_own("made"), &*removed.lock().unwrap()),
        (true, false, &vec!["made".to_owned()])
    );
    assert!(!fleet.own().borrow().contains("made"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{}");
}

#[tokio::test(start_paused = true)]
async fn without_any_nothing_is_served() {
    let (fleet, _) = fleet(StartWhen::Called);
    assert!(!AwsServiceBackend::serves(&fleet, &ServiceId::new("s3")));
    assert_eq!(call(&fleet).await.kind(), ErrorKind::Unsupported);
}

/// The fleet of a run that keeps its changes in a folder.
fn run_in(folder: &tempfile::TempDir) -> LocalStacks {
    fleet(StartWhen::Called).0.with_changes(folder.path().join("localstack/changes.json")).unwrap()
}

fn services(fleet: &LocalStacks, name: &str) -> Vec<String> {
    fleet.member(name).unwrap().localstack().config().services.clone()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Changes the shared one, which never gets ready in these tests.
async fn disable(fleet: &LocalStacks, service: &str) {
    let shared = fleet.member(SHARED).unwrap();
    let outcome = fleet.update_services(&shared, &[], &names(&[service]), Duration::from_secs(1)).await;
    assert!(matches!(outcome, Err(LocalStackError::NotReady(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn changed_services_hold_in_the_next_run_until_the_settings_are_edited() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |services: &[&str]| LocalStackConfig { services: names(services), ..LocalStackConfig::default() };
    let fleet = run_in(&folder);
    fleet.add(SHARED, settings(&["s3", "sqs"])).unwrap();
    disable(&fleet, "s3").await;

    let next = run_in(&folder);
    next.add(SHARED, settings(&["s3", "sqs"])).unwrap();
    assert_eq!(services(&next, SHARED), ["sqs"]);

    let edited = run_in(&folder);
    edited.add(SHARED, settings(&["s3", "sns"])).unwrap();
    assert_eq!(services(&edited, SHARED), ["s3", "sns"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_made_is_there_in_the_next_run_while_its_cluster_is() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = run_in(&folder);
    fleet.add(SHARED, LocalStackConfig::default()).unwrap();
    fleet.make("stays", names(&["s3"])).await.unwrap();
    fleet.make("goes", names(&["s3"])).await.unwrap();

    for _ in 0..2 {
        let next = run_in(&folder);
        next.add(SHARED, LocalStackConfig::default()).unwrap();
        next.restore(|cluster| cluster == "stays").await.unwrap();
        assert_eq!((services(&next, "stays"), next.has_own("goes")), (names(&["s3"]), false));
    }
    let later = run_in(&folder);
    later.restore(|_| true).await.unwrap();
    assert!(later.has_own("stays") && !later.has_own("goes"), "it was forgotten with its cluster");
}

#[tokio::test(start_paused = true)]
async fn settings_come_before_what_was_made_and_services_that_are_gone_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("localstack")).unwrap();
    let earlier = r#"{
        "default": {"configured": [], "services": ["rds"]},
        "made": {"configured": null, "services": ["rds"]},
        "own": {"configured": null, "services": ["s3"]}
    }"#;
    std::fs::write(folder.path().join("localstack/changes.json"), earlier).unwrap();
    let deployer = Slow::default();
    let (removed, retired) = (Arc::clone(&deployer.removed), Arc::clone(&deployer.retired));
    let file = folder.path().join("localstack/changes.json");
    let fleet = LocalStacks::new(Arc::new(deployer), FleetConfig::default()).with_changes(file).unwrap();
    fleet.add(SHARED, LocalStackConfig::default()).unwrap();
    fleet.add("own", LocalStackConfig { services: names(&["sqs"]), ..LocalStackConfig::default() }).unwrap();
    fleet.restore(|cluster| cluster != "unknown").await.unwrap();
    assert_eq!((services(&fleet, SHARED), services(&fleet, "own"), fleet.has_own("made")), (vec![], names(&["sqs"]), false));
    assert_eq!(*removed.lock().unwrap(), ["unknown"]);
    assert_eq!(*retired.lock().unwrap(), ["made"], "what its cluster may have again is kept");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_kept_and_a_file_that_cannot_be_read_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = run_in(&folder);
    std::fs::write(folder.path().join("localstack"), "a file where the folder should be").unwrap();
    let outcome = fleet.make("own", names(&["s3"])).await;
    assert!(matches!(outcome, Err(LocalStackError::NotKept { .. })), "{outcome:?}");
    assert!(fleet.has_own("own"), "it is there all the same");

    let damaged = folder.path().join("changes.json");
    std::fs::write(&damaged, "{").unwrap();
    let (fleet, _) = self::fleet(StartWhen::Called);
    assert!(fleet.with_changes(damaged).is_err());
}
