//! What one request costs with 10, 1,000 and 10,000 tasks running: it must be the same.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::{Caller, Kecs, Mode, Network, Server, Table, load, pin_client, task_definition};
use bytes::Bytes;
use serde_json::{Value, json};

/// Tasks of each service.
const TASKS: usize = 10;

fn main() -> Result<()> {
    let mode = Mode::from_arguments();
    pin_client()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(mode))
}

async fn run(mode: Mode) -> Result<()> {
    let table = Table::new(
        "Cost by what exists",
        &[
            "running tasks",
            "services",
            "DescribeTasks of 10: CPU µs",
            "UpdateService: CPU µs",
            "UpdateService: p50",
            "deployment of 10 tasks: CPU ms",
            "idle CPU over 10 s",
            "RSS",
        ],
    );
    for services in mode.pick(vec![1, 100, 1000], vec![1, 3]) {
        let folder = tempfile::tempdir()?;
        let server = Kecs::in_memory().start(folder.path())?;
        let mut caller = Caller::new(server.address);
        let tasks = fill(&mut caller, services).await?;
        let describe = describe(mode, &server, &tasks).await?;
        let (update, p50) = update(mode, &server).await?;
        let deployment = deploy(mode, &server, &mut caller).await?;
        let rest = mode.pick(Duration::from_secs(10), Duration::from_millis(200));
        let before = (server.exact_cpu()?, Instant::now());
        tokio::time::sleep(rest).await;
        let idle = server.exact_cpu()?.saturating_sub(before.0).as_secs_f64() / before.1.elapsed().as_secs_f64();
        table.row(&[
            (services * TASKS).to_string(),
            services.to_string(),
            format!("{describe:.1}"),
            format!("{update:.1}"),
            format!("{:.2} ms", p50.as_secs_f64() * 1e3),
            format!("{deployment:.1}"),
            format!("{:.4} % of a core", idle * 100.0),
            format!("{} MiB", server.resident()? >> 20),
        ]);
    }
    Ok(())
}

/// Creates services and waits until all of their tasks run; returns the tasks of the first.
async fn fill(caller: &mut Caller, services: usize) -> Result<Vec<String>> {
    caller.ecs("CreateCluster", &json!({"clusterName": "bench"})).await?;
    caller.ecs("RegisterTaskDefinition", &task_definition("web")).await?;
    for number in 0..services {
        let service = json!({
            "cluster": "bench", "serviceName": format!("web-{number}"), "taskDefinition": "web", "desiredCount": TASKS,
            "launchType": "FARGATE", "networkConfiguration": Network::any().configuration(),
        });
        caller.ecs("CreateService", &service).await?;
    }
    for number in 0..services {
        stable(caller, &format!("web-{number}")).await?;
    }
    let list = caller.ecs("ListTasks", &json!({"cluster": "bench", "serviceName": "web-0"})).await?;
    let tasks: Vec<String> =
        list["taskArns"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    ensure!(tasks.len() == TASKS, "web-0 has {} tasks", tasks.len());
    Ok(tasks)
}

/// Waits as the waiter `services-stable` does: one deployment, all of its tasks running.
async fn stable(caller: &mut Caller, service: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let answer = caller.ecs("DescribeServices", &json!({"cluster": "bench", "services": [service]})).await?;
        let shown = &answer["services"][0];
        let deployments = shown["deployments"].as_array().context("a service has deployments")?.len();
        if deployments == 1 && shown["runningCount"] == shown["desiredCount"] {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{service} is not stable: {shown}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn describe(mode: Mode, server: &Server, tasks: &[String]) -> Result<f64> {
    let body = Bytes::from(json!({"cluster": "bench", "tasks": tasks}).to_string());
    let (cpu, _) = repeat(mode, server, "DescribeTasks", move |_| body.clone()).await?;
    Ok(cpu)
}

/// Changes nothing about the tasks: what the change of a service costs by itself.
async fn update(mode: Mode, server: &Server) -> Result<(f64, Duration)> {
    repeat(mode, server, "UpdateService", |number| {
        let count = TASKS;
        Bytes::from(
            json!({"cluster": "bench", "service": "web-0", "desiredCount": count, "healthCheckGracePeriodSeconds": number % 1000})
                .to_string(),
        )
    })
    .await
}

/// Repeats a request on one connection: CPU µs of the server for each, and the median latency.
#[allow(clippy::cast_precision_loss, reason = "a rough figure")]
async fn repeat(
    mode: Mode,
    server: &Server,
    operation: &'static str,
    body: impl Fn(u64) -> Bytes + Clone + Send + 'static,
) -> Result<(f64, Duration)> {
    load(server.address, operation, 1, mode.duration() / 8, body.clone()).await?;
    let before = server.exact_cpu()?;
    let load = load(server.address, operation, 1, mode.duration(), body).await?;
    let cpu = server.exact_cpu()?.saturating_sub(before);
    Ok((cpu.as_secs_f64() * 1e6 / load.requests as f64, load.percentile(50)))
}

/// Replaces all tasks of one service: CPU ms of the server from the request until the service is stable again.
async fn deploy(mode: Mode, server: &Server, caller: &mut Caller) -> Result<f64> {
    let rounds = mode.pick(10, 1);
    let before = server.exact_cpu()?;
    for _ in 0..rounds {
        let request = json!({"cluster": "bench", "service": "web-0", "forceNewDeployment": true});
        caller.ecs("UpdateService", &request).await?;
        stable(caller, "web-0").await?;
    }
    Ok(server.exact_cpu()?.saturating_sub(before).as_secs_f64() * 1e3 / f64::from(rounds))
}
