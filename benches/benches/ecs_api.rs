//! ECS reads and writes, KECS with durable state against a moto server: the same requests in the same run, each server alone on one core.

use anyhow::{Context, Result};
use benches::{Caller, Kecs, Load, Mode, Network, Server, Table, load, pin_client, start_moto, task_definition};
use bytes::Bytes;
use serde_json::{Value, json};

/// Connections of the readers, and of those who wait for the disk.
const READERS: usize = 16;
const WRITERS: usize = 128;

/// One kind of request.
struct Request {
    name: &'static str,
    operation: &'static str,
    body: Value,
    connections: usize,
}

fn main() -> Result<()> {
    let mode = Mode::from_arguments();
    pin_client()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(mode))
}

async fn run(mode: Mode) -> Result<()> {
    let folder = tempfile::tempdir_in(target())?;
    let mut servers = Vec::new();
    let kecs = Kecs::durable().start(folder.path())?;
    servers.push((kecs, Network::any()));
    // What runs in seconds does not install Python packages.
    if mode == Mode::Measure {
        let moto = start_moto().context("moto is what this measures against")?;
        let network = Network::of(&mut Caller::new(moto.address)).await?;
        servers.push((moto, network));
    }

    let mut prepared = Vec::new();
    for (server, network) in &servers {
        prepared.push(prepare(server, network).await?);
    }
    let table = Table::new(
        "ECS reads and writes",
        &["request", "server", "connections", "requests/s", "CPU µs/request", "requests/s per core of CPU", "p50", "p99"],
    );
    for at in 0..prepared[0].len() {
        let mut per_core = Vec::new();
        for ((server, _), requests) in servers.iter().zip(&prepared) {
            per_core.push(measure(mode, server, &requests[at], &table).await?);
        }
        if let [kecs, moto] = per_core[..] {
            let (name, ratio) = (prepared[0][at].name, format!("**{:.0} : 1**", kecs / moto));
            table.row(&[name, "KECS : moto", "", "", "", &ratio, "", ""]);
        }
    }
    Ok(())
}

/// Creates what the requests are about.
async fn prepare(server: &Server, network: &Network) -> Result<Vec<Request>> {
    let mut caller = Caller::new(server.address);
    caller.ecs("CreateCluster", &json!({"clusterName": "bench"})).await?;
    caller.ecs("RegisterTaskDefinition", &task_definition("web")).await?;
    let run = |count: u32| {
        json!({
            "cluster": "bench", "taskDefinition": "web", "count": count, "launchType": "FARGATE",
            "networkConfiguration": network.configuration(), "startedBy": "bench",
        })
    };
    let ran = caller.ecs("RunTask", &run(10)).await?;
    let tasks: Vec<&str> = ran["tasks"].as_array().into_iter().flatten().filter_map(|task| task["taskArn"].as_str()).collect();
    anyhow::ensure!(tasks.len() == 10, "RunTask started {} tasks of 10", tasks.len());
    let service = json!({
        "cluster": "bench", "serviceName": "web", "taskDefinition": "web", "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": network.configuration(),
    });
    caller.ecs("CreateService", &service).await?;

    let request = |name, operation, connections, body| Request { name, operation, body, connections };
    Ok(vec![
        request("DescribeTasks of 1", "DescribeTasks", READERS, json!({"cluster": "bench", "tasks": tasks[..1]})),
        request("DescribeTasks of 10", "DescribeTasks", READERS, json!({"cluster": "bench", "tasks": tasks})),
        request("ListTasks, 10 of 12", "ListTasks", READERS, json!({"cluster": "bench", "maxResults": 10})),
        request("DescribeServices of 1", "DescribeServices", READERS, json!({"cluster": "bench", "services": ["web"]})),
        request("RegisterTaskDefinition", "RegisterTaskDefinition", WRITERS, task_definition("other")),
        request("RunTask of 1", "RunTask", WRITERS, run(1)),
    ])
}

/// Repeats a request and prints what it cost; returns how many a core of CPU time would answer in a second.
#[allow(clippy::cast_precision_loss, reason = "these are rough figures")]
async fn measure(mode: Mode, server: &Server, request: &Request, table: &Table) -> Result<f64> {
    let Request { name, operation, body, connections } = request;
    let body = Bytes::from(body.to_string());
    let run = |time| {
        let body = body.clone();
        load(server.address, operation, *connections, time, move |_| body.clone())
    };
    // Connections, caches and Python's own warm-up are not what is measured.
    run(mode.duration() / 8).await?;
    let before = server.usage()?;
    let load: Load = run(mode.duration()).await?;
    let cpu = server.usage()?.cpu.saturating_sub(before.cpu).as_secs_f64();
    let per_core = load.requests as f64 / cpu.max(0.01);
    table.row(&[
        (*name).to_owned(),
        server.name.to_owned(),
        connections.to_string(),
        format!("{:.0}", load.per_second()),
        format!("{:.1}", 1e6 / per_core),
        format!("{per_core:.0}"),
        format!("{:.2} ms", load.percentile(50).as_secs_f64() * 1e3),
        format!("{:.2} ms", load.percentile(99).as_secs_f64() * 1e3),
    ]);
    Ok(per_core)
}

/// Not in `/tmp`, which may be memory: what is durable costs a disk.
fn target() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target")
}
