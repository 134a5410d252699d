//! How many durable commits a second the state file takes from 1, 16 and 256 committers at once.
//!
//! `cargo run --release -p kecs-embedded --example state_commits [FOLDER]`; the folder's disk is what is measured.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kecs_core::{StateStore, Write};
use kecs_embedded::RedbStore;
use tokio::time::Instant;

const SECONDS: u64 = 3;
/// About what a task takes.
const VALUE: [u8; 2048] = [b'x'; 2048];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    for committers in [1_u64, 16, 256] {
        let path = folder.join(format!("state-commits-{}-{committers}.redb", std::process::id()));
        let store = Arc::new(RedbStore::open(&path)?);
        let end = Instant::now() + Duration::from_secs(SECONDS);
        let running: Vec<_> = (0..committers)
            .map(|committer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let mut commits = 0_u64;
                    while Instant::now() < end {
                        let key = format!("task/{committer}/{}", commits % 100);
                        store.commit(vec![Write::put(key, VALUE.as_slice())]).await?;
                        commits += 1;
                    }
                    Ok::<_, kecs_core::StoreError>(commits)
                })
            })
            .collect();
        let mut commits = 0;
        for committer in running {
            commits += committer.await??;
        }
        let mut reads = 0_u64;
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            store.get("task/0/0").await?;
            reads += 1;
        }
        drop(store);
        std::fs::remove_file(path)?;
        writeln!(std::io::stdout(), "{committers:>4} committers: {:>7} commits/s; 1 reader: {reads} reads/s", commits / SECONDS)?;
    }
    Ok(())
}
