"""Runs the real command in this process, in its own folder and environment."""

import io
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from digest.cli import main
from digest.logs import PRODUCT_LOGGERS


@dataclass(frozen=True)
class Answer:
    code: int
    raw: bytes
    """The standard output."""
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def cells(self) -> list[list[str]]:
        return [line.split("\t") for line in self.lines]

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> str:
        """The one line of the error message, without the command's name."""
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("digest: "), self.err
        return self.err.removeprefix("digest: ").rstrip("\n")


@dataclass(frozen=True)
class Shell:
    """Call it with the arguments of `digest`; it asserts exit code 0. `fails` and `tries` allow others."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def tries(self, *words: str, **environment: str) -> Answer:
        """Run the command with any exit code."""
        out, err = _stream(), _stream()
        with placed(self.folder, words, {**self.environment, **environment}):
            with (
                restored_logging(),
                redirect_stdout(out),
                redirect_stderr(err),
                pytest.raises(SystemExit) as ended,
            ):
                main()
            out.flush()
            err.flush()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return Answer(code or 0, _written(out), _written(err).decode())

    def __call__(self, *words: str, **environment: str) -> Answer:
        answer = self.tries(*words, **environment)
        assert answer.code == 0, answer
        return answer

    def fails(self, *words: str, **environment: str) -> str:
        """Run a command that ends with exit code 2; return its one-line error."""
        answer = self.tries(*words, **environment)
        assert (answer.code, answer.raw) == (2, b""), answer
        return answer.error


@contextmanager
def restored_logging() -> Iterator[None]:
    """Leave the logging of the other tests as it was."""
    loggers = [logging.getLogger(name) for name in ("", *PRODUCT_LOGGERS, "alembic")]
    levels = [one.level for one in loggers]
    handlers = list(loggers[0].handlers)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
        for handler in [one for one in loggers[0].handlers if one not in handlers]:
            loggers[0].removeHandler(handler)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")


def _written(stream: io.TextIOWrapper) -> bytes:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


@contextmanager
def placed(folder: Path, words: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[None]:
    """Give this process the folder, the arguments and the settings of a command."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("DIGEST_"):
                patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        patch.setattr("sys.argv", ["digest", *words])
        yield
