"""Logging of all processes: one handler, on the standard error, as text for people or one JSON object for each line.

Above DEBUG no line contains a mail address, a password of a URL or the token of a link: the formatters mask what the
calls did not leave out. The ids of `bound` are in every line that is logged below it.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal, TextIO

from digest.text.masking import mask_secrets

LogFormat = Literal["console", "json"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
PRODUCT_LOGGERS = ("digest", "workers", "celery")
"""The loggers whose level is a setting. Those of libraries log warnings and errors only."""
_RECORD_IDS = ("delivery_id", "edition_on")
_ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default={})  # noqa: B039 - never changed in place


def new_run_id() -> str:
    """Return an id for one run of a job."""
    return token_hex(6)


@contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Add ids, such as `run_id`, to all lines that this thread logs in the block."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def configure(
    log_format: LogFormat, level: LogLevel, *, is_foreground: bool = False, libraries: int = logging.WARNING
) -> None:
    """Send all logs to the standard error. Can be repeated; the last call counts.

    `is_foreground` is for commands that print their results themselves: as text, only warnings are logged, without time
    and level. `libraries` is the level of other packages' loggers.
    """
    number = logging.getLevelNamesMapping()[level]
    formatter: logging.Formatter = JsonFormatter()
    if log_format == "console":
        formatter = ConsoleFormatter(is_short=is_foreground)
        number = max(number, logging.WARNING) if is_foreground and number > logging.DEBUG else number
    handler = _StandardError()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for before in [one for one in root.handlers if isinstance(one, _StandardError)]:
        root.removeHandler(before)
    root.addHandler(handler)
    root.setLevel(max(libraries, number))
    for name in PRODUCT_LOGGERS:
        logging.getLogger(name).setLevel(number)
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to the standard error as it is when a line is logged."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """The standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


class ConsoleFormatter(logging.Formatter):
    """One line of text; the ids are at its end."""

    def __init__(self, *, is_short: bool = False) -> None:
        super().__init__("%(message)s" if is_short else "%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._is_short = is_short

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, D102, N802
        return _instant(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: D102, N802
        text = super().formatMessage(record)
        ids = (
            "" if self._is_short else ", ".join(f"{name} {value}" for name, value in _ids_of(record).items())
        )
        return f"{text} ({ids})" if ids else text

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, masked."""
        return _masked(super().format(record), record)


class JsonFormatter(logging.Formatter):
    """One JSON object in a line: time, level, logger, message, the ids, and the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, masked."""
        fields: dict[str, str] = {
            "time": _instant(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _masked(record.getMessage(), record),
            **_ids_of(record),
        }
        if record.exc_info:
            fields["exception"] = _masked(self.formatException(record.exc_info), record)
        return json.dumps(fields, ensure_ascii=False)


def _instant(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _ids_of(record: logging.LogRecord) -> dict[str, str]:
    own = {name: str(record.__dict__[name]) for name in _RECORD_IDS if name in record.__dict__}
    return {**_ids.get(), **own}


def _masked(text: str, record: logging.LogRecord) -> str:
    return text if record.levelno <= logging.DEBUG else mask_secrets(text)
