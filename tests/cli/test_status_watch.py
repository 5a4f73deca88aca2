"""`digest status --watch`: shows the state, shows it anew, and ends with the code of what it last showed."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.shell import Shell

PROGRAM = (
    "import sys; from digest.cli import main, status; status._WATCHED_EVERY = 0.2; "
    "sys.argv = ['digest', 'status', '--watch', *sys.argv[1:]]; main()"
)
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join(sys.path),
    "PATH": os.environ["PATH"],
    "TERM": "xterm",
    "DIGEST_SOURCES": "sample",
}


@contextmanager
def watching(shell: Shell, *words: str, out: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PROGRAM, *words]
    with subprocess.Popen(
        command, cwd=shell.folder, stdout=out, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(file: int, text: bytes, times: int = 1, seconds: float = 60) -> bytes:
    """Read a terminal or pipe until a text has come so often."""
    shown, deadline = b"", time.monotonic() + seconds
    while shown.count(text) < times:
        assert time.monotonic() < deadline, shown
        if select.select([file], [], [], 0.1)[0]:
            shown += os.read(file, 65536)
    return shown


def test_a_terminal_is_refreshed_until_ctrl_c(digest: Shell) -> None:
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, 120))
    with watching(digest, out=terminal) as process:
        shown = read_until(screen, b"Everything is all right.")
        assert b"\x1b[?1049h" in shown  # the second screen of the terminal
        digest("subscribers", "add", "bo@example.org", "--confirmed")
        read_until(screen, b"2 active")
        process.send_signal(signal.SIGINT)
        left = read_until(screen, b"\x1b[?1049l")
        assert (process.wait(30), process.stderr and process.stderr.read()) == (0, b"")
    assert b"Traceback" not in left
    os.close(screen)
    os.close(terminal)


def test_a_pipe_gets_a_record_each_time_and_the_code_of_the_last(digest: Shell) -> None:
    reading, writing = os.pipe()
    with watching(digest, "--json", out=writing) as process:
        os.close(writing)
        shown = read_until(reading, b"\n}\n", 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    os.close(reading)
    first, _ = json.JSONDecoder().raw_decode(shown.decode())
    assert first["verdict"] == "Everything is all right."
