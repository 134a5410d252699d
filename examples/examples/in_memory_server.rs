//! An ECS server in ten lines: state and tasks in memory, on a free port of loopback.

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use kecs_core::memory::MemoryTaskManager;
use kecs_server::Kecs;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let kecs = Kecs::builder().tasks(MemoryTaskManager::new()).listen("127.0.0.1:0".parse()?).build()?;
    let running = kecs.start().await?;
    println!("export AWS_ENDPOINT_URL={}", running.endpoint());
    if !std::env::args().any(|argument| argument == "--once") {
        tokio::signal::ctrl_c().await?;
    }
    running.shutdown().await;
    Ok(())
}
