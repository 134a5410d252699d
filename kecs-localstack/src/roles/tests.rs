//! Who is asked for what, and what happens to roles that are missing.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::scripted::{Asked, Scripted, cluster};

const ARN: &str = "arn:aws:iam::444455556666:role/apps/web";
const ASSUMED: &str = "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId>\
    <SecretAccessKey>canary&amp;key</SecretAccessKey><SessionToken>canary-token</SessionToken><Expiration>2026-11-25T20:39:03Z</Expiration></Credentials>\
    </AssumeRoleResult></AssumeRoleResponse>";

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"))
}

/// IAM with or without the role, and STS.
fn aws(is_there: bool) -> Arc<Scripted> {
    Scripted::new(move |asked: &Asked| match asked.form("Action").unwrap() {
        "GetRole" if is_there => Ok((200, "<Role><MaxSessionDuration>3600</MaxSessionDuration></Role>".to_owned())),
        "GetRole" => Ok(refused(404, "NoSuchEntity")),
        "CreateRole" => Ok((200, "<Role/>".to_owned())),
        "AssumeRole" => Ok((200, ASSUMED.to_owned())),
        other => panic!("{other}"),
    })
}

fn actions(backend: &Scripted) -> Vec<String> {
    backend.asked().iter().map(|asked| asked.form("Action").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_role_is_assumed_in_its_account_for_as_long_as_it_allows() {
    let backend = aws(true);
    let credentials = AwsRoles::new(backend.backends()).assume(&cluster(), ARN, "0123456789abcdef").await.unwrap();
    assert_eq!(credentials.access_key_id, "ASIA");
    assert_eq!((credentials.secret_access_key.expose(), credentials.session_token.expose()), ("canary&key", "canary-token"));
    assert_eq!(credentials.expiration.to_string(), "2026-11-25T20:39:03Z");
    assert!(!format!("{credentials:?}").contains("canary"));
    assert_eq!(actions(&backend), ["GetRole", "AssumeRole"]);
    let asked = backend.asked().remove(1);
    assert_eq!((asked.service.as_str(), asked.account.as_str(), asked.region.as_str()), ("sts", "444455556666", "eu-west-1"));
    assert_eq!(asked.form("RoleArn"), Some("arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fapps%2Fweb"));
    assert_eq!((asked.form("RoleSessionName"), asked.form("DurationSeconds")), (Some("0123456789abcdef"), Some("3600")));
}

#[tokio::test]
async fn a_role_that_is_missing_is_created_for_ecs_tasks() {
    let backend = aws(false);
    AwsRoles::new(backend.backends()).assume(&cluster(), ARN, "s").await.unwrap();
    assert_eq!(actions(&backend), ["GetRole", "CreateRole", "AssumeRole"]);
    let asked = backend.asked();
    let created = &asked[1];
    assert_eq!((created.service.as_str(), created.account.as_str()), ("iam", "444455556666"));
    assert_eq!((created.form("RoleName"), created.form("Path")), (Some("web"), Some("%2Fapps%2F")));
    // "The default expiration time for the generated IAM role credentials is 6 hours" (IAM roles for tasks).
    assert_eq!((created.form("MaxSessionDuration"), asked[2].form("DurationSeconds")), (Some("21600"), Some("21600")));
    assert!(created.form("AssumeRolePolicyDocument").unwrap().contains("ecs-tasks.amazonaws.com"));
}

#[tokio::test]
async fn a_role_that_another_task_has_just_created_is_assumed() {
    let backend = Scripted::new(|asked: &Asked| match asked.form("Action").unwrap() {
        "GetRole" => Ok(refused(404, "NoSuchEntity")),
        "CreateRole" => Ok(refused(409, "EntityAlreadyExists")),
        _ => Ok((200, ASSUMED.to_owned())),
    });
    assert!(AwsRoles::new(backend.backends()).assume(&cluster(), ARN, "s").await.is_ok());
}

#[tokio::test]
async fn a_role_that_is_missing_may_be_an_error() {
    let backend = aws(false);
    let roles = AwsRoles::new(backend.backends()).create_missing(false);
    let error = roles.assume(&cluster(), ARN, "s").await.unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::NotFound, format!("role {ARN} is not there: NoSuchEntity: no")));
    assert_eq!(actions(&backend), ["GetRole"]);
}

