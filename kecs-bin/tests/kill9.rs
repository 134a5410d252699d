//! kill -9 in the middle of a load, through the real binary: what was acknowledged is there, nothing is there by half, and nothing twice.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

#[path = "kill9/client.rs"]
mod client;
#[allow(dead_code, reason = "made for the tests of the command, which do more")]
#[path = "command/harness.rs"]
mod harness;

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Sender};

use client::Client;
use harness::{Place, Running};
use rustix::process::Signal;
use serde_json::{Value, json};

const ROUNDS: usize = 3;
const CLIENTS: usize = 8;
/// How many acknowledgements are awaited before each kill; another number each time, so that it meets other moments.
const ACKNOWLEDGED: [usize; ROUNDS] = [150, 211, 307];
const DURABLE: [&str; 4] = ["--runtime", "memory", "--state", "file"];

/// A write that was sent, and the answer to it if one came back whole.
#[derive(Debug)]
struct Sent {
    write: Write,
    answer: Option<Value>,
}

#[derive(Clone, Debug)]
enum Write {
    /// CreateCluster, with a tag.
    Cluster(String),
    /// RegisterTaskDefinition; a family belongs to one client.
    TaskDefinition { family: String, image: String },
    /// RunTask of so many tasks, with this as `startedBy`, and as `clientToken` if so asked.
    Tasks { started_by: String, count: usize, token: bool },
}

impl Write {
    /// The write that a client makes as its `number`-th.
    fn of(round: usize, client: usize, number: usize) -> Self {
        let name = format!("{round}-{client}-{number}");
        match number % 4 {
            0 => Self::Cluster(name),
            1 => Self::TaskDefinition { family: format!("family-{client}"), image: name },
            rest => Self::Tasks { started_by: name, count: 1 + number % 3, token: rest == 2 },
        }
    }

    fn request(&self) -> (&'static str, Value) {
        match self {
            Self::Cluster(name) => ("CreateCluster", json!({"clusterName": name, "tags": [{"key": "name", "value": name}]})),
            Self::TaskDefinition { family, image } => {
                let container = json!({"name": "app", "image": image, "memory": 64});
                ("RegisterTaskDefinition", json!({"family": family, "containerDefinitions": [container]}))
            }
            Self::Tasks { started_by, count, token } => {
                let tags = json!([{"key": "by", "value": started_by}]);
                let mut request = json!({"taskDefinition": "app", "startedBy": started_by, "count": count, "tags": tags});
                if *token {
                    request["clientToken"] = started_by.as_str().into();
                }
                ("RunTask", request)
            }
        }
    }
}

#[test]
fn every_acknowledged_write_survives_a_kill_and_none_is_made_twice() {
    let place = Place::new();
    let running = place.start(&DURABLE);
    running.ecs("CreateCluster", &json!({}));
    running.ecs(
        "RegisterTaskDefinition",
        &json!({"family": "app", "containerDefinitions": [{"name": "app", "image": "a", "memory": 64}]}),
    );
    let mut running = Some(running);
    let mut all = Vec::new();
    for (round, acknowledged) in ACKNOWLEDGED.into_iter().enumerate() {
        let killed = running.take().expect("it was started");
        all.extend(load_until_killed(&killed, round, acknowledged));
        let restarted = place.start(&DURABLE);
        compare(&restarted, &all);
        running = Some(restarted);
    }
    assert!(all.iter().any(|sent| sent.answer.is_none()), "no kill met a request on its way: it would prove nothing");
}

