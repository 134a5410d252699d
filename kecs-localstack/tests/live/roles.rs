//! Roles of tasks, from real STS and IAM.

use std::time::{Duration, SystemTime};

use kecs_core::{ErrorKind, RoleCredentialSource};
use kecs_localstack::{AwsRoles, Caller};

use crate::support::{Emulator, on_every_emulator, unique};

on_every_emulator![a_missing_role_is_created_and_assumed a_role_that_may_not_be_created_is_not_assumed];

/// The session's name: a task's id.
const SESSION: &str = "0123456789abcdef0123456789abcdef";

async fn get_role(emulator: &Emulator, name: &str) -> Option<String> {
    let answer = emulator.client().query(&emulator.caller(), "iam", "2010-05-08", "GetRole", &[("RoleName", name)]).await;
    answer.ok().map(|answer| answer.to_string())
}

async fn a_missing_role_is_created_and_assumed(emulator: &Emulator) {
    let name = unique("web");
    let arn = format!("arn:aws:iam::{}:role/apps/{name}", emulator.caller().account);
    let roles = AwsRoles::new(emulator.backends());
    #[expect(clippy::disallowed_methods, reason = "the emulator's clock is the machine's")]
    let now = SystemTime::now();
    let credentials = roles.assume(&emulator.cluster(), &arn, SESSION).await.unwrap();
    let seconds = Duration::from_millis(u64::try_from(credentials.expiration.as_millis()).unwrap()).as_secs();
    let lasts = seconds - now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!((21_590..=21_660).contains(&lasts), "6 hours, not {lasts} s");
    assert!(!credentials.access_key_id.is_empty() && !credentials.secret_access_key.expose().is_empty());
    assert!(!credentials.session_token.expose().is_empty());

    let role = get_role(emulator, &name).await.unwrap();
    assert!(role.contains(&arn) && role.contains("ecs-tasks.amazonaws.com"), "{role}");
    // Whoever has the credentials is the role: the key's id is what a request's scope begins with.
    let assumed = Caller::new(credentials.access_key_id.as_str(), "us-east-1");
    let identity = emulator.client().query(&assumed, "sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap();
    assert!(identity.contains(&format!(":assumed-role/{name}/{SESSION}</Arn>")), "{}", *identity);
    // Now that it is there it is taken as it is.
    let again = AwsRoles::new(emulator.backends()).create_missing(false).assume(&emulator.cluster(), &arn, SESSION).await;
    assert!(again.unwrap().expiration >= credentials.expiration);
}

async fn a_role_that_may_not_be_created_is_not_assumed(emulator: &Emulator) {
    let name = unique("gone");
    let roles = AwsRoles::new(emulator.backends()).create_missing(false);
    let error = roles.assume(&emulator.cluster(), &name, SESSION).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(get_role(emulator, &name).await, None);
}
