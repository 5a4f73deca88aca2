"""`digest beat --check`: exit code 0 while a beat runs, otherwise one line and exit code 2."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.doctor.beat import LATE, SCHEDULE_KEY, require_beat
from digest.errors import StopRun
from tests.cli.shell import Shell
from tests.services.installation import wait_for
from workers.app import app


def test_the_key_is_the_one_that_beat_uses() -> None:
    assert f"{app.conf['redbeat_key_prefix']}:schedule" == SCHEDULE_KEY


@pytest.mark.services
def test_a_running_beat_is_distinguished_from_none(redis_url: str, sqlite_url: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"DIGEST_BROKER_URL": redis_url, "DIGEST_DATABASE_URL": sqlite_url})
    assert "start one with: digest beat" in shell.fails("beat", "--check")
    process = subprocess.Popen(
        [sys.executable, "-c", "from digest.cli import main; main()", "beat"],
        cwd=tmp_path,
        env={**os.environ, **shell.environment},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: shell.tries("beat", "--check").code == 0, 60, "the beat's first tick")
    finally:
        process.terminate()
        process.wait(30)
    now = datetime.now(UTC)
    require_beat(redis_url, now)
    with pytest.raises(StopRun, match="No beat runs"):
        require_beat(redis_url, now + LATE + timedelta(hours=25))


def test_an_unreachable_redis_gives_a_one_line_error(tmp_path: Path) -> None:
    said = Shell(tmp_path, {"DIGEST_BROKER_URL": "redis://127.0.0.1:9/0"}).fails("beat", "--check")
    assert "DIGEST_BROKER_URL" in said
