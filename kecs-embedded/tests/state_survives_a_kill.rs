//! An acknowledged write is on disk: kill -9 in the middle of a load, then compare.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use kecs_core::{StateStore, Write};
use kecs_embedded::RedbStore;

const CHILD: &str = "KECS_TEST_KILLED_STATE_FILE";
const COMMITTERS: u64 = 32;
/// How many acknowledgements are awaited before each kill.
const ACKNOWLEDGED: u64 = 400;
const ROUNDS: u64 = 4;

#[test]
fn every_acknowledged_commit_survives_a_kill() {
    if let Some(path) = std::env::var_os(CHILD) {
        return commit_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("state.redb");
    let mut acknowledged = HashMap::new();
    for round in 0..ROUNDS {
        let mut child = start(&path);
        let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        let mut kill_at = ACKNOWLEDGED + 37 * round;
        while let Some(Ok(line)) = lines.next() {
            // A line that was cut off by the kill is not an acknowledgement.
            let Some(("ack", numbers)) = line.split_once(' ') else { continue };
            let Some((committer, count)) = numbers.strip_suffix('.').and_then(|numbers| numbers.split_once(' ')) else { continue };
            acknowledged.insert(committer.parse::<u64>().expect("a number"), count.parse::<u64>().expect("a number"));
            kill_at -= 1;
            if kill_at == 0 {
                // SIGKILL; what it wrote until then is still in the pipe.
                child.kill().expect("it is our child");
                kill_at = u64::MAX;
            }
        }
        child.wait().expect("it is our child");
        assert!(kill_at > ACKNOWLEDGED + 37 * ROUNDS, "the child was killed, it did not end by itself");
        compare(&path, &acknowledged);
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().expect("a test knows its program"))
        .args(["every_acknowledged_commit_survives_a_kill", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a test can run itself")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Each committer counts up; both of its keys carry the same count, because a commit is one whole.
fn commit_until_killed(path: &Path) {
    runtime().block_on(async {
        let store = Arc::new(RedbStore::open(path).expect("the file that was killed opens"));
        let committers: Vec<_> = (0..COMMITTERS)
            .map(|committer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let start = count(&*store, &format!("left/{committer}")).await;
                    for count in start + 1.. {
                        let value = count.to_string();
                        let writes = vec![
                            Write::put(format!("left/{committer}"), value.clone()),
                            Write::put(format!("right/{committer}"), value),
                        ];
                        store.commit(writes).await.expect("nothing conflicts");
                        let line = format!("ack {committer} {count}.\n");
                        std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent listens");
                    }
                })
            })
            .collect();
        futures::future::join_all(committers).await;
    });
}

async fn count(store: &impl StateStore, key: &str) -> u64 {
    let read = store.get(key).await.expect("the store can be read");
    read.map_or(0, |read| std::str::from_utf8(&read.value).expect("a number").parse().expect("a number"))
}

fn compare(path: &Path, acknowledged: &HashMap<u64, u64>) {
    runtime().block_on(async {
        let store = RedbStore::open(path).expect("a kill does not damage the file");
        for committer in 0..COMMITTERS {
            let left = count(&store, &format!("left/{committer}")).await;
            let right = count(&store, &format!("right/{committer}")).await;
            assert_eq!(left, right, "a commit is all or nothing");
            let acked = acknowledged.get(&committer).copied().unwrap_or(0);
            assert!(left >= acked, "committer {committer}: {acked} was acknowledged, {left} is there");
            assert!(left <= acked + 1, "committer {committer} never has more than one commit under way");
        }
    });
}
