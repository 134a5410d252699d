//! The README's tour through the AWS SDK for Rust: a cluster, a task, a service, a deployment.
//!
//! Plays against `AWS_ENDPOINT_URL` where that is set (`kecs start` prints it), else against a server of its own in memory.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::client::Waiters;
use aws_sdk_ecs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecs::error::DisplayErrorContext;
use aws_sdk_ecs::types::{Container, ContainerDefinition};
use kecs_core::memory::MemoryTaskManager;
use kecs_server::{Kecs, Running};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const CLUSTER: &str = "quickstart";

#[tokio::main]
async fn main() -> Result<()> {
    let (endpoint, own) = if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") {
        (endpoint, None)
    } else {
        let running = own_server().await?;
        (running.endpoint(), Some(running))
    };
    println!("endpoint        {endpoint}");
    let toured = tour(&client(&endpoint)).await;
    if let Some(running) = own {
        running.shutdown().await;
    }
    toured
}

async fn own_server() -> Result<Running> {
    let kecs = Kecs::builder().tasks(MemoryTaskManager::new()).listen("127.0.0.1:0".parse()?).build()?;
    Ok(kecs.start().await?)
}

/// Any credentials do, unless the server is told to verify them.
fn client(endpoint: &str) -> Client {
    let config = aws_sdk_ecs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "quickstart"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

async fn tour(ecs: &Client) -> Result<()> {
    let cluster = ecs.create_cluster().cluster_name(CLUSTER).send().await.map_err(explain)?;
    println!("cluster         {}", cluster.cluster().and_then(|cluster| cluster.cluster_arn()).unwrap_or_default());

    let hello = ContainerDefinition::builder()
        .name("hello")
        .image("busybox")
        .memory(32)
        .command("sh")
        .command("-c")
        .command("echo hello from a task")
        .docker_labels("kecs.io/memory.exit-code", "0")
        .build();
    ecs.register_task_definition().family("hello").container_definitions(hello).send().await.map_err(explain)?;
    let run = ecs.run_task().cluster(CLUSTER).task_definition("hello").send().await.map_err(explain)?;
    let task = run.tasks().first().and_then(|task| task.task_arn()).ok_or("no task was started")?;
    let stopped =
        ecs.wait_until_tasks_stopped().cluster(CLUSTER).tasks(task).wait(Duration::from_mins(1)).await.map_err(explain)?;
    let stopped = stopped.into_result().map_err(explain)?;
    for task in stopped.tasks() {
        let code = task.containers().first().and_then(Container::exit_code);
        println!(
            "task            {} exit code {code:?}: {}",
            task.last_status().unwrap_or_default(),
            task.stopped_reason().unwrap_or_default()
        );
    }

    let web = ContainerDefinition::builder().name("web").image("busybox").memory(32).command("sleep").command("3600").build();
    ecs.register_task_definition().family("web").container_definitions(web).send().await.map_err(explain)?;
    ecs.create_service()
        .cluster(CLUSTER)
        .service_name("web")
        .task_definition("web")
        .desired_count(2)
        .send()
        .await
        .map_err(explain)?;
    report(ecs, "service created").await?;
    ecs.update_service().cluster(CLUSTER).service("web").force_new_deployment(true).send().await.map_err(explain)?;
    report(ecs, "service deployed").await?;
    ecs.delete_service().cluster(CLUSTER).service("web").force(true).send().await.map_err(explain)?;
    ecs.wait_until_services_inactive().cluster(CLUSTER).services("web").wait(Duration::from_mins(1)).await.map_err(explain)?;
    ecs.delete_cluster().cluster(CLUSTER).send().await.map_err(explain)?;
    println!("cleaned up");
    Ok(())
}

/// Waits until the service is stable, and tells how it is.
async fn report(ecs: &Client, what: &str) -> Result<()> {
    let stable =
        ecs.wait_until_services_stable().cluster(CLUSTER).services("web").wait(Duration::from_mins(2)).await.map_err(explain)?;
    let stable = stable.into_result().map_err(explain)?;
    let service = stable.services().first().ok_or("the service is gone")?;
    println!("{what:<15} {} of {} running", service.running_count(), service.desired_count());
    for event in service.events().iter().take(3) {
        println!("                {}", event.message().unwrap_or_default());
    }
    Ok(())
}

fn explain(error: impl std::error::Error) -> String {
    DisplayErrorContext(error).to_string()
}
