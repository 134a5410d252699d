//! ECS inside another program: typed calls, no HTTP, and states that are awaited instead of polled.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore};
use kecs_model::RequestContext;
use kecs_model::ecs::{
    ContainerDefinition, CreateClusterRequest, EcsApi, RegisterTaskDefinitionRequest, RunTaskRequest, StopTaskRequest,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::start(EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()))).await?;
    // Whose account and region the calls are for.
    let ctx = RequestContext::local();

    engine.create_cluster(&ctx, CreateClusterRequest::default()).await?;
    let container = ContainerDefinition {
        name: Some("web".to_owned()),
        image: Some("nginx".to_owned()),
        memory: Some(64),
        ..ContainerDefinition::default()
    };
    let definition = RegisterTaskDefinitionRequest {
        family: Some("web".to_owned()),
        container_definitions: Some(vec![container]),
        ..RegisterTaskDefinitionRequest::default()
    };
    engine.register_task_definition(&ctx, definition).await?;

    // Listen before acting, so that nothing is missed.
    let running = engine.task_when(|task| task.last_status.as_deref() == Some("RUNNING"));
    engine.run_task(&ctx, RunTaskRequest { task_definition: Some("web".to_owned()), ..RunTaskRequest::default() }).await?;
    let task = running.await.ok_or("the engine ended")?;
    println!("running: {}", task.task_arn.as_deref().unwrap_or_default());

    let stopped = engine.task_when(|task| task.last_status.as_deref() == Some("STOPPED"));
    engine.stop_task(&ctx, StopTaskRequest { task: task.task_arn, ..StopTaskRequest::default() }).await?;
    let task = stopped.await.ok_or("the engine ended")?;
    println!("stopped: {}", task.stopped_reason.as_deref().unwrap_or_default());
    engine.shutdown().await;
    Ok(())
}
