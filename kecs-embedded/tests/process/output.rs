//! What containers write.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kecs_core::testing::spec;
use kecs_core::{ContainerState, ErrorKind, LogLine, LogQuery, LogSource, LogStream, TaskManager};

use crate::support::{Host, in_time, only, shell};

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

/// A container whose output is far more than what is kept of it, with what says that it was written.
fn talkative() -> kecs_core::TaskSpec {
    let mut spec = spec([shell("web", "seq 1 50000; touch written")]);
    spec.containers[0].blocking_output = true;
    spec
}

async fn read(lines: &mut LogStream, count: u32) -> Vec<u32> {
    let lines: Vec<_> = in_time("lines of output", lines.take(count as usize).try_collect()).await.unwrap();
    lines.iter().map(|line: &LogLine| str::from_utf8(&line.line).unwrap().parse().unwrap()).collect()
}

// awslogs in `blocking` mode: "calls from container code to write to the stdout and stderr streams will block" (LogConfiguration in the API reference).
#[tokio::test]
async fn a_container_waits_for_who_reads_its_output_so() {
    let host = Host::keeping(tempfile::tempdir().unwrap(), 10_000).await;
    let spec = talkative();
    host.run(&spec).await;
    let mut lines = host.tasks().logs(&spec.task, "web", LogQuery::follow().blocking()).await.unwrap();
    assert_eq!(read(&mut lines, 1).await, [1]);
    // Nothing tells that a program is held up for good: it would be done in a small part of this.
    let ended = tokio::time::timeout(Duration::from_secs(2), host.end(&spec.task)).await;
    assert!(ended.is_err() && !host.folder(&spec.task).join("containers/web/written").try_exists().unwrap());
    assert_eq!(read(&mut lines, 49_999).await, (2..=50_000).collect::<Vec<_>>());
    assert!(in_time("the end of the log", lines.next()).await.is_none());
    assert_eq!(only(&host.end(&spec.task).await).state, ContainerState::Exited { code: Some(0), reason: None });
}

#[tokio::test]
async fn a_container_waits_for_its_first_reader_from_its_start_and_for_none_that_is_gone() {
    let host = Host::keeping(tempfile::tempdir().unwrap(), 10_000).await;
    let spec = talkative();
    host.run(&spec).await;
    let ended = tokio::time::timeout(Duration::from_secs(2), host.end(&spec.task)).await;
    assert!(ended.is_err(), "nobody has come yet");
    let mut lines = host.tasks().logs(&spec.task, "web", LogQuery::follow().blocking()).await.unwrap();
    assert_eq!(read(&mut lines, 1).await, [1]);
    drop(lines);
    host.end(&spec.task).await;
}

#[tokio::test]
async fn a_container_that_is_held_up_runs_on_without_a_server_and_can_be_stopped() {
    let mut host = Host::keeping(tempfile::tempdir().unwrap(), 10_000).await;
    let (held, left) = (talkative(), talkative());
    host.run(&held).await;
    host.tasks().stop_task(&held.task).await.unwrap();
    host.end(&held.task).await;

    host.run(&left).await;
    let written = host.folder(&left.task).join("containers/web/written");
    host.reopen_after(async {}).await;
    host.end(&left.task).await;
    assert!(written.try_exists().unwrap());
}
