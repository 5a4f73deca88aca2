"""Metrics: what a real run exposes, who may read it, and how several processes count together."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from digest.domain.delivery import Stream
from digest.errors import StopRun
from digest.jobs import recurring
from digest.jobs.observed import observed
from digest.metrics import DeliveryMeter
from digest.metrics_export import RunGauges, make_folder, remove_folder, serve, write_file
from digest.settings import Settings
from digest.status.gauges import CACHED_SECONDS, StatusGauges
from digest.web.app import create_app
from digest.wiring import Container
from tests.conftest import ROOT
from tests.factories import BASE_URL, SECRET, WEDNESDAY, Clock, add_subscriber, at
from tests.mail.conftest import serve as mail_servers
from tests.mail.servers import Handler
from tests.services.installation import free_port
from tests.web.client import Client

__all__ = ["mail_servers"]

TOKEN = "a long token"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def container(sqlite_url: str) -> Iterator[Container]:
    settings = Settings.model_construct(
        database_url=SecretStr(sqlite_url),
        mail_url=SecretStr("maildir:outbox"),
        base_url=BASE_URL,
        sender="Trending papers <digest@papers.example.org>",
        secret_key=SecretStr(SECRET.decode()),
        sources=("sample",),
        metrics_token=SecretStr(TOKEN),
    )
    made = Container(settings, Clock(at(WEDNESDAY, 12)))
    yield made
    made.close()


def value(name: str, **labels: str) -> float:
    """Return a count of this process; 0 before its first event."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def names_in(text: str) -> set[str]:
    """Return the names of all series that metrics in the text format can have."""
    names: set[str] = set()
    for name, family in families(text).items():
        match family.type:
            case "counter":
                names.add(f"{name}_total")
            case "histogram":
                names |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
            case _:
                names.add(name)
    return names


def exposed_by_a_day(container: Container) -> str:
    """Fetch, plan and deliver, request pages, and return what the pages and a run in cron expose."""
    add_subscriber(container.database, "ada@example.org", topics=["language models"], now=at(WEDNESDAY, 7))
    recurring.read_feeds(container)
    recurring.plan(container)
    recurring.deliver(container, Stream.DIGEST)
    client = Client(create_app(container, timedelta(0)))
    client.get("/")
    client.get("/nothing")
    path = Path("run.prom")
    write_file(path, RunGauges(0, container.clock()))
    return client.get("/metrics", headers=WITH_TOKEN).text + path.read_text()


def test_every_step_of_a_day_is_measured(container: Container, mail_servers: Callable[..., int]) -> None:
    port = mail_servers(Handler())
    container.settings = container.settings.model_copy(
        update={"mail_url": SecretStr(f"smtp://127.0.0.1:{port}")}
    )
    watched = [
        ("digest_fetches_total", {"source": "sample", "status": "complete"}),
        ("digest_ingested_papers_total", {"outcome": "added"}),
        ("digest_planned_digests_total", {}),
        ("digest_settled_mails_total", {"stream": "digest", "outcome": "sent", "reason": ""}),
        ("digest_smtp_answers_total", {"stream": "digest", "answer": "2xx"}),
        ("digest_web_answers_total", {"route": "/", "status": "200"}),
        ("digest_web_answers_total", {"route": "none", "status": "404"}),
        *(
            ("digest_delivery_mails_total", {"stream": "digest", "stage": stage})
            for stage in ("select", "compose", "render", "send", "record")
        ),
    ]
    before = [value(name, **labels) for name, labels in watched]
    text = exposed_by_a_day(container)
    grown = [value(name, **labels) - was for (name, labels), was in zip(watched, before, strict=True)]
    assert grown[1] > 10
    assert [*grown[:1], *grown[2:]] == [1.0] * (len(watched) - 1)
    assert 'digest_subscribers{status="active"} 1.0' in text
    assert "digest_queue_age_seconds 0.0" in text
    assert 'digest_feed_state{source="sample",state="fresh"}' in text
    assert "example.org" not in text


def test_a_refused_mail_is_counted_by_class_and_reason(
    container: Container, mail_servers: Callable[..., int]
) -> None:
    refusing = Handler()
    refusing.rcpt = {"ada@example.org": "451 4.3.0 later", "ben@example.org": "550 5.1.1 no such user"}
    port = mail_servers(refusing)
    container.settings = container.settings.model_copy(
        update={"mail_url": SecretStr(f"smtp://127.0.0.1:{port}?connections=1")}
    )
    add_subscriber(container.database, "ben@example.org", topics=["robots"], now=at(WEDNESDAY, 7))

    def counts() -> list[float]:
        answers = [value("digest_smtp_answers_total", stream="digest", answer=one) for one in ("4xx", "5xx")]
        labels = {"stream": "digest", "outcome": "to_retry"}
        reasons = ("the server asked to try later", "refused, not confirmed")
        return answers + [value("digest_settled_mails_total", **labels, reason=one) for one in reasons]

    before = counts()
    exposed_by_a_day(container)
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1.0] * 4


def test_without_the_token_only_papers_and_pages_are_shown(container: Container) -> None:
    client = Client(create_app(container, timedelta(0)))
    client.get("/")
    public = set(families(client.get("/metrics").text))
    assert public == {"digest_papers", "digest_web_answers", "digest_web_seconds"}
    wrong = client.get("/metrics", headers={"Authorization": "Bearer another"})
    assert (wrong.status_code, "digest_" in wrong.text) == (401, False)
    assert "digest_subscribers" in families(client.get("/metrics", headers=WITH_TOKEN).text)


