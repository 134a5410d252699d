//! moto by the same manager.

use kecs_localstack::{Emulator, LocalStackError, LocalStackState};
use rustix::process::Signal;

use crate::support::{Life, PATIENCE, client, config, python};

#[tokio::test]
async fn moto_is_started_called_and_started_again() {
    let Some(python) = python("moto_is_started_called_and_started_again", Emulator::Moto) else { return };
    let config = config(Emulator::Moto, &[]);
    let scope = config.scope.clone();
    let life = Life::ready(python, config).await;
    let client = client(&life.localstack);
    let identity = client.query(&scope, "sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap();
    assert!(identity.contains("<Account>000000000000</Account>"), "{}", *identity);

    let refusal = life.localstack.update_services(&["s3".to_owned()], &[], PATIENCE).await.unwrap_err();
    assert!(matches!(refusal, LocalStackError::AllServices));

    life.signal(Signal::KILL);
    life.until(LocalStackState::Starting).await;
    life.until(LocalStackState::Ready).await;
    life.localstack.stop().await;
    assert_eq!(life.pids(), Vec::<i32>::new());
}
