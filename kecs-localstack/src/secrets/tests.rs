//! What is asked, and what is said when it fails. What LocalStack and moto really answer is in `tests/live`.

use std::sync::Arc;

use kecs_core::{BackendError, ErrorKind};
use serde_json::json;

use super::*;
use crate::scripted::{Asked, Scripted, cluster};

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf";

/// Resolves these `valueFrom`s, and tells each answer: its value, or what is wrong.
async fn resolved(backend: &Arc<Scripted>, references: &[&str]) -> Vec<String> {
    let references: Vec<SecretRef> = references.iter().map(|text| SecretRef::parse(text)).collect();
    let answers = AwsSecrets::new(backend.backends()).resolve_all(&cluster(), &references).await;
    answers.into_iter().map(|answer| answer.map_or_else(|error| format!("{error:?}"), |value| value.expose().to_owned())).collect()
}

/// SSM, whose parameters but `/none` have their ARN for a value, last asked first.
fn ssm(asked: &Asked) -> (u16, String) {
    let names = asked.json()["Names"].clone();
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let found = names.iter().rev().filter(|name| !name.contains("none")).map(|name| {
        let resource = name.rsplit_once(":parameter").map_or(*name, |(_, resource)| resource);
        let plain = resource.split(':').next().unwrap();
        let arn = format!("arn:aws:ssm:{}:{}:parameter/{}", asked.region, asked.account, plain.trim_start_matches('/'));
        json!({ "Name": plain, "ARN": arn, "Value": format!("{name} of {}/{}", asked.account, asked.region) })
    });
    (200, json!({ "Parameters": found.collect::<Vec<_>>(), "InvalidParameters": ["whatever"] }).to_string())
}

