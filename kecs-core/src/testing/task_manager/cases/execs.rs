//! `exec`.

use bytes::Bytes;
use futures::StreamExt;

use crate::testing::container;
use crate::testing::task_manager::Harness;
use crate::testing::task_manager::kit::{
    clean_up, ensure, own_spec, own_task, sleeping, stop, until, until_running, until_stopped,
};
use crate::{
    BackendError, ContainerState, ErrorKind, ExecCommand, ExecInput, ExecOutput, ExecSession, TaskManager, TaskRef, TerminalSize,
};

fn command(arguments: &[&str]) -> ExecCommand {
    ExecCommand { arguments: arguments.iter().map(|&word| word.to_owned()).collect(), terminal: None }
}

/// The session of a command in `app`.
async fn exec<H: Harness>(harness: &H, task: &TaskRef, command: ExecCommand) -> ExecSession {
    harness.backend().exec(task, "app", command).await.expect("the container runs")
}

/// What it writes until its end, and how that is.
async fn ended<H: Harness>(harness: &H, session: ExecSession) -> (String, Result<Option<i32>, BackendError>) {
    let ExecSession { input: _input, mut output } = session;
    let reading = async {
        let mut written = Vec::new();
        let end = loop {
            match output.next().await.expect("the end comes before the stream's") {
                Ok(ExecOutput::Data(_, data)) => written.extend_from_slice(&data),
                Ok(ExecOutput::Exited(code)) => break Ok(code),
                Err(error) => break Err(error),
            }
        };
        assert!(output.next().await.is_none(), "nothing comes after the end");
        (String::from_utf8(written).expect("the test wrote UTF-8"), end)
    };
    tokio::time::timeout(harness.patience(), reading).await.expect("the session ends")
}

/// Whether the backend runs commands; one that does not answers `Unsupported`.
async fn is_supported<H: Harness>(harness: &H) -> bool {
    if harness.backend().capabilities().exec {
        return true;
    }
    let refused = harness.backend().exec(&own_task(), "app", command(&["true"])).await;
    assert_eq!(refused.expect_err("it says that it cannot").kind(), ErrorKind::Unsupported);
    false
}

async fn running<H: Harness>(harness: &H) -> Option<TaskRef> {
    if !is_supported(harness).await {
        return None;
    }
    let spec = sleeping(harness);
    ensure(harness, &spec).await;
    until_running(harness, &spec.task).await;
    Some(spec.task)
}

/// A session gives what its command writes, then its exit code.
pub async fn exec_gives_the_output_and_the_exit_code<H: Harness>(harness: &H) {
    let Some(task) = running(harness).await else { return };
    let (written, end) = ended(harness, exec(harness, &task, command(&["echo", "one", "two  words"])).await).await;
    assert_eq!((written.as_str(), end.ok()), ("one two  words\n", Some(Some(0))));
    let (written, end) = ended(harness, exec(harness, &task, command(&["sh", "-c", "exit 3"])).await).await;
    assert_eq!((written.as_str(), end.ok()), ("", Some(Some(3))));
    clean_up(harness, &task).await;
}

/// A command without a terminal reads what is sent, until the input is dropped.
pub async fn exec_takes_input_until_that_is_dropped<H: Harness>(harness: &H) {
    let Some(task) = running(harness).await else { return };
    let ExecSession { input, mut output } = exec(harness, &task, command(&["cat"])).await;
    input.send(ExecInput::Data(Bytes::from_static(b"hello\n"))).await.expect("the command reads");
    let first = tokio::time::timeout(harness.patience(), output.next()).await.expect("the command answers");
    assert!(matches!(&first, Some(Ok(ExecOutput::Data(_, data))) if data == "hello\n"), "{first:?}");
    drop(input);
    let end = tokio::time::timeout(harness.patience(), output.next()).await.expect("the command ends");
    assert!(matches!(end, Some(Ok(ExecOutput::Exited(Some(0))))), "{end:?}");
    clean_up(harness, &task).await;
}

/// A command that wants a terminal gets one of the size that is asked for.
pub async fn exec_gives_a_terminal_of_the_size_asked_for<H: Harness>(harness: &H) {
    let Some(task) = running(harness).await else { return };
    let command =
        ExecCommand { arguments: harness.tells_terminal_size(123, 45), terminal: Some(TerminalSize { columns: 123, rows: 45 }) };
    let (written, _) = ended(harness, exec(harness, &task, command).await).await;
    assert_eq!(written.lines().last(), Some("45 123"), "{written}");
    clean_up(harness, &task).await;
}

/// Sessions do not take each other's output.
pub async fn exec_sessions_run_side_by_side<H: Harness>(harness: &H) {
    let Some(task) = running(harness).await else { return };
    let sessions = futures::future::join_all(["one", "two", "three", "four"].map(async |word| {
        let ExecSession { input, mut output } = exec(harness, &task, command(&["cat"])).await;
        input.send(ExecInput::Data(Bytes::from_static(word.as_bytes()))).await.expect("the command reads");
        let first = tokio::time::timeout(harness.patience(), output.next()).await.expect("the command answers");
        assert!(matches!(&first, Some(Ok(ExecOutput::Data(_, data))) if data == word), "{first:?}");
        (input, output)
    }));
    assert_eq!(sessions.await.len(), 4);
    clean_up(harness, &task).await;
}

/// A program that does not exist ends its session, and the reason is `Invalid`.
pub async fn exec_of_no_such_program_ends_the_session<H: Harness>(harness: &H) {
    let Some(task) = running(harness).await else { return };
    let (written, end) = ended(harness, exec(harness, &task, command(&["no-such-program"])).await).await;
    assert_eq!((written.as_str(), end.map_err(|error| error.kind())), ("", Err(ErrorKind::Invalid)));
    clean_up(harness, &task).await;
}

/// `NotFound` for a task or container that is not known, `Conflict` for one that has ended.
pub async fn exec_needs_a_container_that_runs<H: Harness>(harness: &H) {
    if !is_supported(harness).await {
        return;
    }
    let spec =
        own_spec([container("app").program(harness.sleeper()), container("done").program(harness.exits_with(0)).essential(false)]);
    ensure(harness, &spec).await;
    until(harness, &spec.task, "one running, one ended", |seen| {
        let state = |name| seen.containers.iter().find(|container| container.name == name).map(|container| &container.state);
        state("app") == Some(&ContainerState::Running) && matches!(state("done"), Some(ContainerState::Exited { .. }))
    })
    .await;
    for (task, container, expected) in [
        (&spec.task, "nobody", ErrorKind::NotFound),
        (&own_task(), "app", ErrorKind::NotFound),
        (&spec.task, "done", ErrorKind::Conflict),
    ] {
        let refused = harness.backend().exec(task, container, command(&["echo"])).await;
        let refused = refused.err().unwrap_or_else(|| panic!("nothing can run in {container}"));
        assert_eq!(refused.kind(), expected, "{container}: {refused:?}");
    }
    clean_up(harness, &spec.task).await;
    let refused = harness.backend().exec(&spec.task, "app", command(&["echo"])).await;
    assert_eq!(refused.expect_err("the task has ended").kind(), ErrorKind::Conflict);
}

/// A session ends with its container, and keeps that from nothing.
pub async fn exec_ends_with_the_container<H: Harness>(harness: &H) {
    let Some(task) = running(harness).await else { return };
    let session = exec(harness, &task, command(&["sleep", "600"])).await;
    stop(harness, &task).await;
    // With which code, or whether anybody saw one, is the backend's.
    let (written, _) = ended(harness, session).await;
    assert_eq!(written, "");
    until_stopped(harness, &task).await;
}