#[tokio::test]
async fn a_backend_without_iam_assumes_any_role() {
    let backend = Scripted::new(|asked: &Asked| match asked.service.as_str() {
        "iam" => Ok(refused(501, "InternalFailure")),
        _ => Ok((200, ASSUMED.to_owned())),
    });
    assert!(AwsRoles::new(backend.backends()).assume(&cluster(), ARN, "s").await.is_ok());
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_told() {
    let backend = Scripted::new(|asked: &Asked| match asked.service.as_str() {
        "iam" => Ok((200, String::new())),
        _ => Ok(refused(403, "AccessDenied")),
    });
    let error = AwsRoles::new(backend.backends()).assume(&cluster(), ARN, "s").await.unwrap_err();
    let text = format!("role {ARN} cannot be assumed: AccessDenied: no");
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Invalid, text));
}

#[test]
fn a_role_is_named_by_its_arn_or_its_short_name() {
    let role = Role::parse("web", &cluster().scope).unwrap();
    assert_eq!((role.arn.as_str(), role.owner), ("arn:aws:iam::111122223333:role/web", cluster().scope));
    for wrong in ["", "a/b", "arn:aws:iam::1:user/a", "arn:aws:iam::1:role/", "arn:aws:sts::1:role/a", "arn:aws:iam::1:role"] {
        assert_eq!(Role::parse(wrong, &cluster().scope).unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
    }
}

#[tokio::test]
async fn credentials_that_are_not_whole_are_an_error() {
    let backend = Scripted::new(|_: &Asked| Ok((200, json!({}).to_string())));
    let error = AwsRoles::new(backend.backends()).assume(&cluster(), ARN, "s").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}

/// IAM with a role of these tags, which answers like this when it is to be removed.
fn tagged(tag: &'static str, removal: (u16, &'static str)) -> Arc<Scripted> {
    Scripted::new(move |asked: &Asked| match asked.form("Action").unwrap() {
        "GetRole" => Ok((200, format!("<Role><Tags><member><Key>{tag}</Key><Value>true</Value></member></Tags></Role>"))),
        "DeleteRole" if removal.0 == 200 => Ok((200, String::new())),
        "DeleteRole" => Ok(refused(removal.0, removal.1)),
        other => panic!("{other}"),
    })
}

#[tokio::test]
async fn a_role_that_was_created_here_goes_when_no_task_needs_it() {
    let created = aws(false);
    AwsRoles::new(created.backends()).assume(&cluster(), ARN, "s").await.unwrap();
    assert_eq!(created.asked()[1].form("Tags.member.1.Key"), Some("kecs%3Acreated"));
    let backend = tagged("kecs:created", (200, ""));
    AwsRoles::new(backend.backends()).release(&cluster(), ARN).await.unwrap();
    assert_eq!(actions(&backend), ["GetRole", "DeleteRole"]);
    assert_eq!(backend.asked()[1].account, "444455556666");
}

#[tokio::test]
async fn a_role_that_is_somebody_s_stays() {
    let theirs = tagged("team", (200, ""));
    AwsRoles::new(theirs.backends()).release(&cluster(), ARN).await.unwrap();
    assert_eq!(actions(&theirs), ["GetRole"]);
    // "The request was rejected because it attempted to delete a resource that has attached subordinate entities" (DeleteRole).
    let taken_over = tagged("kecs:created", (409, "DeleteConflict"));
    AwsRoles::new(taken_over.backends()).release(&cluster(), ARN).await.unwrap();
    let missing = aws(false);
    AwsRoles::new(missing.backends()).release(&cluster(), ARN).await.unwrap();
    assert_eq!(actions(&missing), ["GetRole"]);
}
