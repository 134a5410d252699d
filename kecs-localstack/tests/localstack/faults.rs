//! What can go wrong around an emulator.

use std::net::TcpListener;
use std::time::Duration;

use kecs_localstack::{Emulator, LocalStackState};

use crate::support::{Life, config, python};

#[tokio::test]
async fn a_port_that_is_taken_fails_at_once_with_the_way_out_and_works_when_it_is_free() {
    let Some(python) = python("a_port_that_is_taken_fails_at_once_with_the_way_out_and_works_when_it_is_free", Emulator::Moto)
    else {
        return;
    };
    let squatter = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = squatter.local_addr().unwrap().port();
    let mut config = config(Emulator::Moto, &[]);
    config.port = Some(port);
    let life = Life::new(python, config);
    life.localstack.start();
    let error = life.localstack.ready(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error.state, LocalStackState::Failed);
    let text = format!(
        "moto is failed: port {port} of 127.0.0.1 is taken: stop what listens there, or set another port, or none for a free one"
    );
    assert_eq!(error.to_string(), text);

    drop(squatter);
    life.localstack.restart().await.unwrap();
    assert_eq!(life.localstack.ready(Duration::from_mins(5)).await.unwrap(), format!("http://127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_given_up_with_its_last_words() {
    // Any Python without the packages.
    let mut config = config(Emulator::LocalStack, &[]);
    config.timing.first_pause = Duration::from_millis(1);
    config.timing.give_up_after = 3;
    let life = Life::new("python3".into(), config);
    life.localstack.start();
    let status = life.until(LocalStackState::Failed).await;
    let reason = status.reason.unwrap();
    assert!(reason.starts_with("3 starts in a row failed, the last one so: it exited with code 1, and said last: "), "{reason}");
    assert!(reason.contains("No module named 'localstack'"), "{reason}");
    assert_eq!(status.restarts, 2);
}

#[tokio::test]
async fn a_stop_during_a_start_is_at_once() {
    let Some(python) = python("a_stop_during_a_start_is_at_once", Emulator::Moto) else { return };
    let life = Life::new(python, config(Emulator::Moto, &[]));
    life.localstack.start();
    life.until(LocalStackState::Starting).await;
    tokio::time::timeout(Duration::from_secs(20), life.localstack.stop()).await.unwrap();
    assert_eq!((life.localstack.status().state, life.pids().len()), (LocalStackState::Disabled, 0));
    life.deployer.end_leftovers().await.unwrap();
}
