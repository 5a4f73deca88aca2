"""Metrics of a real worker and a real beat, at addresses of their own."""

import os
import re
import signal
from collections.abc import Callable
from urllib.request import urlopen

import pytest

from tests.services.installation import Installation, answers, free_port, wait_for

pytestmark = pytest.mark.services


def read(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_a_worker_exposes_the_sum_of_its_processes_and_a_beat_the_tasks_it_starts(
    make_installation: Callable[..., Installation],
) -> None:
    ports = [free_port(), free_port()]
    installation = make_installation(extra={"DIGEST_METRICS_ADDRESS": f"127.0.0.1:{ports[0]}"})
    installation.extra["TMPDIR"] = str(installation.folder)
    worker = installation.start_worker(processes=2)
    installation.extra["DIGEST_METRICS_ADDRESS"] = f"127.0.0.1:{ports[1]}"
    beat = installation.start("beat")
    for port in ports:
        wait_for(lambda port=port: answers(port), 60, "the start of the metrics")  # type: ignore[misc]
    (folder,) = installation.folder.glob("digest-metrics-*")

    def has_run_a_task() -> bool:
        return re.search(r'digest_job_seconds_count\{task="requests"\} [1-9]', read(ports[0])) is not None

    wait_for(has_run_a_task, 60, "a task")
    assert re.search(r'digest_started_tasks_total\{task="requests"\} [1-9]', read(ports[1]))
    assert "process_start_time_seconds" in read(ports[0])
    assert len({int(file.stem.rpartition("_")[2]) for file in folder.glob("*.db")}) >= 2
    for process in (beat, worker):
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
    installation.workers.remove(worker)
    assert not folder.exists()
