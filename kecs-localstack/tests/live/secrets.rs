//! Secrets as tasks name them, from real stores.

use kecs_core::{SecretRef, SecretSource, TaskId};
use kecs_localstack::{AwsSecrets, Caller};
use serde_json::{Value, json};

use crate::support::{Emulator, on_every_emulator, unique};

on_every_emulator![
    a_parameter_goes_by_its_name_its_path_or_its_arn
    a_parameters_version_and_label_are_chosen
    more_parameters_than_fit_one_call_are_read
    a_parameter_that_is_not_there_is_told
    a_secret_goes_by_its_arn_with_or_without_suffix
    a_secrets_key_stage_and_version_are_chosen
    a_secret_in_another_region_is_read_there
    a_secret_that_is_not_there_is_told
    a_binary_secret_is_refused_or_given_in_base64
];

async fn resolved(emulator: &Emulator, references: &[&str]) -> Vec<Result<String, String>> {
    let references: Vec<SecretRef> = references.iter().map(|text| SecretRef::parse(text)).collect();
    let answers = AwsSecrets::new(emulator.backends()).resolve_all(&emulator.cluster(), &references).await;
    answers.into_iter().map(|answer| answer.map(|value| value.expose().to_owned()).map_err(|error| error.to_string())).collect()
}

fn values(texts: &[&str]) -> Vec<Result<String, String>> {
    texts.iter().map(|&text| Ok(text.to_owned())).collect()
}

async fn put_parameter(emulator: &Emulator, name: &str, value: &str) {
    let input = json!({ "Name": name, "Value": value, "Type": "SecureString", "Overwrite": true });
    let _: Value = emulator.client().json(&emulator.caller(), "ssm", "AmazonSSM.PutParameter", &input).await.unwrap();
}

async fn secret(emulator: &Emulator, caller: &Caller, target: &'static str, mut input: Value) -> Value {
    // As the SDKs do: without it AWS refuses the call.
    input["ClientRequestToken"] = TaskId::random().to_string().into();
    emulator.client().json(caller, "secretsmanager", target, &input).await.unwrap()
}

async fn create_secret(emulator: &Emulator, caller: &Caller, value: &str) -> String {
    let input = json!({ "Name": unique("db"), "SecretString": value });
    let created = secret(emulator, caller, "secretsmanager.CreateSecret", input).await;
    created["ARN"].as_str().unwrap().to_owned()
}

async fn a_parameter_goes_by_its_name_its_path_or_its_arn(emulator: &Emulator) {
    let (plain, path) = (unique("plain"), format!("/app/{}", unique("path")));
    put_parameter(emulator, &plain, "1").await;
    put_parameter(emulator, &path, "2").await;
    let account = emulator.caller().account;
    let arn = format!("arn:aws:ssm:us-east-1:{account}:parameter{path}");
    let plain_arn = format!("arn:aws:ssm:us-east-1:{account}:parameter/{plain}");
    assert_eq!(resolved(emulator, &[&plain, &path, &arn, &plain_arn]).await, values(&["1", "2", "2", "1"]));
}

async fn a_parameters_version_and_label_are_chosen(emulator: &Emulator) {
    let name = format!("/app/{}", unique("versions"));
    for value in ["first", "second", "third"] {
        put_parameter(emulator, &name, value).await;
    }
    let input = json!({ "Name": name, "ParameterVersion": 2, "Labels": ["blue"] });
    let _: Value = emulator.client().json(&emulator.caller(), "ssm", "AmazonSSM.LabelParameterVersion", &input).await.unwrap();
    let texts = [format!("{name}:1"), format!("{name}:blue"), name];
    assert_eq!(resolved(emulator, &texts.each_ref().map(String::as_str)).await, values(&["first", "second", "third"]));
}