/// Clients write until the server is gone, which it is after so many acknowledgements.
fn load_until_killed(running: &Running, round: usize, acknowledged: usize) -> Vec<Sent> {
    std::thread::scope(|scope| {
        let (acknowledge, acknowledgements) = mpsc::channel();
        let authority = running.authority();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let acknowledge = acknowledge.clone();
                scope.spawn(move || write_until_killed(authority, round, client, &acknowledge))
            })
            .collect();
        drop(acknowledge);
        assert_eq!(acknowledgements.iter().take(acknowledged).count(), acknowledged, "the server ended by itself");
        running.signal(Signal::KILL);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn write_until_killed(authority: &str, round: usize, client: usize, acknowledge: &Sender<()>) -> Vec<Sent> {
    let mut connection = Client::connect(authority).unwrap();
    let mut sent = Vec::new();
    for number in 0.. {
        let write = Write::of(round, client, number);
        let (operation, request) = write.request();
        let answer = connection.ecs(operation, &request);
        let is_over = answer.is_err();
        sent.push(Sent { write, answer: answer.ok() });
        if is_over {
            break;
        }
        // The test counts only up to the kill.
        let _ = acknowledge.send(());
    }
    sent
}

fn compare(running: &Running, all: &[Sent]) {
    let mut connection = Client::connect(running.authority()).unwrap();
    for Sent { write, answer } in all {
        match write {
            Write::Cluster(name) => compare_cluster(&mut connection, name, answer.is_some()),
            Write::TaskDefinition { .. } => {}
            Write::Tasks { started_by, count, .. } => {
                let there = tasks_of(&mut connection, started_by);
                let told = answer.as_ref().map(told_arns);
                assert!(there.is_empty() || there.len() == *count, "{started_by}: {} tasks of {count}", there.len());
                assert!(
                    told.as_ref().is_none_or(|told| *told == there),
                    "{started_by}: {told:?} was acknowledged, {there:?} is there"
                );
                compare_tasks(&mut connection, started_by, &there);
                repeat(&mut connection, write, told.as_ref());
            }
        }
    }
    for client in 0..CLIENTS {
        compare_family(&mut connection, &format!("family-{client}"), all);
    }
}

/// It is there with its tag if it was acknowledged, and whole if it is there.
fn compare_cluster(connection: &mut Client, name: &str, acknowledged: bool) {
    let answer = connection.ecs("DescribeClusters", &json!({"clusters": [name], "include": ["TAGS"]})).unwrap();
    let Some(cluster) = answer["clusters"].get(0) else {
        assert!(!acknowledged, "cluster {name} was acknowledged, and is not there");
        return;
    };
    assert_eq!(cluster["status"], "ACTIVE");
    assert_eq!(cluster["tags"], json!([{"key": "name", "value": name}]));
}

/// Revisions have no gap, hold what was registered, and there is at most the one more that each kill left unanswered.
fn compare_family(connection: &mut Client, family: &str, all: &[Sent]) {
    let of_family = |sent: &&Sent| matches!(&sent.write, Write::TaskDefinition { family: of, .. } if of == family);
    for sent in all.iter().filter(of_family) {
        let (Some(answer), Write::TaskDefinition { image, .. }) = (&sent.answer, &sent.write) else { continue };
        let arn = &answer["taskDefinition"]["taskDefinitionArn"];
        let there = connection.ecs("DescribeTaskDefinition", &json!({"taskDefinition": arn})).unwrap();
        assert_eq!(there["taskDefinition"]["containerDefinitions"][0]["image"], **image, "{arn}");
    }
    let answer = connection.ecs("ListTaskDefinitions", &json!({"familyPrefix": family})).unwrap();
    let listed = answer["taskDefinitionArns"].as_array().unwrap();
    let revisions: Vec<usize> =
        listed.iter().map(|arn| arn.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()).collect();
    assert_eq!(revisions, (1..=revisions.len()).collect::<Vec<_>>(), "{family}");
    let (acknowledged, unanswered) = all.iter().filter(of_family).fold((0, 0), |(yes, no), sent| match sent.answer {
        Some(_) => (yes + 1, no),
        None => (yes, no + 1),
    });
    let there = revisions.len();
    assert!((acknowledged..=acknowledged + unanswered).contains(&there), "{family}: {there}, with {acknowledged} acknowledged");
}

/// The tasks that a request started, in any state: a task only moves from the first list to the second.
fn tasks_of(connection: &mut Client, started_by: &str) -> BTreeSet<String> {
    let mut tasks = BTreeSet::new();
    for status in ["RUNNING", "STOPPED"] {
        let answer = connection.ecs("ListTasks", &json!({"startedBy": started_by, "desiredStatus": status})).unwrap();
        tasks.extend(answer["taskArns"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()));
    }
    tasks
}

fn told_arns(answer: &Value) -> BTreeSet<String> {
    answer["tasks"].as_array().unwrap().iter().map(|task| task["taskArn"].as_str().unwrap().to_owned()).collect()
}

fn compare_tasks(connection: &mut Client, started_by: &str, arns: &BTreeSet<String>) {
    if arns.is_empty() {
        return;
    }
    let answer = connection.ecs("DescribeTasks", &json!({"tasks": arns, "include": ["TAGS"]})).unwrap();
    assert_eq!(answer["failures"], json!([]));
    for task in answer["tasks"].as_array().unwrap() {
        assert_eq!(task["tags"], json!([{"key": "by", "value": started_by}]));
        assert_eq!(task["startedBy"], started_by);
        assert_eq!(task["containers"].as_array().unwrap().len(), 1);
    }
}

/// "A client token … ensures the idempotency of the request": whether it was answered or not, asking again starts no second set of tasks.
fn repeat(connection: &mut Client, write: &Write, told: Option<&BTreeSet<String>>) {
    let Write::Tasks { started_by, count, token: true } = write else { return };
    let (operation, request) = write.request();
    let again = told_arns(&connection.ecs(operation, &request).unwrap());
    assert!(told.is_none_or(|told| *told == again), "{started_by}: {again:?} instead of {told:?}");
    assert_eq!(again.len(), *count);
    assert_eq!(tasks_of(connection, started_by), again, "{started_by} was started twice");
}
