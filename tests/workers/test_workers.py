"""What workers promise about their tasks: routed, safe to lose, safe to repeat, JSON only."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from digest.jobs.recurring import JOBS
from digest.jobs.timetable import TIMETABLE
from digest.settings import Settings
from tests.conftest import ROOT
from workers.app import QUEUES, ROUTES, app, configured

app.loader.import_default_modules()
OURS = {name for name in app.tasks if not name.startswith("celery.")}


def conf(lease: timedelta = timedelta(minutes=15)) -> dict[str, Any]:
    broker = SecretStr("redis://127.0.0.1:6379/0")
    return configured(Settings.model_construct(broker_url=broker, lease=lease))


def test_every_entry_of_the_timetable_is_a_task_and_a_job() -> None:
    assert {entry.job for entry in TIMETABLE} <= OURS
    assert {entry.job for entry in TIMETABLE} == {*JOBS, "sweep"}
    assert set(conf()["beat_schedule"]) == {entry.job for entry in TIMETABLE}


def test_every_task_has_a_queue_that_workers_serve() -> None:
    assert set(ROUTES) == OURS
    assert set(ROUTES.values()) == set(QUEUES)
    assert QUEUES[0] == "transactional"


@pytest.mark.parametrize("lease", [timedelta(seconds=20), timedelta(minutes=15), timedelta(hours=1)])
def test_no_task_is_handed_out_again_while_it_can_still_be_at_work(lease: timedelta) -> None:
    found = conf(lease=lease)
    options = found["broker_transport_options"]
    assert found["task_soft_time_limit"] < found["task_time_limit"] < options["visibility_timeout"]
    assert lease.total_seconds() <= found["task_soft_time_limit"]


def test_a_task_is_acknowledged_after_it_is_done_and_given_back_when_its_worker_dies() -> None:
    found = conf()
    assert found["task_acks_late"]
    assert found["task_reject_on_worker_lost"]
    assert found["worker_prefetch_multiplier"] == 1


def test_only_json_travels() -> None:
    assert conf()["accept_content"] == ["json"]
    assert conf()["task_serializer"] == "json"


def test_a_second_beat_waits_longer_than_the_first_may_be_silent() -> None:
    found = conf()
    assert found["redbeat_lock_timeout"] > 2 * found["beat_max_loop_interval"]


def test_tasks_take_no_arguments() -> None:
    arguments = {name: app.tasks[name].run.__annotations__ for name in OURS}
    assert arguments
    assert all(known == {"return": None} for known in arguments.values())


def run_digest(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIGEST_")}
    return subprocess.run(
        [sys.executable, "-c", "from digest.cli import main; main()", *command],
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_without_a_broker_a_worker_says_what_to_do(command: str, tmp_path: Path) -> None:
    done = run_digest(command, folder=tmp_path)
    assert done.returncode == 2
    assert "DIGEST_BROKER_URL" in done.stderr
    assert "digest up" in done.stderr


def test_the_bench_delivers_and_tells_what_was_asked_for(tmp_path: Path) -> None:
    done = run_digest("bench", "deliver", "--subscribers", "60", "--papers", "40", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {
        "digests",
        "seconds",
        "rate_per_s",
        "cpu_ms_per_digest",
        "message_bytes",
        "peak_rss_mb",
        "planned_per_s",
    }
    assert set(found["cpu_ms_per_digest"]) == {"score", "render", "mime", "send", "record"}
    assert found["digests"] == 60
    assert found["message_bytes"] > 5000
    assert min(found["seconds"], found["rate_per_s"], found["peak_rss_mb"], found["planned_per_s"]) > 0
    assert list(tmp_path.iterdir()) == []
