//! Lines on their way to a router that is played by the test. What it gets is compared byte by byte in `forward`; here it is when and how often.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures::stream;
use kecs_model::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use super::*;
use crate::task_spec::LogConfiguration;
use crate::testing::task_ref;
use crate::{BackendError, ErrorKind, LogRouterConnection, LogSource, MemoryStore, MockTaskManager, StateStore};

fn line(at: i64, text: &str) -> LogLine {
    LogLine { at: Timestamp::from_millis(at), stream: LogSource::Stdout, line: text.to_owned().into() }
}

fn output() -> ContainerOutput {
    let configuration = LogConfiguration {
        driver: DRIVER.to_owned(),
        options: std::collections::BTreeMap::new(),
        secret_options: std::collections::BTreeMap::new(),
    };
    ContainerOutput { task: task_ref("default"), container: "app".into(), configuration, labels: std::collections::BTreeMap::new() }
}

fn lines(texts: &[(i64, &str)]) -> LogStream {
    stream::iter(texts.iter().map(|(at, text)| Ok(line(*at, text))).collect::<Vec<_>>()).boxed()
}

/// What is answered to those who want to connect, in turn; then that there is no router.
fn tasks(answers: impl IntoIterator<Item = Result<DuplexStream, ErrorKind>>) -> Arc<dyn TaskManager> {
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    let mut tasks = MockTaskManager::new();
    tasks.expect_connect_log_router().returning(move |_| match answers.lock().unwrap().pop_front() {
        Some(Ok(stream)) => Ok(LogRouterConnection::new(stream)),
        Some(Err(kind)) => Err(BackendError::new(kind, "no")),
        None => Err(BackendError::new(ErrorKind::NotFound, "the log router has ended")),
    });
    Arc::new(tasks)
}

/// A router: tells the texts of each chunk that it gets, and confirms as many of them as it is told to.
fn router(confirmed: usize) -> (DuplexStream, mpsc::UnboundedReceiver<Vec<String>>) {
    let (near, mut far) = duplex(1 << 20);
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for _ in 0..confirmed {
            let Some((texts, id)) = next(&mut far).await else { return };
            let answer = [b"\x81\xa3ack", &[0xa0 + u8::try_from(id.len()).unwrap()][..], id.as_bytes()].concat();
            let _ = tell.send(texts);
            far.write_all(&answer).await.unwrap();
        }
        // One more it gets and does not confirm.
        if let Some((texts, _)) = next(&mut far).await {
            let _ = tell.send(texts);
        }
    });
    (near, told)
}

/// The texts and the id of the next chunk, found by what stands before them.
async fn next(far: &mut DuplexStream) -> Option<(Vec<String>, String)> {
    let mut bytes = Vec::new();
    loop {
        if far.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(start) = find(&bytes, b"\xa5chunk") else { continue };
        let id = text(&bytes[start + 6..]);
        let mut texts = Vec::new();
        let mut rest = &bytes[..start];
        while let Some(at) = find(rest, b"\xa3log") {
            texts.push(text(&rest[at + 4..]));
            rest = &rest[at + 4..];
        }
        return Some((texts, id));
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A text of less than 32 bytes.
fn text(bytes: &[u8]) -> String {
    let length = usize::from(bytes[0] & 0x1f);
    String::from_utf8(bytes[1..=length].to_vec()).unwrap()
}

fn driver(tasks: Arc<dyn TaskManager>, store: &Arc<MemoryStore>) -> FireLens {
    FireLens::new(tasks, Arc::new(Positions::new(Arc::clone(store) as Arc<dyn StateStore>)))
}

async fn all(mut told: mpsc::UnboundedReceiver<Vec<String>>) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(texts) = told.recv().await {
        all.extend(texts);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn lines_wait_for_a_router_that_is_not_up_yet() {
    let (stream, told) = router(9);
    let away = (0..20).map(|_| Err(ErrorKind::Unavailable));
    let driver = driver(tasks(away.chain([Ok(stream)])), &Arc::default());
    driver.ship(&output(), lines(&[(1, "one"), (2, "two")])).await;
    assert_eq!(all(told).await, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_confirmed_is_sent_again() {
    let (first, first_told) = router(0);
    let (second, second_told) = router(9);
    let driver = driver(tasks([Ok(first), Ok(second)]), &Arc::default());
    driver.ship(&output(), lines(&[(1, "one")])).await;
    assert_eq!((all(first_told).await, all(second_told).await), (vec!["one".to_owned()], vec!["one".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_a_router_that_has_ended() {
    let (stream, told) = router(1);
    let driver = driver(tasks([Ok(stream)]), &Arc::default());
    let more = stream::iter([Ok(line(1, "one"))]).chain(stream::once(async {
        // A batch of its own.
        tokio::task::yield_now().await;
        Ok(line(2, "two"))
    }));
    // Without an end.
    driver.ship(&output(), more.chain(stream::pending()).boxed()).await;
    assert_eq!(all(told).await, ["one", "two"], "the second was sent, and not confirmed");
}

#[tokio::test(start_paused = true)]
async fn who_begins_again_leaves_out_what_was_confirmed() {
    let (store, output) = (Arc::new(MemoryStore::new()), output());
    let (stream, told) = router(9);
    let before = driver(tasks([Ok(stream)]), &store);
    before.ship(&output, lines(&[(1, "one"), (2, "two"), (2, "three")])).await;
    before.positions.flush().await;
    assert_eq!(all(told).await, ["one", "two", "three"]);

    let (stream, told) = router(9);
    let after = driver(tasks([Ok(stream)]), &store);
    after.ship(&output, lines(&[(1, "one"), (2, "two"), (2, "three"), (2, "four"), (3, "five")])).await;
    assert_eq!(all(told).await, ["four", "five"]);

    after.positions.flush().await;
    after.positions.forget(output.task.id).await;
    assert!(store.scan("", None, 9).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_loses_no_lines() {
    let (stream, told) = router(9);
    let driver = driver(tasks([Ok(stream)]), &Arc::default());
    driver.ship(&output(), lines(&[(5, "one"), (3, "two"), (5, "three")])).await;
    assert_eq!(all(told).await, ["one", "two", "three"]);
}
