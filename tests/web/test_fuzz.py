"""A small storm of requests, the same every time; the one of twenty thousand is `python -m tests.web.fuzz`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.wiring import Container
from tests.factories import Clock
from tests.web.conftest import make_container
from tests.web.fuzz import Counts, ask_anything, ask_by_the_book, send_requests
from tests.web.fuzz_requests import QUESTIONS, Question, Target, kinds_of_calls


@pytest.fixture
def container(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Container]:
    """An installation on each database: they differ in what they refuse."""
    made = make_container(database_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def target(container: Container, clock: Clock) -> Target:
    return Target(container, clock)


def test_no_form_link_or_address_finds_a_fault_of_ours(target: Target) -> None:
    found = send_requests(target, QUESTIONS, 120, 2, ask_anything)
    assert found.faults == []
    assert set(found.statuses) >= {200, 303, 403, 404, 405, 422}


def test_the_interface_answers_as_it_says_whatever_it_is_asked(target: Target) -> None:
    for name, cases in kinds_of_calls(target):
        found = send_requests(target, cases, 10, 2, ask_by_the_book)
        assert found.faults == [], name
        assert set(found.statuses) <= {200, 404, 422}, name


def test_a_fault_would_be_noticed(target: Target) -> None:
    @target.client.app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    counts = Counts()
    ask_anything(target, Question("GET", "/broken"), counts)
    assert counts.statuses == {500: 1}
    assert len(counts.faults) == 1