async fn more_parameters_than_fit_one_call_are_read(emulator: &Emulator) {
    let names: Vec<String> = (0..23).map(|n| format!("/{}/{n}", unique("many"))).collect();
    for name in &names {
        put_parameter(emulator, name, name).await;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(resolved(emulator, &names).await, values(&names));
}

async fn a_parameter_that_is_not_there_is_told(emulator: &Emulator) {
    let (here, gone) = (unique("here"), format!("/app/{}", unique("gone")));
    put_parameter(emulator, &here, "1").await;
    let unknown = format!("{here}:7");
    let message = format!("invalid ssm parameters: {gone}");
    // The parameter's other version is asked for with a call of its own.
    let expected = [Err(message), Ok("1".to_owned()), Err(format!("invalid ssm parameters: {unknown}"))];
    assert_eq!(resolved(emulator, &[&gone, &here, &unknown]).await, expected);
}

async fn a_secret_goes_by_its_arn_with_or_without_suffix(emulator: &Emulator) {
    let arn = create_secret(emulator, &emulator.caller(), "whole").await;
    let (partial, _suffix) = arn.rsplit_once('-').unwrap();
    assert_eq!(resolved(emulator, &[&arn, partial]).await, values(&["whole", "whole"]));
}

async fn a_secrets_key_stage_and_version_are_chosen(emulator: &Emulator) {
    let caller = emulator.caller();
    let arn = create_secret(emulator, &caller, r#"{ "password": "old", "port": 5432 }"#).await;
    let input = json!({ "SecretId": arn, "SecretString": r#"{ "password": "new", "port": 5433 }"# });
    let put = secret(emulator, &caller, "secretsmanager.PutSecretValue", input).await;
    let version = put["VersionId"].as_str().unwrap();
    let references = [
        format!("{arn}:password::"),
        format!("{arn}:port::"),
        format!("{arn}:password:AWSPREVIOUS:"),
        format!("{arn}:password::{version}"),
        format!("{arn}:password:AWSCURRENT:{version}"),
        format!("{arn}:none::"),
    ];
    let answers = resolved(emulator, &references.each_ref().map(String::as_str)).await;
    assert_eq!(answers[..5], values(&["new", "5433", "old", "new", "new"]));
    assert_eq!(answers[5], Err("retrieved secret from Secrets Manager did not contain json key none".to_owned()));
}

async fn a_secret_in_another_region_is_read_there(emulator: &Emulator) {
    let elsewhere = Caller::new(emulator.caller().account, "eu-west-1");
    let arn = create_secret(emulator, &elsewhere, "there").await;
    assert!(arn.contains(":eu-west-1:"), "{arn}");
    assert_eq!(resolved(emulator, &[&arn]).await, values(&["there"]));
}

async fn a_secret_that_is_not_there_is_told(emulator: &Emulator) {
    let account = emulator.caller().account;
    let arn = format!("arn:aws:secretsmanager:us-east-1:{account}:secret:{}-AbCdEf", unique("gone"));
    let error = resolved(emulator, &[&arn]).await.remove(0).unwrap_err();
    let says =
        format!("failed to fetch secret {arn} from secrets manager: ResourceNotFoundException: Secrets Manager can't find the");
    assert!(error.starts_with(&says), "{error}");
}

async fn a_binary_secret_is_refused_or_given_in_base64(emulator: &Emulator) {
    let input = json!({ "Name": unique("binary"), "SecretBinary": "/wBjYW5hcnk=" });
    let created = secret(emulator, &emulator.caller(), "secretsmanager.CreateSecret", input).await;
    let arn = created["ARN"].as_str().unwrap();
    let error = resolved(emulator, &[arn]).await.remove(0).unwrap_err();
    assert!(error.contains("binary data are not supported"), "{error}");
    let given = AwsSecrets::new(emulator.backends()).binary_as_base64(true);
    let value = given.resolve(&emulator.cluster(), &SecretRef::parse(arn)).await.unwrap();
    assert_eq!(value.expose(), "/wBjYW5hcnk=");
}
