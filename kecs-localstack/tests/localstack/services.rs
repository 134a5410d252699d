//! Services come and go.

use kecs_localstack::{Emulator, LocalStackError, LocalStackState};

use crate::support::{Life, PATIENCE, config, python};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test]
async fn services_are_enabled_and_disabled_and_it_says_so() {
    let Some(python) = python("services_are_enabled_and_disabled_and_it_says_so", Emulator::LocalStack) else { return };
    let life = Life::ready(python, config(Emulator::LocalStack, &["sts", "s3"])).await;
    let state = |service: &str| life.localstack.status().services[service].clone();
    assert_eq!((state("sqs"), state("s3")), ("disabled".to_owned(), "available".to_owned()));

    let update = life.localstack.update_services(&names(&["sqs"]), &names(&["s3"]), PATIENCE).await.unwrap();
    assert_eq!((update.services["sqs"].as_str(), update.services["s3"].as_str()), ("available", "disabled"));
    assert_eq!(life.localstack.config().services, ["sqs", "sts"]);

    let pids = life.pids();
    life.localstack.update_services(&names(&["sqs"]), &[], PATIENCE).await.unwrap();
    assert_eq!(life.pids(), pids, "nothing changed, so nothing was restarted");

    // Services that need another bring it along.
    let refusal = life.localstack.update_services(&names(&["dynamodbstreams"]), &names(&["kinesis"]), PATIENCE).await.unwrap_err();
    assert!(refusal.to_string().starts_with("LocalStack still serves kinesis"), "{refusal}");
}

#[tokio::test]
async fn a_service_that_it_lacks_is_named_before_anything_restarts() {
    let Some(python) = python("a_service_that_it_lacks_is_named_before_anything_restarts", Emulator::LocalStack) else { return };
    let life = Life::ready(python, config(Emulator::LocalStack, &["sts"])).await;
    let pids = life.pids();
    let refusal = life.localstack.update_services(&names(&["rds", "sqs"]), &[], PATIENCE).await.unwrap_err();
    assert!(matches!(refusal, LocalStackError::NoSuchService { .. }));
    assert!(refusal.to_string().starts_with("LocalStack 4.14.0 has no rds: it has acm, "), "{refusal}");
    let refusal = life.localstack.update_services(&[], &names(&["sts"]), PATIENCE).await.unwrap_err();
    assert!(matches!(refusal, LocalStackError::NoServiceLeft));
    assert_eq!((life.pids(), life.localstack.status().state), (pids, LocalStackState::Ready));
}
