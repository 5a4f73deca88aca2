"""The workflow of a scheduled CI job: valid, guarded, and its steps send each digest once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.mail.servers import Handler

WORKFLOW = ROOT / ".github" / "workflows" / "daily-digest.yml"
# The day is an argument of the test.
COMMAND = f"""#!{sys.executable}
import os, sys
sys.path.insert(0, {str(ROOT)!r})
if sys.argv[1] == "run":
    sys.argv += ["--now", os.environ["TEST_NOW"]]
from digest.cli import main
main()
"""


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(WORKFLOW.read_text(encoding="utf-8"))
    return found


def steps() -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in workflow()["jobs"]["digest"]["steps"] if "name" in step}


def test_the_workflow_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, WORKFLOW], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_runs_only_where_topics_are_set_and_never_twice_at_once() -> None:
    found = workflow()
    job = found["jobs"]["digest"]
    assert job["if"] == "vars.DIGEST_TOPICS != ''"
    assert found["concurrency"] == {"group": "daily-digest", "cancel-in-progress": False}
    assert found["permissions"] == {"contents": "write"}
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(one.startswith("actions/") and "@v" in one for one in used)


def test_the_database_is_stored_after_a_failed_send_too_but_never_without_the_former_one() -> None:
    names = list(steps())
    assert names == ["Install", "Restore the database", "Send the digest", "Store the database"]
    assert steps()["Restore the database"]["id"] == "restore"
    assert steps()["Store the database"]["if"] == "always() && steps.restore.outcome == 'success'"


@dataclass
class Runner:
    """Runs the steps in a new checkout each time, as a CI job does, with the state in a branch of `origin`."""

    folder: Path
    port: int
    topics: str = "long-context language models\nrobot manipulation\n"
    key: str = ""

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir()
        command = self.folder / "bin" / "digest"
        command.write_text(COMMAND)
        command.chmod(0o755)
        self.git("init", "--quiet", "--bare", "origin.git")

    def git(self, *words: str) -> str:
        return subprocess.check_output(["git", *words], cwd=self.folder, text=True)

    def environment(self, now: datetime) -> dict[str, str]:
        mail_url = f"smtp://127.0.0.1:{self.port}?tls=no"
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TEST_NOW": now.isoformat(),
            "DIGEST_SOURCES": "sample",
            "DIGEST_DATABASE_URL": "sqlite:///digest.db",
            "DIGEST_MAIL_URL": mail_url,
            "DIGEST_SENDER": "Trending papers <papers@example.org>",
            "DIGEST_BASE_URL": "https://github.com/ana/papers/blob/HEAD/docs/deploying.md#",
            "STATE_BRANCH": workflow()["jobs"]["digest"]["env"]["STATE_BRANCH"],
            "STATE_KEY": self.key or mail_url,
            "READER": "ana@example.org",
            "TOPICS": self.topics,
        }

    def __call__(self, now: datetime) -> dict[str, int]:
        """Return the exit code of each step that was run."""
        checkout = self.folder / "checkout"
        shutil.rmtree(checkout, ignore_errors=True)
        self.git("clone", "--quiet", "origin.git", "checkout")
        codes: dict[str, int] = {}
        for name in ("Restore the database", "Send the digest", "Store the database"):
            # The shell as GitHub starts it.
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps()[name]["run"]]
            done = subprocess.run(
                shell, cwd=checkout, env=self.environment(now), capture_output=True, text=True, check=False
            )
            codes[name] = done.returncode
            if name == "Restore the database" and done.returncode:
                break
        return codes


GOOD = {"Restore the database": 0, "Send the digest": 0, "Store the database": 0}


def papers_in(envelope: Any) -> set[str]:
    """Return the addresses of the papers in the text of a mail."""
    mail = message_from_bytes(envelope.content, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    return {word for word in body.get_content().split() if "arxiv.org/abs/" in word}


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def job(tmp_path: Path, handler: Handler, serve: Callable[..., int]) -> Runner:
    return Runner(tmp_path, serve(handler))


def next_tuesday() -> datetime:
    today = datetime.now(UTC).date()
    day: date = today + timedelta(days=(1 - today.weekday()) % 7 or 7)
    return datetime(day.year, day.month, day.day, 6, 17, tzinfo=UTC)


@pytest.mark.timeout(400)
def test_the_second_day_sends_nothing_twice(job: Runner, handler: Handler) -> None:
    tuesday = next_tuesday()
    assert job(tuesday) == GOOD
    assert len(handler.accepted) == 1
    job.topics = "protein folding"
    assert job(tuesday + timedelta(days=1)) == GOOD
    mails = [papers_in(one) for one in handler.accepted]
    assert all(mails)
    assert len(set.union(*mails)) == sum(map(len, mails))
    # One commit without a past, which another key does not open, and does not replace.
    assert job.git("-C", "origin.git", "rev-list", "--count", "digest-state").strip() == "1"
    stored = ["git", "-C", "origin.git", "show", "digest-state:part.aa"]
    assert subprocess.check_output(stored, cwd=job.folder).startswith(b"Salted__")
    job.key = "another"
    assert job(tuesday + timedelta(days=2)) == {"Restore the database": 1}
