"""A small storm of requests, the same every time; the one of twenty thousand is `python -m tests.web.fuzz`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.wiring import Parts
from tests.factories import Clock
from tests.web.conftest import make_parts
from tests.web.fuzz import Tally, ask_anything, ask_by_the_book, rain
from tests.web.fuzz_requests import QUESTIONS, Question, Scene, kinds_of_calls


@pytest.fixture
def parts(database_url: str, clock: Clock, tmp_path: Path) -> Iterator[Parts]:
    """An installation on each database: they differ in what they refuse."""
    made = make_parts(database_url, clock, tmp_path / "outbox")
    yield made
    made.close()


@pytest.fixture
def scene(parts: Parts, clock: Clock) -> Scene:
    return Scene(parts, clock)


def test_no_form_link_or_address_finds_a_fault_of_ours(scene: Scene) -> None:
    found = rain(scene, QUESTIONS, 120, 2, ask_anything)
    assert found.faults == []
    assert set(found.statuses) >= {200, 303, 403, 404, 405, 422}


def test_the_interface_answers_as_it_says_whatever_it_is_asked(scene: Scene) -> None:
    for name, cases in kinds_of_calls(scene):
        found = rain(scene, cases, 10, 2, ask_by_the_book)
        assert found.faults == [], name
        assert set(found.statuses) <= {200, 404, 422}, name


def test_a_fault_would_be_noticed(scene: Scene) -> None:
    @scene.visitor.app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    tally = Tally()
    ask_anything(scene, Question("GET", "/broken"), tally)
    assert tally.statuses == {500: 1}
    assert len(tally.faults) == 1
