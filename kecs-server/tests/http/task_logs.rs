//! `/_kecs/tasks/<task>/logs`.

use futures::FutureExt;
use http::Request;
use http_body_util::BodyExt;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::{ClusterRef, Scope, TaskRef};
use kecs_server::Kecs;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Answer, body, ecs, get};

struct Place {
    running: kecs_server::Running,
    backend: MemoryTaskManager,
    task: String,
}

impl Place {
    /// A task of one container that writes two lines at its start.
    async fn start() -> Self {
        let backend = MemoryTaskManager::new();
        let kecs = Kecs::builder().tasks(backend.clone()).listen("127.0.0.1:0".parse().unwrap()).build().unwrap();
        let running = kecs.start().await.unwrap();
        let place = Self { running, backend, task: String::new() };
        place.ecs("CreateCluster", &json!({})).await;
        let labels = json!({ "kecs.io/memory.log": "one\ntwo" });
        let containers = json!([{ "name": "web", "image": "app:1", "memory": 128, "dockerLabels": labels }]);
        place.ecs("RegisterTaskDefinition", &json!({ "family": "app", "containerDefinitions": containers })).await;
        let started = place.running.engine().task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
        let ran = place.ecs("RunTask", &json!({ "taskDefinition": "app" })).await;
        started.await.unwrap();
        Self { task: ran["tasks"][0]["taskArn"].as_str().unwrap().to_owned(), ..place }
    }

    async fn ecs(&self, operation: &str, input: &Value) -> Value {
        self.send(ecs(operation).body(body(input.to_string())).unwrap()).await.json()
    }

    async fn open(&self, request: Request<http_body_util::Full<bytes::Bytes>>) -> http::Response<hyper::body::Incoming> {
        let stream = TcpStream::connect(self.running.local_addr()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }

    async fn send(&self, request: Request<http_body_util::Full<bytes::Bytes>>) -> Answer {
        Answer::of(self.open(request).await).await
    }

    fn task_ref(&self) -> TaskRef {
        let cluster = ClusterRef { scope: Scope::new("000000000000", "us-east-1"), name: "default".into() };
        TaskRef { cluster, id: self.task.rsplit('/').next().unwrap().parse().unwrap() }
    }
}

#[tokio::test]
async fn each_line_is_an_object_after_the_names_of_the_containers() {
    let place = Place::start().await;
    let answer = place.send(get(&format!("/_kecs/tasks/{}/logs?tail=1", place.task))).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let lines: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({ "containers": ["web"] }));
    assert_eq!((&lines[1]["container"], &lines[1]["stream"], &lines[1]["line"]), (&json!("web"), &json!("stdout"), &json!("two")));
    assert!(lines[1]["timestamp"].as_str().unwrap().ends_with('Z') && lines.len() == 2);
}

#[tokio::test]
async fn a_task_is_followed_until_it_ends() {
    let place = Place::start().await;
    let (_, id) = place.task.rsplit_once('/').unwrap();
    let mut answer = place.open(get(&format!("/_kecs/tasks/{id}/logs?follow=true&container=web"))).await;
    let mut text = String::new();
    while text.lines().count() < 3 {
        text += std::str::from_utf8(&answer.frame().await.unwrap().unwrap().into_data().unwrap()).unwrap();
    }
    assert!(answer.frame().now_or_never().is_none());
    place.backend.print(&place.task_ref(), "web", "three").unwrap();
    place.backend.exit(&place.task_ref(), "web", 0).unwrap();
    text += std::str::from_utf8(&answer.collect().await.unwrap().to_bytes()).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((text.lines().count(), &last["line"]), (4, &json!("three")));
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_words() {
    let place = Place::start().await;
    for (path, status, said) in [
        (format!("/_kecs/tasks/{}/logs?container=db", place.task), 404, "the task has no container db; it has web"),
        (format!("/_kecs/tasks/{}/logs?tail=all", place.task), 400, "tail must be a number of lines"),
        ("/_kecs/tasks/web/logs".to_owned(), 400, "web is neither a task's id nor its ARN"),
        ("/_kecs/tasks".to_owned(), 404, "there is no such page under /_kecs/tasks"),
    ] {
        let answer = place.send(get(&path)).await;
        assert_eq!((answer.status().as_u16(), answer.json()["message"].as_str().unwrap()), (status, said));
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_read_output() {
    let place = Place::start().await;
    let page = Request::get(format!("/_kecs/tasks/{}/logs", place.task))
        .header("host", "localhost")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(place.send(page.body(body("")).unwrap()).await.status(), 403);
}
