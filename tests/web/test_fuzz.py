"""A small fuzz test, always with the same requests; the one with 20,000 is `python -m tests.web.fuzz`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.wiring import Container
from tests.factories import Clock
from tests.web.conftest import make_container
from tests.web.fuzz import Counts, send_any, send_api_request, send_requests
from tests.web.fuzz_requests import REQUESTS, GeneratedRequest, Target, api_requests


@pytest.fixture
def container(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Container]:
    """An installation on each database, because they refuse different values."""
    made = make_container(database_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def target(container: Container, clock: Clock) -> Target:
    return Target(container, clock)


def test_no_form_link_or_url_causes_a_server_error(target: Target) -> None:
    found = send_requests(target, REQUESTS, 120, 2, send_any)
    assert found.faults == []
    assert set(found.statuses) >= {200, 303, 403, 404, 405, 422}


def test_the_api_conforms_to_its_description(target: Target) -> None:
    for name, cases in api_requests(target):
        found = send_requests(target, cases, 10, 2, send_api_request)
        assert found.faults == [], name
        assert set(found.statuses) <= {200, 404, 422}, name


def test_a_server_error_is_counted(target: Target) -> None:
    @target.client.app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    counts = Counts()
    send_any(target, GeneratedRequest("GET", "/broken"), counts)
    assert counts.statuses == {500: 1}
    assert len(counts.faults) == 1
