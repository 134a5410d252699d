//! `logs`.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};

use crate::testing::container;
use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{clean_up, ensure, own_spec, own_task, sleeping, stop, until_running, until_stopped};
use crate::{ErrorKind, LogLine, LogQuery, TaskManager, TaskRef};

async fn lines<H: Harness>(harness: &H, task: &TaskRef, query: LogQuery) -> Vec<LogLine> {
    let stream = harness.backend().logs(task, "app", query).await.expect("the container is known");
    let lines = tokio::time::timeout(harness.patience(), stream.try_collect()).await.expect("the stream ends");
    lines.expect("the lines can be read")
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| std::str::from_utf8(&line.line).expect("the test printed UTF-8")).collect()
}

/// `logs` gives a container's output from its beginning, line by line and without line ends, after its end too.
pub async fn logs_give_every_line_in_order<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.prints(&["one", "two  words", "three"]))]);
    ensure(harness, &spec).await;
    until_stopped(harness, &spec.task).await;
    let lines = lines(harness, &spec.task, LogQuery::all()).await;
    assert_eq!(texts(&lines), ["one", "two  words", "three"]);
    assert!(lines.is_sorted_by_key(|line| line.at), "{lines:?}");
}

/// With `tail`, only the last lines come.
pub async fn logs_give_the_last_lines<H: Harness>(harness: &H) {
    let spec = own_spec([container("app").program(harness.prints(&["one", "two", "three"]))]);
    ensure(harness, &spec).await;
    until_stopped(harness, &spec.task).await;
    for (tail, expected) in [(0, &[][..]), (2, &["two", "three"][..]), (9, &["one", "two", "three"][..])] {
        assert_eq!(texts(&lines(harness, &spec.task, LogQuery::all().with_tail(tail)).await), expected, "tail {tail}");
    }
}

/// With `follow`, the stream stays open and ends with the container.
pub async fn logs_follow_until_the_container_ends<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    let mut stream = harness.backend().logs(&spec.task, "app", LogQuery::follow()).await.expect("the container is known");
    let early = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
    assert!(early.is_err(), "a container that runs and prints nothing has neither a line nor an end: {early:?}");
    stop(harness, &spec.task).await;
    let end = tokio::time::timeout(harness.patience(), stream.next()).await.expect("the stream ends with the container");
    assert!(end.is_none(), "{end:?}");
}

/// `NotFound` for a task or container that is not known.
pub async fn logs_of_what_is_not_known_are_not_found<H: Harness>(harness: &H) {
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    for (task, container) in [(&spec.task, "nobody"), (&own_task(), "app")] {
        match harness.backend().logs(task, container, LogQuery::all()).await {
            Ok(_) => panic!("{container} of {task} is not known"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}"),
        }
    }
    clean_up(harness, &spec.task).await;
}
