"""A subscriber's library: stored papers are liked, the others teach by their texts until they arrive."""

import json
from pathlib import Path

import pytest

from digest.domain.subscriber import Subscriber, Verdict
from digest.errors import BadInput
from digest.store import feedback as feedback_store
from digest.store import library_papers as store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.pending_feedback import read_pending
from digest.subscribers.import_export import export_lines, import_subscribers
from digest.subscribers.library import LibraryReport, add_library, remove_library
from digest.subscribers.library_files.read import read_library
from digest.subscribers.pending_feedback import apply_arrived
from digest.subscribers.preferences import remove
from digest.subscribers.privacy import personal_data
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import (
    MONDAY,
    SECRET,
    TUESDAY,
    add_papers,
    add_subscriber,
    at,
    make_paper,
    make_papers,
    subscriber_now,
)


@pytest.fixture
def builder() -> ProfileBuilder:
    """Return a builder for this test: it caches the reference corpus of its database."""
    return ProfileBuilder()


@pytest.fixture
def ada(database: Database) -> Subscriber:
    add_papers(database, *make_papers(12))
    return add_subscriber(database)


def ris(*papers: tuple[str, str]) -> str:
    return "".join(f"TY  - JOUR\nTI  - {title}\nAB  - {abstract}\nER  - \n" for title, abstract in papers)


def kept(database: Database, subscriber: Subscriber) -> list[store.LibraryPaper]:
    with database.read() as connection:
        return store.read_library(connection, [subscriber.id]).get(subscriber.id, [])


def verdicts(database: Database, subscriber: Subscriber) -> list[tuple[int, Verdict]]:
    with database.read() as connection:
        return feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])


def profile(database: Database, subscriber: Subscriber) -> bytes | None:
    with database.read() as connection:
        found = term_store.read_profiles(connection, [subscriber.id]).get(subscriber.id)
    return found.to_bytes() if found else None


def add(database: Database, builder: ProfileBuilder, subscriber: Subscriber, text: str) -> LibraryReport:
    return add_library(database, builder, subscriber, read_library(text), at(MONDAY))


def test_stored_papers_are_liked_and_the_others_teach(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    stored, new = make_papers(12)[2], make_paper(42)
    report = add(
        database, builder, ada, ris((stored.title, ""), (new.title, new.abstract)) + "TY  - X\nER  - \n"
    )
    assert (report.entries, report.understood, report.known, report.learned) == (3, 2, 1, 1)
    assert report.sentence.startswith(
        "2 of 3 understood: 1 known paper, 1 learned from its title; not understood: "
    )
    assert [verdict for _, verdict in verdicts(database, ada)] == ["more"]
    assert [(one.title, one.abstract, one.source) for one in kept(database, ada)] == [
        (new.title, new.abstract, "RIS")
    ]


def test_a_library_of_unknown_papers_makes_a_profile(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    assert profile(database, ada) is None
    add(database, builder, ada, ris((make_paper(42).title, "")))
    assert profile(database, ada) is not None
    assert remove_library(database, builder, ada, at(MONDAY)) == 1
    assert profile(database, ada) is None


def test_a_whole_unknown_paper_teaches_what_a_liked_one_does(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    paper = make_paper(42)
    add(database, builder, ada, ris((paper.title, paper.abstract)))
    learned = profile(database, ada)
    bob = add_subscriber(database, "bob@example.org")
    with database.begin() as connection:
        built = builder.build(connection, [], [], [(paper.title, paper.abstract)])
    assert built.to_bytes() == learned
    assert profile(database, bob) is None


def test_adding_a_library_again_changes_nothing(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    text = ris((make_papers(12)[2].title, ""), (make_paper(42).title, ""))
    add(database, builder, ada, text)
    before = kept(database, ada), verdicts(database, ada), profile(database, ada)
    add(database, builder, ada, text)
    assert (kept(database, ada), verdicts(database, ada), profile(database, ada)) == before


def test_a_paper_that_was_disliked_stays_disliked(database: Database, builder: ProfileBuilder) -> None:
    add_papers(database, *make_papers(12))
    ada = add_subscriber(database, dislikes=("2603.00003",))
    add(database, builder, ada, "2603.00003")
    assert [verdict for _, verdict in verdicts(database, ada)] == ["less"]


def test_a_library_paper_that_arrives_is_liked_and_kept_once(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    paper, other = make_paper(42), make_paper(43)
    bibtex = f"@misc{{a, title={{A Working Title of It}}, eprint={{{other.id}}}}}"
    add(database, builder, ada, ris((paper.title, paper.abstract)))
    add(database, builder, ada, bibtex)
    with database.read() as connection:
        assert read_pending(connection, [ada.id]) == {ada.id: [(other.id, "more")]}
    assert apply_arrived(database, builder, at(TUESDAY)) == 0
    add_papers(database, paper, other)
    assert apply_arrived(database, builder, at(TUESDAY)) == 2
    assert [verdict for _, verdict in verdicts(database, ada)] == ["more", "more"]
    assert kept(database, ada) == []
    assert apply_arrived(database, builder, at(TUESDAY)) == 0
    bob = add_subscriber(database, "bob@example.org", likes=(paper.id, other.id), builder=builder)
    assert profile(database, bob) is not None


def test_two_arxiv_ids_of_one_title_are_two_papers(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    report = add(
        database, builder, ada, f"@misc{{a, title={{{make_papers(12)[2].title}}}, eprint={{1706.03762}}}}"
    )
    assert (report.known, report.learned) == (0, 1)


def test_a_doi_alone_waits_for_its_paper(
    database: Database, builder: ProfileBuilder, ada: Subscriber
) -> None:
    report = add(database, builder, ada, "https://doi.org/10.1000/XYZ")
    assert report.sentence == "1 of 1 understood: 1 that will count when it arrives."
    assert [(one.key, one.doi, one.title) for one in kept(database, ada)] == [
        ("10.1000/xyz", "10.1000/xyz", "")
    ]
    assert profile(database, ada) is None


@pytest.mark.parametrize(("text", "said"), [("", "No paper was found"), ("dear diary", "No paper was under")])
def test_a_text_without_papers_is_refused(
    database: Database, builder: ProfileBuilder, ada: Subscriber, text: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        add(database, builder, ada, text)


def test_the_library_of_a_subscriber_is_limited(
    database: Database, builder: ProfileBuilder, ada: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_PAPERS", 3)
    add(database, builder, ada, ris(*((f"Title number {word}", "") for word in ("one", "two", "six", "ten"))))
    assert len(kept(database, ada)) == 3


def test_a_library_is_shown_exported_and_erased(
    database: Database, builder: ProfileBuilder, ada: Subscriber, tmp_path: Path
) -> None:
    add(database, builder, ada, "@misc{a, title={One New Title}, doi={10.1000/a}, abstract={New words.}}")
    with database.read() as connection:
        (shown,) = personal_data(connection, ada.address)["library"]
    assert shown == {
        "id": "10.1000/a", "title": "One New Title", "abstract": "New words.", "source": "BibTeX",
    }  # fmt: skip
    (line,) = export_lines(database)
    before = kept(database, ada), profile(database, ada)
    remove(database, SECRET, ada.address, at(MONDAY))
    with database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from library_papers").scalar() == 0
    file = tmp_path / "subscribers.jsonl"
    file.write_text(line)
    list(import_subscribers(database, builder, SECRET, file, at(MONDAY), confirmed=True))
    back = subscriber_now(database, ada.address)
    assert (kept(database, back), profile(database, back)) == before
    assert json.loads(line)["library"][0]["title"] == "One New Title"
