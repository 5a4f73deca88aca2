"""Logs: one line for each record, as text or JSON, with ids and without addresses."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import logs
from digest.jobs.observed import observed
from digest.text.masking import mask_addresses, mask_secrets
from tests.cli.conftest import empty
from tests.cli.shell import Shell, restored_logging
from tests.conftest import ROOT
from tests.mail.conftest import serve as mail_servers
from tests.mail.servers import Handler
from tests.papers.feed_server import Reply, feed_server

__all__ = ["empty", "mail_servers"]

_log = logging.getLogger("digest.tests")
_LOCAL = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~.-", min_size=2, max_size=30)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with restored_logging():
        yield


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("550 <ada@example.org>: no such user", "550 <a…@example.org>: no such user"),
        ("to ada.b+papers@mail.example.org.", "to a…@mail.example.org."),
        ("'ada@example.org'", "a…@example.org'"),
        ('"ada b"@example.org', "a…@example.org"),
        ("to=ada@example.org,ben@example.org", "t…@example.org,b…@example.org"),
        ("/search?q=ada%40example.org", "s…%40example.org"),
        ("a mail at 12:00, 3 @ 5", "a mail at 12:00, 3 @ 5"),
        ("https://pypi.example/html-validate", "https://pypi.example/html-validate"),
    ],
)
def test_of_an_address_the_first_character_and_the_domain_are_left(text: str, masked: str) -> None:
    assert mask_addresses(text) == masked


@given(local=_LOCAL, before=st.sampled_from(["", "<", "to ", "a@b ", '"', "x=", "'"]))
def test_no_local_part_survives(local: str, before: str) -> None:
    masked = mask_secrets(f"{before}{local}@example.org> and more")
    assert f"{local}@" not in masked
    assert masked.endswith("@example.org> and more")


def test_passwords_and_tokens_are_masked_and_file_names_are_not() -> None:
    token = "eyJhIjoxfQ.Zx81" + "b" * 25
    assert mask_secrets(f"GET /unsubscribe/{token}?x=1") == "GET /unsubscribe/…?x=1"
    assert mask_secrets("smtp://me:se@cret@mail.example.org:25") == "smtp://***@mail.example.org:25"
    line = 'File "/srv/digest/store/recording_of_many_connections_postgresql.py", line 9'
    assert mask_secrets(line) == line


def test_a_json_line_has_time_level_logger_message_and_ids(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "INFO")
    with observed("plan"):
        _log.info("done with %s", "ada@example.org", extra={"delivery_id": 7, "edition_on": "2026-03-04"})
        _log.debug("not shown")
    logging.getLogger("urllib3").info("not shown")
    logging.getLogger("urllib3").warning("shown")
    first, second = lines(capsys.readouterr().err)
    assert first.pop("time").endswith("Z")
    assert len(first.pop("run_id")) == 12
    assert first == {
        "level": "INFO",
        "logger": "digest.tests",
        "message": "done with a…@example.org",
        "job": "plan",
        "delivery_id": "7",
        "edition_on": "2026-03-04",
    }
    assert (second["logger"], "run_id" in second) == ("urllib3", False)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_masked_too(log_format: logs.LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format, "INFO")
    try:
        int("ada@example.org")
    except ValueError:
        _log.exception("it failed")
    found = capsys.readouterr().err
    assert "ada@" not in found
    assert "a…@example.org" in found
    assert log_format == "console" or len(found.splitlines()) == 1


def test_at_debug_addresses_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console", "DEBUG")
    _log.debug("to ada@example.org")
    _log.info("to ada@example.org")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("to ada@example.org")
    assert second.endswith("to a…@example.org")


def test_a_command_in_the_foreground_logs_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console", "INFO", is_foreground=True)
    _log.info("not shown")
    _log.warning("look at this")
    assert capsys.readouterr().err == "look at this\n"


def test_the_last_configuration_counts(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "INFO")
    logs.configure("console", "INFO")
    with logs.bound(run_id="1"):
        _log.info("once")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO digest.tests: once (run_id 1)")


def test_a_thread_with_a_copy_of_the_context_has_the_ids(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "INFO")
    with logs.bound(run_id="1"):
        thread = threading.Thread(target=copy_context().run, args=(_log.info, "inside"))
        thread.start()
        thread.join()
    assert lines(capsys.readouterr().err)[0]["run_id"] == "1"


def test_a_day_with_odd_outcomes_logs_no_address(
    empty: Shell, mail_servers: Callable[..., int], tmp_path: Path
) -> None:
    addresses = ["ada@example.org", "ben@example.org", "cem@example.org", "odd@example.org"]
    server = Handler()
    server.rcpt = {
        "ben@example.org": "550 5.1.1 <ben@example.org>: no such user",
        "cem@example.org": "451 4.3.0 <cem@example.org>: try later",
    }
    feed = tmp_path / "subscribers.csv"
    feed.write_text("address,topics\nada@example.org,robots\nodd@@example.org,robots\n", encoding="utf-8")
    logged = ""
    with feed_server() as feeds:
        feeds.serve("/api/daily_papers", Reply(b"[1, ada@example.org"))
        shell = Shell(
            tmp_path,
            {
                **empty.environment,
                "DIGEST_LOG_FORMAT": "json",
                "DIGEST_MAIL_URL": f"smtp://127.0.0.1:{mail_servers(server)}?connections=1",
                "DIGEST_SOURCES": "huggingface",
                "DIGEST_HUGGINGFACE_URL": feeds.address,
                "DIGEST_FETCH_TRIES": "1",
            },
        )
        for words in (
            ["init", "--sample"],
            *(["subscribers", "add", one, "--topics", "robots", "--confirmed"] for one in addresses[:3]),
            ["subscribers", "import", str(feed)],
            ["run"],
            ["run", "--subscriber", "ada@example.org"],
        ):
            logged += shell.tries(*words).err
    found = lines(logged)
    messages = [one["message"] for one in found]
    assert any("the server refuses the address" in one for one in messages), logged
    assert any("try later" in one for one in messages)
    assert any("huggingface" in one for one in messages)
    assert all(len(one["run_id"]) == 12 for one in found if "delivery_id" in one)
    assert not [one for one in found if any(address in json.dumps(one) for address in addresses)]


SERVICES = """
import logging, sys
from digest.settings import read_settings
from workers.app import app
app.log.setup(logging.INFO)
logging.getLogger("celery.worker").info("to ada@example.org")
print("to the output")
import uvicorn
from digest.cli.uvicorn_options import OPTIONS
uvicorn.Config("x:y", **OPTIONS)
logging.getLogger("uvicorn.error").error("to ben@example.org")
"""


def test_celery_and_uvicorn_log_the_same_way(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVICES],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DIGEST_LOG_FORMAT": "json"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [(one["logger"], one["message"]) for one in lines(done.stderr)] == [
        ("celery.worker", "to a…@example.org"),
        ("uvicorn.error", "to b…@example.org"),
    ]
    assert len(done.stderr.splitlines()) == 2
    assert done.stdout == "to the output\n"
