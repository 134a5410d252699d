//! Requests to a whole control plane, in turn.

use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore};
use kecs_model::ecs::{EcsApi, Operation, dispatch};
use kecs_model::{ErrorCode, RequestContext};
use kecs_server::{JsonBounds, check_json_bounds};

/// How many requests are played; an engine each time is what costs.
const MOST: usize = 16;

/// Each line is an operation, a blank and a body. Whatever they ask for, nothing panics, and no error is of our own making.
pub fn requests(bytes: &[u8]) {
    let requests: Vec<(Operation, &[u8])> = bytes.split(|&byte| byte == b'\n').filter_map(request).take(MOST).collect();
    if requests.is_empty() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O needs nothing").block_on(play(&requests));
}

fn request(line: &[u8]) -> Option<(Operation, &[u8])> {
    let at = line.iter().position(|&byte| byte == b' ')?;
    let operation = Operation::from_name(std::str::from_utf8(&line[..at]).ok()?)?;
    Some((operation, &line[at + 1..]))
}

async fn play(requests: &[(Operation, &[u8])]) {
    let config = EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()));
    let engine = Engine::start(config).await.expect("an empty state can be read");
    let api: &dyn EcsApi = &*engine;
    for (operation, body) in requests {
        if check_json_bounds(body, JsonBounds::default()).is_err() {
            continue;
        }
        if let Err(error) = dispatch(api, &RequestContext::local(), *operation, body).await {
            assert_ne!(error.code(), ErrorCode::ServerException, "{operation}: {}", error.message());
        }
        // What the request set in motion has its turn too.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
    engine.shutdown().await;
}