def test_without_a_setting_no_token_opens_the_metrics(container: Container) -> None:
    container.settings = container.settings.model_copy(update={"metrics_token": None})
    client = Client(create_app(container, timedelta(0)))
    for header in ("Bearer ", "Bearer None", "Bearer"):
        assert client.get("/metrics", headers={"Authorization": header}).status_code == 401


def test_the_paths_of_links_are_no_labels(container: Container) -> None:
    client = Client(create_app(container, timedelta(0)))
    client.get("/unsubscribe/a-signed-token")
    text = client.get("/metrics").text
    assert "a-signed-token" not in text
    assert 'route="/unsubscribe/{token}"' in text


def test_the_state_is_read_again_after_a_while_only(container: Container) -> None:
    gauges = StatusGauges(container)

    def active() -> float:
        found = {family.name: family for family in gauges.collect()}
        return next(
            one.value for one in found["digest_subscribers"].samples if one.labels["status"] == "active"
        )

    assert CACHED_SECONDS >= 15
    assert active() == 0
    add_subscriber(container.database)
    assert active() == 0
    gauges._read_at -= CACHED_SECONDS + 1
    assert active() == 1


def test_without_a_database_the_counts_are_still_exposed(tmp_path: Path) -> None:
    settings = Settings.model_construct(
        database_url=SecretStr(f"sqlite:///{tmp_path}/missing/digest.db"), metrics_token=SecretStr(TOKEN)
    )
    container = Container(settings, Clock(at(WEDNESDAY)))
    (up,) = StatusGauges(container).collect()
    assert (up.name, up.samples[0].value) == ("digest_database_up", 0.0)
    container.close()


def test_a_failed_job_is_counted_and_runs_no_longer() -> None:
    before = value("digest_job_failures_total", task="plan")
    running = []

    def fail() -> None:
        with observed("plan"):
            running.append(value("digest_jobs_running", task="plan"))
            raise StopRun("no")

    with pytest.raises(StopRun):
        fail()
    assert running == [1]
    assert value("digest_jobs_running", task="plan") == 0
    assert value("digest_job_failures_total", task="plan") == before + 1


def test_a_meter_counts_nothing_twice() -> None:
    meter = DeliveryMeter("test")
    with meter.stage("send"):
        meter.answered("2xx")
    meter.answered("")
    meter.flush()
    meter.flush()
    assert value("digest_smtp_answers_total", stream="test", answer="2xx") == 1
    assert value("digest_delivery_mails_total", stream="test", stage="send") == 1


def test_a_file_continues_the_counts_of_earlier_runs(tmp_path: Path) -> None:
    path = tmp_path / "digest.prom"
    with observed("run"):
        pass
    now = value("digest_job_seconds_count", task="run")
    write_file(path, RunGauges(1, at(WEDNESDAY)))
    first = families(path.read_text())
    kind = "# TYPE digest_deleted_rows_total counter\n"
    path.write_text(
        path.read_text().replace(kind, f'{kind}digest_deleted_rows_total{{rows="of an earlier run"}} 3.0\n')
    )
    write_file(path, RunGauges(0, at(WEDNESDAY, 9)))
    second = families(path.read_text())
    key = {"task": "run"}

    def count(found: dict[str, Metric]) -> float:
        return next(
            one.value
            for one in found["digest_job_seconds"].samples
            if one.name.endswith("_count") and one.labels == key
        )

    assert (count(first), count(second)) == (now, 2 * now)
    assert 'digest_deleted_rows_total{rows="of an earlier run"} 3.0' in path.read_text()
    assert [one.value for one in second["digest_run_exit_code"].samples] == [0.0]
    assert not [name for name in second if not name.startswith("digest_")]
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "digest.prom"
    path.write_bytes(b'digest_fetches_total{source="\xff')
    write_file(path, RunGauges(0, at(WEDNESDAY)))
    assert "digest_run_exit_code" in families(path.read_text())


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StopRun, match="DIGEST_METRICS_FILE"):
        write_file(tmp_path / "missing" / "digest.prom")


def test_an_address_in_use_is_one_line() -> None:
    address = f"127.0.0.1:{free_port()}"
    server, thread = serve(address)
    with pytest.raises(StopRun, match="DIGEST_METRICS_ADDRESS of its own"):
        serve(address)
    server.shutdown()
    server.server_close()
    thread.join(10)


MANY = """
import os
from digest.metrics import FETCHES, job_metrics
from digest.metrics_export import all_metrics, as_text
for _ in range(3):
    if not (child := os.fork()):
        FETCHES.labels("arxiv", "complete").inc()
        with job_metrics("fetch"):
            os._exit(0)
    os.waitpid(child, 0)
FETCHES.labels("arxiv", "complete").inc()
with job_metrics("plan"):
    print(as_text(all_metrics()).decode())
"""


def test_processes_count_together_and_a_dead_one_runs_nothing() -> None:
    folder = make_folder()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MANY],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    finally:
        remove_folder()
    assert 'digest_fetches_total{source="arxiv",status="complete"} 4.0\n' in done.stdout
    assert 'digest_jobs_running{task="plan"} 1.0\n' in done.stdout
    assert 'digest_jobs_running{task="fetch"} 1.0\n' not in done.stdout
    assert "process_resident_memory_bytes" in done.stdout
    assert not folder.exists()


def test_a_folder_that_somebody_else_made_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    remove_folder()
    assert tmp_path.exists()
