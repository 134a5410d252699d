"""ECS Exec: the AWS CLI and AWS's own Session Manager plugin in the containers of tasks."""

import glob
import os
import re
import subprocess
import tempfile

from ecs import REFUSED, aws, client, eventually, register_with_exec, running, waiter
from exec.terminal import PATIENCE, Terminal, command

SLEEP = "exec sleep 600"


def enabled(script=SLEEP, **container):
    ecs = client()
    ecs.create_cluster()
    register_with_exec(ecs, script, **container)
    return ecs, running(ecs)


def test_a_shell_is_typed_into_resized_interrupted_and_left():
    _, task = enabled(environment=[{"name": "GREETING", "value": "hello from the container"}])
    shell = Terminal(task, "/bin/sh", columns=100, rows=40)
    shell.until("Starting session with SessionId: ecs-execute-command-0")
    shell.prompted()
    shell.type("PS1='ne''xt: '\r")
    shell.until("next: ")
    shell.type("stty size\r")
    shell.until("40 100")
    shell.type("echo $GREETING; tty\r")
    shell.until("hello from the container")
    shell.until("/dev/pts/")
    # A shell of its own runs the loop: one that does jobs itself puts each command in a process group of its own, and
    # between two of them an interrupt meets a group whose processes have ended, and is lost.
    shell.type("sh -c 'while true; do stty size; sleep 0.1; done'\r")
    shell.until("40 100")
    shell.resize(123, 45)
    shell.until("45 123")
    # What is typed before the loop has ended goes with it.
    shell.type("\x03")
    shell.until("next: ")
    shell.type('echo still "th"ere\r')
    shell.until("still there")
    shell.type("exit\r")
    assert re.search(r"Exiting session with sessionId: ecs-execute-command-0[0-9a-f]{16}\.", shell.ended())


def test_one_command_is_run_with_its_output_and_nothing_is_typed():
    _, task = enabled()
    # In a pod a terminal gets its size a moment after its command began.
    sized = """until test "$(stty size 2>&1)" = "11 77"; do sleep 0.1; done"""
    shown = Terminal(task, f"""sh -c '{sized}; echo one; echo "two  words" >&2; stty size'""", columns=77, rows=11).ended()
    assert "\none\ntwo  words\n11 77\n" in shown, shown
    assert "Exiting session" in shown, shown


def test_a_command_without_a_terminal_tells_its_exit_code():
    _, task = enabled()
    line = "sh -c 'test -t 0 || test -t 1 || echo no terminal; echo error >&2; read line; echo got $line; exit 3'"
    session = subprocess.Popen(
        command(task, line, "--non-interactive"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    # The plugin gives up when its own input ends, so that stays open.
    session.stdin.write(b"a line\n")
    session.stdin.flush()
    shown = session.stdout.read().decode()
    assert session.wait(PATIENCE) == 0
    for expected in ["no terminal\n", "error\n", "got a line\n", "The command ended with exit code 3."]:
        assert expected in shown, shown


def test_megabytes_come_through_whole():
    _, task = enabled()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        path = os.path.join(folder, "bytes")
        line = f"sh -c 'head -c 5000000 /dev/urandom | tee {path}'"
        session = subprocess.Popen(
            command(task, line, "--non-interactive"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        shown = session.stdout.read()
        assert session.wait(PATIENCE) == 0
        with open(path, "rb") as written:
            expected = written.read()
        assert len(expected) == 5000000
        assert expected in shown, f"{len(shown)} bytes were shown"


def test_numbers_come_through_whole():
    _, task = enabled()
    shown = Terminal(task, "seq 1 300000").ended()
    assert "\n".join(str(number) for number in range(1, 300001)) in shown


def test_sessions_do_not_disturb_each_other():
    _, task = enabled()
    shells = [Terminal(task, "/bin/sh") for _ in range(4)]
    for shell in shells:
        shell.prompted()
    for number, shell in enumerate(shells):
        shell.type(f'mine=shell-{number}; echo ready "$mine"!\r')
    for number, shell in enumerate(shells):
        shell.until(f"ready shell-{number}!")
    for number, shell in enumerate(shells):
        shell.type('echo again "$mine"!; exit\r')
        shell.until(f"again shell-{number}!")
        assert "Exiting session" in shell.ended()


def test_a_session_ends_with_its_task():
    # The first process of a pod's container ends by SIGKILL only.
    ecs, task = enabled(stopTimeout=2)
    shell = Terminal(task, "/bin/sh").prompted()
    shell.type("echo re'ad'y; sleep 500\r")
    shell.until("ready")
    ecs.stop_task(task=task)
    assert "Exiting session" in shell.ended()
    waiter(ecs, "tasks_stopped")(tasks=[task])
    complaint = aws("execute-command", "--task", task, "--command", "ls", "--interactive", expect=REFUSED)
    assert "(TargetNotConnectedException) when calling the ExecuteCommand operation" in complaint, complaint


def test_a_command_ends_with_its_client():
    _, task = enabled()
    # A number that no other process has.
    sleep = f"sleep {100000 + os.getpid()}"
    shell = Terminal(task, sleep)
    eventually(lambda: processes(sleep))
    shell.kill()
    eventually(lambda: not processes(sleep))


def processes(line):
    """The processes with this command line."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as words:
                if words.read().rstrip(b"\0") == line.replace(" ", "\0").encode():
                    found.append(path)
        except OSError:
            pass
    return found


def test_a_program_that_is_not_there_is_named():
    _, task = enabled()
    shown = Terminal(task, "no-such-program --help").ended()
    assert "Unable to start command" in shown, shown
    assert '"no-such-program": executable file not found in $PATH' in shown, shown


def test_a_task_that_was_not_enabled_says_so():
    ecs = client()
    ecs.create_cluster()
    register_with_exec(ecs, SLEEP)
    task = running(ecs, enableExecuteCommand=False)
    complaint = aws("execute-command", "--task", task, "--command", "ls", "--interactive", expect=REFUSED)
    text = "The execute command failed because execute command was not enabled when the task was run"
    assert f"(InvalidParameterException) when calling the ExecuteCommand operation: {text}" in complaint, complaint
