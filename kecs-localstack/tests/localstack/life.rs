//! Started, ended, ended by others, and started again.

use std::time::Duration;

use futures::StreamExt;
use kecs_localstack::{Emulator, LocalStackState};
use rustix::process::Signal;

use crate::support::{Life, config, python};

#[tokio::test]
async fn it_is_ready_after_a_start_and_gone_after_a_stop() {
    let Some(python) = python("it_is_ready_after_a_start_and_gone_after_a_stop", Emulator::LocalStack) else { return };
    let life = Life::new(python, config(Emulator::LocalStack, &["s3", "sts"]));
    assert_eq!(life.localstack.status().state, LocalStackState::Disabled);
    assert!(life.localstack.ready(Duration::ZERO).await.is_err());

    life.localstack.start();
    let endpoint = life.localstack.ready(Duration::from_mins(5)).await.unwrap();
    let status = life.localstack.status();
    assert_eq!((status.state, &status.reason), (LocalStackState::Ready, &None));
    assert!(status.version.starts_with("4.1"), "it says so itself: {}", status.version);
    assert_eq!(status.endpoint, Some(endpoint.clone()));
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
    assert_eq!((status.services["s3"].as_str(), status.services["sqs"].as_str()), ("available", "disabled"));

    // A start of what is up is nothing.
    life.localstack.start();
    let pids = life.pids();
    life.localstack.stop().await;
    assert_eq!(life.localstack.status().state, LocalStackState::Disabled);
    assert_eq!(life.pids(), Vec::<i32>::new(), "it was {pids:?}");
    assert_eq!(life.localstack.endpoint(), None);
}

#[tokio::test]
async fn it_is_started_again_when_it_was_killed() {
    let Some(python) = python("it_is_started_again_when_it_was_killed", Emulator::LocalStack) else { return };
    let life = Life::ready(python, config(Emulator::LocalStack, &["sts"])).await;
    let (endpoint, pids) = (life.localstack.endpoint(), life.pids());
    life.signal(Signal::KILL);
    let status = life.until(LocalStackState::Starting).await;
    assert!(status.reason.unwrap().starts_with("it was ended by signal 9"));
    assert_eq!(status.endpoint, None);
    let status = life.until(LocalStackState::Ready).await;
    assert_eq!((status.restarts, status.endpoint), (1, endpoint), "the port stays");
    assert!(life.pids().iter().all(|pid| !pids.contains(pid)));
}

#[tokio::test]
async fn it_is_degraded_and_then_started_again_when_it_hangs() {
    let Some(python) = python("it_is_degraded_and_then_started_again_when_it_hangs", Emulator::LocalStack) else { return };
    let mut config = config(Emulator::LocalStack, &["sts"]);
    config.timing.stop = Duration::from_millis(200);
    let life = Life::ready(python, config).await;
    life.signal(Signal::STOP);
    let status = life.until(LocalStackState::Degraded).await;
    assert!(status.reason.unwrap().contains("did not answer within"));
    assert!(life.localstack.ready(Duration::ZERO).await.is_ok(), "calls are passed on");
    let status = life.until(LocalStackState::Starting).await;
    assert!(status.reason.unwrap().starts_with("it hung: "));
    life.until(LocalStackState::Ready).await;
    assert_eq!(life.localstack.status().restarts, 1);
}

#[tokio::test]
async fn what_it_says_is_kept_and_followed_across_restarts() {
    let Some(python) = python("what_it_says_is_kept_and_followed_across_restarts", Emulator::LocalStack) else { return };
    let life = Life::ready(python, config(Emulator::LocalStack, &["sts"])).await;
    let mut lines = life.localstack.logs(None, true);
    let mut versions = 0;
    while versions < 2 {
        let line = tokio::time::timeout(Duration::from_mins(5), lines.next()).await.unwrap().unwrap().unwrap();
        if line.contains("LocalStack version: 4.1") {
            versions += 1;
            if versions == 1 {
                life.localstack.restart().await.unwrap();
            }
        }
    }
    let last: Vec<_> = life.localstack.logs(Some(1), false).collect().await;
    assert_eq!(last.len(), 1);
}

#[tokio::test]
async fn one_that_outlived_its_kecs_is_ended_before_the_next_starts() {
    let Some(python) = python("one_that_outlived_its_kecs_is_ended_before_the_next_starts", Emulator::LocalStack) else { return };
    let life = Life::new(python, config(Emulator::LocalStack, &["sts"]));
    // As if it had been started by a kecs that was killed: in a session of its own, and with the mark of the instance's folder.
    let folder = life.data.path().join("localstack/instances/test");
    std::fs::create_dir_all(&folder).unwrap();
    let orphan = std::process::Command::new("setsid")
        .args(["--fork", "sleep", "1000"])
        .env("KECS_LOCALSTACK", folder.canonicalize().unwrap())
        .status()
        .unwrap();
    assert!(orphan.success());
    let before = life.pids();
    assert_eq!(before.len(), 1);

    life.localstack.start();
    life.until(LocalStackState::Ready).await;
    assert!(!life.pids().contains(&before[0]));

    life.localstack.stop().await;
    assert_eq!(life.pids().len(), 0);
}
