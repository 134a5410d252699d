//! Commands in containers: what they see of their container, their terminals, and their end.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use kecs_core::testing::{ContainerBuilder, spec};
use kecs_core::{ExecCommand, ExecInput, ExecOutput, ExecSession, LogSource, TaskManager, TaskSpec, TerminalSize};

use crate::support::{Host, in_time, running_of, shell};

const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

fn command(line: &str, terminal: Option<TerminalSize>) -> ExecCommand {
    ExecCommand { arguments: ["/bin/sh", "-c", line].map(str::to_owned).to_vec(), terminal }
}

fn sleeper() -> ContainerBuilder {
    shell("app", "exec sleep 600")
}

async fn exec(host: &Host, spec: &TaskSpec, command: ExecCommand) -> ExecSession {
    host.tasks().exec(&spec.task, "app", command).await.unwrap()
}

/// Standard output, standard error and the exit code.
async fn run(host: &Host, spec: &TaskSpec, command: ExecCommand) -> (String, String, Option<i32>) {
    let ExecSession { input: _input, mut output } = exec(host, spec, command).await;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = in_time("the end of a command", async {
        loop {
            match output.next().await.unwrap().unwrap() {
                ExecOutput::Data(LogSource::Stdout, data) => stdout.extend_from_slice(&data),
                ExecOutput::Data(LogSource::Stderr, data) => stderr.extend_from_slice(&data),
                ExecOutput::Exited(code) => break code,
            }
        }
    })
    .await;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), code)
}

/// Reads until that was written.
async fn until(session: &mut ExecSession, text: &str) -> String {
    let mut written = String::new();
    while !written.contains(text) {
        match in_time(text, session.output.next()).await.unwrap().unwrap() {
            ExecOutput::Data(_, data) => written.push_str(&String::from_utf8_lossy(&data)),
            ExecOutput::Exited(code) => panic!("it ended with {code:?} after {written:?}"),
        }
    }
    written
}

async fn type_in(session: &ExecSession, text: &str) {
    session.input.send(ExecInput::Data(Bytes::copy_from_slice(text.as_bytes()))).await.unwrap();
}

#[tokio::test]
async fn a_command_has_the_environment_and_the_folder_of_its_container() {
    let host = Host::new().await;
    let spec =
        spec([sleeper().env("GREETING", "hello").with(|app| app.working_directory = Some("/no-such-folder/work".to_owned()))]);
    host.run(&spec).await;
    let (inside, _, _) = run(&host, &spec, command("echo $GREETING $HOME; pwd; env | grep -c KECS_TASK_ID", None)).await;
    let home = host.folder(&spec.task).canonicalize().unwrap().join("containers/app");
    let (home, work) = (home.display(), home.join("no-such-folder/work"));
    assert_eq!(inside, format!("hello {home}\n{}\n1\n", work.display()));
}

#[tokio::test]
async fn without_a_terminal_output_and_errors_are_apart() {
    let host = Host::new().await;
    let spec = spec([sleeper()]);
    host.run(&spec).await;
    let line = "echo out; echo err >&2; test -t 0 || test -t 1 || test -t 2 || echo none; exit 7";
    assert_eq!(run(&host, &spec, command(line, None)).await, ("out\nnone\n".into(), "err\n".into(), Some(7)));
}

#[tokio::test]
async fn a_terminal_controls_its_command() {
    let host = Host::new().await;
    let spec = spec([sleeper()]);
    host.run(&spec).await;
    let line = "test -t 0 && test -t 1 && test -t 2 && echo $TERM && tty && trap 'stty size; exit 5' INT && stty size && while :; do sleep 0.1; done";
    let mut session = exec(&host, &spec, command(line, Some(SIZE))).await;
    let written = until(&mut session, "24 80\r\n").await;
    assert!(written.starts_with("xterm-256color\r\n/dev/pts/"), "{written:?}");
    session.input.send(ExecInput::Resize(TerminalSize { columns: 132, rows: 50 })).await.unwrap();
    // Behind the new size: inputs keep their order.
    type_in(&session, "\x03").await;
    until(&mut session, "50 132\r\n").await;
    let end = in_time("the end", session.output.next()).await;
    assert!(matches!(end, Some(Ok(ExecOutput::Exited(Some(5))))), "{end:?}");
}

#[tokio::test]
async fn a_large_output_comes_whole() {
    let host = Host::new().await;
    let spec = spec([sleeper()]);
    host.run(&spec).await;
    for terminal in [None, Some(SIZE)] {
        let (written, _, code) = run(&host, &spec, command("seq 1 200000; exit 1", terminal)).await;
        assert_eq!(code, Some(1));
        assert!(written.lines().eq((1..=200_000).map(|number| number.to_string())), "{} bytes", written.len());
    }
}

#[tokio::test]
async fn a_command_that_is_not_read_waits_and_others_do_not() {
    let host = Host::new().await;
    let spec = spec([sleeper()]);
    host.run(&spec).await;
    let idle = exec(&host, &spec, command("yes", None)).await;
    assert_eq!(run(&host, &spec, command("echo hi", None)).await.0, "hi\n");
    drop(idle);
}

#[tokio::test]
async fn a_command_whose_session_is_dropped_ends() {
    let host = Host::new().await;
    let spec = spec([sleeper()]);
    host.run(&spec).await;
    // A process has no environment to be known by while it becomes a program, and a container runs from the moment on in which it does.
    in_time("the container's program", async {
        while running_of(&spec.task.id.to_string()).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let before = 1;
    for terminal in [None, Some(SIZE)] {
        // Hard to end, and with children.
        let line = "trap '' TERM HUP INT; echo ready; sleep 601; sleep 602";
        let mut session = exec(&host, &spec, command(line, terminal)).await;
        until(&mut session, "ready").await;
        assert!(running_of(&spec.task.id.to_string()).len() > before);
        drop(session);
        in_time("the end of the command", async {
            while running_of(&spec.task.id.to_string()).len() > before {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_background_process_that_holds_the_output_does_not_keep_the_session() {
    let host = Host::new().await;
    let spec = spec([sleeper()]);
    host.run(&spec).await;
    // Outside of the command's group, so that it is not ended with it.
    let line = "setsid sh -c 'touch up; exec sleep 600' & until test -e up; do sleep 0.05; done; echo started";
    assert_eq!(run(&host, &spec, command(line, None)).await, ("started\n".into(), String::new(), Some(0)));
    let left = running_of(&spec.task.id.to_string()).len();
    host.tasks().stop_task(&spec.task).await.unwrap();
    host.end(&spec.task).await;
    assert!(left > 1 && running_of(&spec.task.id.to_string()).is_empty(), "the task takes it along");
}

#[tokio::test]
async fn commands_run_on_in_a_server_that_was_restarted() {
    let mut host = Host::new().await;
    let spec = spec([sleeper().env("SECRET", "kept by the supervisor")]);
    host.run(&spec).await;
    host.reopen_after(std::future::ready(())).await;
    assert_eq!(run(&host, &spec, command("echo $SECRET", None)).await.0, "kept by the supervisor\n");
}