#[tokio::test]
async fn parameters_are_read_ten_with_one_call_and_decrypted() {
    let backend = Scripted::new(|asked: &Asked| Ok(ssm(asked)));
    let names: Vec<String> = (0..21).map(|n| format!("/app/{n}")).collect();
    let values = resolved(&backend, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let expected: Vec<String> = names.iter().map(|name| format!("{name} of 111122223333/eu-west-1")).collect();
    assert_eq!(values, expected);
    let asked = backend.asked();
    assert_eq!(asked.iter().map(|asked| asked.json()["Names"].as_array().unwrap().len()).collect::<Vec<_>>(), [10, 10, 1]);
    assert!(asked.iter().all(|asked| asked.target == "AmazonSSM.GetParameters" && asked.json()["WithDecryption"] == true));
}

#[tokio::test]
async fn versions_of_one_parameter_are_read_with_calls_of_their_own() {
    let backend = Scripted::new(|asked: &Asked| Ok(ssm(asked)));
    let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/app/a:3";
    let values = resolved(&backend, &["/app/a:1", "/app/b", "/app/a:blue", arn]).await;
    let of = "of 111122223333/eu-west-1";
    assert_eq!(values, [format!("/app/a:1 {of}"), format!("/app/b {of}"), format!("/app/a:blue {of}"), format!("{arn} {of}")]);
    assert_eq!(backend.asked().len(), 3);
}

#[tokio::test]
async fn a_parameter_by_its_arn_is_read_where_it_is() {
    let backend = Scripted::new(|asked: &Asked| Ok(ssm(asked)));
    let elsewhere = "arn:aws:ssm:us-east-1:444455556666:parameter/shared/a";
    let values = resolved(&backend, &["plain", elsewhere]).await;
    assert_eq!(values, ["plain of 111122223333/eu-west-1".to_owned(), format!("{elsewhere} of 444455556666/us-east-1")]);
}

#[tokio::test]
async fn parameters_that_are_not_there_are_told_in_the_words_of_fargate() {
    // "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /wishkit/…": a stoppedReason that a
    // user quotes; several names are joined as in the ECS agent's agent/ssm/ssm.go.
    let backend = Scripted::new(|asked: &Asked| Ok(ssm(asked)));
    let values = resolved(&backend, &["/none", "/app/a", "/none/either"]).await;
    let missing = r#"NotFound { message: "invalid ssm parameters: /none,/none/either" }"#;
    assert_eq!(values, [missing, "/app/a of 111122223333/eu-west-1", missing]);
}

#[tokio::test]
async fn a_secret_is_read_once_for_all_its_keys_and_once_for_each_version() {
    let backend = Scripted::new(|asked: &Asked| {
        let secret = json!({ "user": "me", "password": format!("p {}", asked.json()["VersionStage"]) });
        Ok((200, json!({ "SecretString": secret.to_string() }).to_string()))
    });
    let keys = ["", ":user::", ":password::", ":password:AWSPREVIOUS:", ":::v1", ":user:AWSPREVIOUS:v1"];
    let values = resolved(&backend, &keys.map(|key| format!("{SECRET}{key}")).each_ref().map(String::as_str)).await;
    assert_eq!(values[1..4], ["me", "p null", "p \"AWSPREVIOUS\""]);
    let inputs: Vec<_> = backend.asked().iter().map(Asked::json).collect();
    assert_eq!(
        inputs,
        [
            json!({ "SecretId": SECRET }),
            json!({ "SecretId": SECRET, "VersionStage": "AWSPREVIOUS" }),
            json!({ "SecretId": SECRET, "VersionId": "v1" }),
            json!({ "SecretId": SECRET, "VersionStage": "AWSPREVIOUS", "VersionId": "v1" }),
        ]
    );
}

#[tokio::test]
async fn a_secret_is_read_in_the_account_and_region_of_its_arn() {
    let backend = Scripted::new(|_: &Asked| Ok((200, json!({ "SecretString": "s" }).to_string())));
    let elsewhere = "arn:aws:secretsmanager:us-east-1:444455556666:secret:db";
    assert_eq!(resolved(&backend, &[elsewhere]).await, ["s"]);
    let by_name = SecretRef::parse_registry_credentials("registry");
    assert!(AwsSecrets::new(backend.backends()).resolve(&cluster(), &by_name).await.is_ok());
    let asked: Vec<_> = backend.asked().into_iter().map(|asked| (asked.service, asked.account, asked.region)).collect();
    let of = |account: &str, region: &str| ("secretsmanager".to_owned(), account.to_owned(), region.to_owned());
    assert_eq!(asked, [of("444455556666", "us-east-1"), of("111122223333", "eu-west-1")]);
}

#[tokio::test]
async fn what_secrets_manager_refuses_is_told_in_the_words_of_fargate() {
    // "failed to fetch secret arn:… from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging
    // label: AWSCURRENT" and the same with AccessDeniedException: stoppedReasons that users quote.
    for (code, kind) in [("ResourceNotFoundException", "NotFound"), ("AccessDeniedException", "Denied")] {
        let backend = Scripted::new(move |_: &Asked| Ok((400, json!({ "__type": code, "Message": "no" }).to_string())));
        let expected = format!("{kind} {{ message: \"failed to fetch secret {SECRET} from secrets manager: {code}: no\" }}");
        assert_eq!(resolved(&backend, &[SECRET, &format!("{SECRET}:key::")]).await, [expected.clone(), expected]);
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there_yet_can_be_asked_again() {
    let backend = Scripted::new(|_: &Asked| Err(BackendError::new(ErrorKind::Unavailable, "LocalStack is starting")));
    for answer in resolved(&backend, &["/app/a", SECRET]).await {
        assert!(answer.starts_with("Unavailable") && answer.contains("LocalStack is starting"), "{answer}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_a_variable_is_refused_and_not_told() {
    let binary = Scripted::new(|_: &Asked| Ok((200, json!({ "SecretBinary": "Y2FuYXJ5" }).to_string())));
    let text = Scripted::new(|_: &Asked| Ok((200, json!({ "SecretString": "canary" }).to_string())));
    let keyed = format!("{SECRET}:key::");
    for (backend, reference, says) in [
        // "Secrets that store binary data … are not supported" (Pass Secrets Manager secrets programmatically in Amazon ECS).
        (&binary, SECRET, "secrets that store binary data are not supported"),
        (&binary, &keyed, "secrets that store binary data are not supported"),
        // The beginning of the text that Fargate has for a key that is missing.
        (&text, &keyed, "retrieved secret from Secrets Manager is not a JSON object, so that it did not contain json key key"),
    ] {
        let answer = resolved(backend, &[reference]).await.remove(0);
        assert!(answer.contains(says) && !answer.contains("canary") && !answer.contains("Y2Fu"), "{answer}");
    }
}

#[tokio::test]
async fn binary_data_is_given_in_base64_where_that_is_wanted() {
    // SecretBinary of GetSecretValue: "Type: Base64-encoded binary data object".
    let backend = Scripted::new(|_: &Asked| Ok((200, json!({ "SecretBinary": "/wD+" }).to_string())));
    let secrets = AwsSecrets::new(backend.backends()).binary_as_base64(true);
    let ask = async |reference: &str| secrets.resolve(&cluster(), &SecretRef::parse(reference)).await;
    assert_eq!(ask(SECRET).await.unwrap().expose(), "/wD+");
    let keyed = ask(&format!("{SECRET}:key::")).await.unwrap_err().to_string();
    assert!(keyed.contains("secrets that store binary data are not supported") && !keyed.contains("/wD+"), "{keyed}");
}

#[tokio::test]
async fn an_arn_with_too_few_colons_is_refused_before_anybody_is_asked() {
    // agent/taskresource/asmsecret of the ECS agent.
    let says = "resulted in error: an invalid ARN format for the AWS Secrets Manager secret was specified.";
    let backend = Scripted::new(|_: &Asked| panic!("nobody is asked"));
    let answer = resolved(&backend, &[&format!("{SECRET}:key")]).await.remove(0);
    assert!(answer.contains(&format!("trying to retrieve secret with value {SECRET}:key {says}")), "{answer}");
}

#[test]
fn a_value_that_is_no_string_is_printed_as_the_agent_prints_it() {
    // agent/asm/asm.go of the ECS agent prints with Go's `%v`; the expected texts are what Go 1.26 prints of these values.
    let json = r#"{ "port": 5432, "big": 12345678, "small": 0.00001, "huge": 1e21, "true": true, "null": null, "list": [1, "x", null],
        "map": { "b": 1, "a": "x" }, "six": 123456, "million": 1000000, "half": -0.5, "id": 9007199254740993, "text": "5432", "same": 1, "same": "2" }"#;
    let secret = SecretValue::new(json.to_owned());
    for (key, printed) in [
        ("port", "5432"),
        ("big", "1.2345678e+07"),
        ("small", "1e-05"),
        ("huge", "1e+21"),
        ("true", "true"),
        ("null", "<nil>"),
        ("list", "[1 x <nil>]"),
        ("map", "map[a:x b:1]"),
        ("six", "123456"),
        ("million", "1e+06"),
        ("half", "-0.5"),
        ("id", "9.007199254740992e+15"),
        ("text", "5432"),
        ("same", "2"),
    ] {
        assert_eq!(json_key::value(&secret, key).unwrap().expose(), printed, "{key}");
    }
    let error = json_key::value(&secret, "none").unwrap_err();
    // The end of a stoppedReason of Fargate that users quote.
    assert_eq!(error.to_string(), "retrieved secret from Secrets Manager did not contain json key none");
}
