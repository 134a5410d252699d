//! What containers write.

use futures::TryStreamExt;
use kecs_core::testing::spec;
use kecs_core::{ErrorKind, LogQuery, LogSource, TaskManager};

use crate::support::{Host, shell};

#[tokio::test]
async fn output_is_kept_by_stream_and_with_the_time_that_it_was_read() {
    let host = Host::new().await;
    let spec = spec([shell("web", "echo out; echo err >&2")]);
    let task = host.run_to_end(&spec).await;
    let lines: Vec<_> = host.tasks().logs(&spec.task, "web", LogQuery::all()).await.unwrap().try_collect().await.unwrap();
    let find = |source| lines.iter().find(|line| line.stream == source).unwrap();
    assert_eq!(&find(LogSource::Stdout).line[..], b"out");
    assert_eq!(&find(LogSource::Stderr).line[..], b"err");
    assert!(lines.iter().all(|line| line.at <= task.stopped_at.unwrap()));
}

#[tokio::test]
async fn a_last_line_without_an_end_is_kept() {
    let host = Host::new().await;
    let spec = spec([shell("web", "printf 'a\\nb'")]);
    host.run_to_end(&spec).await;
    assert_eq!(host.output(&spec.task, "web").await, ["a", "b"]);
}

#[tokio::test]
async fn much_output_right_before_the_end_is_complete() {
    let host = Host::new().await;
    let spec = spec([shell("web", "seq 1 50000")]);
    host.ensure(&spec).await;
    let lines = host.output(&spec.task, "web").await;
    assert_eq!(lines.len(), 50_000);
    assert_eq!(lines.last().unwrap(), "50000");
}

#[tokio::test]
async fn only_the_last_lines_are_given_if_so_asked() {
    let host = Host::new().await;
    let spec = spec([shell("web", "seq 1 10")]);
    host.run_to_end(&spec).await;
    let lines: Vec<_> =
        host.tasks().logs(&spec.task, "web", LogQuery::all().with_tail(2)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(lines.iter().map(|line| &line.line[..]).collect::<Vec<_>>(), [b"9".as_slice(), b"10".as_slice()]);
}

#[tokio::test]
async fn a_followed_log_brings_what_comes_and_ends_with_the_container() {
    let host = Host::new().await;
    let spec =
        spec([shell("web", "exec 2> /dev/null; trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 60 & wait $!; done")]);
    host.run(&spec).await;
    let mut lines = host.tasks().logs(&spec.task, "web", LogQuery::follow()).await.unwrap();
    assert_eq!(&lines.try_next().await.unwrap().unwrap().line[..], b"hello");
    host.tasks().stop_task(&spec.task).await.unwrap();
    assert_eq!(&lines.try_next().await.unwrap().unwrap().line[..], b"bye");
    assert_eq!(lines.try_next().await.unwrap(), None);
}

#[tokio::test]
async fn the_log_of_a_container_that_is_not_there_is_not_found() {
    let host = Host::new().await;
    let spec = spec([shell("web", "exit 0")]);
    host.ensure(&spec).await;
    let Err(error) = host.tasks().logs(&spec.task, "other", LogQuery::all()).await else { panic!("there is no such container") };
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
