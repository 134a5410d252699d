//! `GET /_kecs/events`.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use kecs_core::memory::MemoryTaskManager;
use kecs_model::RequestContext;
use kecs_model::ecs::{ContainerDefinition, CreateClusterRequest, EcsApi, RegisterTaskDefinitionRequest, RunTaskRequest};
use kecs_server::{Kecs, Running};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{Answer, get};

async fn start() -> Running {
    let kecs = Kecs::builder().tasks(MemoryTaskManager::new()).listen("127.0.0.1:0".parse().unwrap()).build().unwrap();
    let running = kecs.start().await.unwrap();
    let (engine, ctx) = (running.engine(), RequestContext::local());
    let container = ContainerDefinition {
        name: Some("app".to_owned()),
        image: Some("app".to_owned()),
        memory: Some(64),
        ..ContainerDefinition::default()
    };
    let definition = RegisterTaskDefinitionRequest {
        family: Some("app".to_owned()),
        container_definitions: Some(vec![container]),
        ..RegisterTaskDefinitionRequest::default()
    };
    engine.register_task_definition(&ctx, definition).await.unwrap();
    for cluster in ["blue", "green"] {
        let request = CreateClusterRequest { cluster_name: Some(cluster.to_owned()), ..CreateClusterRequest::default() };
        engine.create_cluster(&ctx, request).await.unwrap();
    }
    running
}

/// Runs a task and waits until it is RUNNING.
async fn run(running: &Running, cluster: &str) {
    let wanted = format!(":cluster/{cluster}");
    let is_running = move |task: &kecs_model::ecs::Task| {
        task.last_status.as_deref() == Some("RUNNING") && task.cluster_arn.as_ref().is_some_and(|arn| arn.ends_with(&wanted))
    };
    let up = running.engine().task_when(is_running);
    let request =
        RunTaskRequest { cluster: Some(cluster.to_owned()), task_definition: Some("app".to_owned()), ..RunTaskRequest::default() };
    running.engine().run_task(&RequestContext::local(), request).await.unwrap();
    up.await.unwrap();
}

async fn ask(running: &Running, request: Request<Full<Bytes>>) -> http::Response<Incoming> {
    let stream = TcpStream::connect(running.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

fn events(answer: &Answer) -> Vec<Value> {
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_is_kept_is_answered_a_line_each_by_cluster_and_type() {
    let running = start().await;
    run(&running, "blue").await;
    run(&running, "green").await;
    let all = Answer::of(ask(&running, get("/_kecs/events")).await).await;
    assert_eq!((all.status().as_u16(), all.header("content-type")), (200, "application/x-ndjson"));
    let all = events(&all);
    assert!(all.iter().all(|event| event["source"] == "aws.ecs"));
    let blue = events(&Answer::of(ask(&running, get("/_kecs/events?cluster=blue&type=task")).await).await);
    assert!(!blue.is_empty() && blue.len() < all.len());
    assert!(blue.iter().all(|event| event["detail"]["clusterArn"].as_str().unwrap().ends_with("/blue")));
    let none = Answer::of(ask(&running, get("/_kecs/events?type=deployment")).await).await;
    assert_eq!(none.text(), "");
    running.shutdown().await;
}

#[tokio::test]
async fn a_follower_sees_what_happens_until_the_server_stops() {
    let running = start().await;
    let mut body = ask(&running, get("/_kecs/events?follow=true")).await.into_body();
    run(&running, "blue").await;
    let mut seen = String::new();
    while !seen.contains(r#""lastStatus":"RUNNING""#) {
        seen.push_str(std::str::from_utf8(&body.frame().await.unwrap().unwrap().into_data().unwrap()).unwrap());
    }
    let first: Value = serde_json::from_str(seen.lines().next().unwrap()).unwrap();
    assert_eq!((&first["detail"]["lastStatus"], &first["detail"]["version"]), (&"PROVISIONING".into(), &1.into()));
    running.shutdown().await;
    while let Some(frame) = body.frame().await {
        frame.expect("a stop ends the body in order");
    }
}

#[tokio::test]
async fn a_page_in_a_browser_or_behind_a_proxy_sees_nothing() {
    let running = start().await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://page.example"), ("x-forwarded-for", "127.0.0.1")] {
        let request = Request::get("/_kecs/events").header("host", "localhost").header(name, value).body(Full::default()).unwrap();
        assert_eq!(ask(&running, request).await.status(), 403, "{name}");
    }
    let unknown = Answer::of(ask(&running, get("/_kecs/events?type=pod")).await).await;
    assert_eq!(unknown.status(), 400);
    running.shutdown().await;
}
