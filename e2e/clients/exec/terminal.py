"""`aws ecs execute-command` at a terminal, as a person has it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from ecs import CLI

PATIENCE = 30


def command(task, line, *words):
    """The words of a call of the AWS CLI, which starts AWS's Session Manager plugin."""
    return [*CLI, "ecs", "execute-command", "--task", task, "--command", line, *words]


class Terminal:
    """A session at a terminal of its own."""

    def __init__(self, task, line, *words, columns=100, rows=40):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.written = b""
        self.client = subprocess.Popen(
            command(task, line, "--interactive", *words),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, text):
        """Reads until that was written, and gives all before it."""
        before, found, rest = self.written.partition(text.encode())
        deadline = time.monotonic() + PATIENCE
        while not found:
            assert self._read(deadline), f"it ended without {text!r}: {self.written[-2000:]!r}"
            before, found, rest = self.written.partition(text.encode())
        self.written = rest
        return before.decode()

    def prompted(self):
        """Waits for the first prompt of root's shell. What is typed while the plugin sets the terminal up may be lost."""
        self.until("# ")
        return self

    def ended(self):
        """Reads until the client has ended, and gives all that it wrote, with the ends of lines as programs write them."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        assert self.client.wait(PATIENCE) == 0, self.written[-2000:]
        os.close(self.master)
        # One terminal made "\r\n" of each, the other "\r\r\n" of that.
        return re.sub(r"\r+\n", "\n", self.written.decode())

    def kill(self):
        """Ends the client and its plugin as a crash does."""
        os.killpg(self.client.pid, signal.SIGKILL)
        self.client.wait(PATIENCE)
        os.close(self.master)

    def _read(self, deadline):
        left = deadline - time.monotonic()
        ready, _, _ = select.select([self.master], [], [], max(left, 0))
        assert ready, f"nothing more came after {self.written[-2000:]!r}"
        try:
            read = os.read(self.master, 65536)
        except OSError:
            return False
        self.written += read
        return bool(read)
