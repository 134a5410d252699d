//! The calls of `AwsClient`, in each protocol.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Emulator, on_every_emulator, unique};

on_every_emulator![json_is_answered query_is_answered rest_is_answered];

async fn json_is_answered(emulator: &Emulator) {
    let (client, caller) = (emulator.client(), emulator.caller());
    let name = unique("parameter");
    let parameter = json!({ "Name": name, "Value": "b", "Type": "String" });
    let _: Value = client.json(&caller, "ssm", "AmazonSSM.PutParameter", &parameter).await.unwrap();
    let answer: Value = client.json(&caller, "ssm", "AmazonSSM.GetParameters", &json!({ "Names": [name] })).await.unwrap();
    assert_eq!(answer["Parameters"][0]["Value"], "b");
    let arn = format!("arn:aws:ssm:us-east-1:{}:parameter/{name}", caller.account);
    assert_eq!(answer["Parameters"][0]["ARN"], arn, "the account is the caller's");
}

async fn query_is_answered(emulator: &Emulator) {
    let (client, caller) = (emulator.client(), emulator.caller());
    let xml = client.query(&caller, "sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap();
    assert!(xml.contains(&format!("<Account>{}</Account>", caller.account)), "{}", *xml);
}

async fn rest_is_answered(emulator: &Emulator) {
    let (client, caller) = (emulator.client(), emulator.caller());
    let bucket = format!("/{}", unique("bucket"));
    let answer = client.rest(&caller, "s3", Method::PUT, &bucket, "".into()).await.unwrap();
    assert!(answer.status().is_success());
    let error = client.rest(&caller, "s3", Method::GET, &format!("{bucket}/none"), "".into()).await.unwrap_err();
    assert_eq!(error.code(), Some("NoSuchKey"));
}
