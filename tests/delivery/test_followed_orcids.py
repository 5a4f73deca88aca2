"""Authors followed by ORCID iD: whose papers come, the mail, and what is stored."""

from email import message_from_bytes, policy
from typing import Any

import pytest

from digest.delivery.preview import read_mail
from digest.domain.paper import FeedItem
from digest.papers.ingest import ingest
from digest.ranking.matching import with_seen_names
from digest.store.author_orcids import orcids_of, seen_names
from digest.store.database import Database
from digest.store.papers import row_ids_of
from tests.factories import (
    MONDAY,
    TUESDAY,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_paper,
    one_delivery,
    rebuilt,
)

ADA = "0000-0002-1825-0097"
OTHER = "0000-0002-1694-233X"
PUBLISHED = "10.1000/gulls.1"


def by(number: int, *authors: str, orcids: dict[str, str] | None = None, **changes: Any) -> FeedItem:
    """Return an item by these authors; `orcids` has names by iD, as the source prints them."""
    named = tuple((name, orcid) for orcid, name in (orcids or {}).items())
    return FeedItem(make_paper(number, authors=authors, **changes), author_orcids=named)


def take(database: Database, *items: FeedItem) -> None:
    result = ingest(database, items, at(MONDAY, 1))
    assert not result.rejected


def followed(database: Database, *follow: str) -> tuple[dict[str, str], bytes]:
    """Return the papers that a digest has because of followed authors with the printed names, and the mail."""
    subscriber = add_subscriber(database, follow=list(follow))
    assert deliver_due(delivery_context(database), at(TUESDAY)).sent == 1
    delivery = one_delivery(database, subscriber)
    with database.read() as connection:
        picks = read_mail(connection, delivery.id).picks
    found = {pick.card.paper_id: pick.reason.author for pick in picks if pick.reason.author}
    return found, rebuilt(database, delivery.id)


def test_an_orcid_finds_papers_that_carry_it_and_names_where_there_is_none(database: Database) -> None:
    take(
        database,
        by(1, "A. Fern", "Bo Li", orcids={ADA: "Ada Fern"}),
        by(2, "Cy Dee", "Ada Fern"),
        by(3, "Ada Fern", orcids={OTHER: "Ada Fern"}),
        by(4, "Ada Reed", orcids={ADA: "Ada Reed"}),
        by(5, "Jo Reed"),
    )
    found, mail = followed(database, f"https://orcid.org/{ADA}")
    assert found == {"2603.00001": "A. Fern", "2603.00002": "Ada Fern", "2603.00004": "Ada Reed"}
    message = message_from_bytes(mail, policy=policy.default)
    html, text = (part.get_content() for kind in ("html", "plain") if (part := message.get_body((kind,))))
    assert "<b>A. Fern</b>, Bo Li" in html
    assert "By A. Fern, whom you follow" in text


def test_an_orcid_that_no_paper_has_finds_nothing(database: Database) -> None:
    take(database, by(1, "Ada Fern"))
    assert followed(database, ADA)[0] == {}


def test_a_name_beside_the_orcid_counts_before_any_paper_has_it(database: Database) -> None:
    take(database, by(1, "Ada Fern"), by(2, "Ada Fern", orcids={OTHER: "Ada Fern"}))
    assert followed(database, f"{ADA} | Ada Fern")[0] == {"2603.00001": "Ada Fern"}


def test_two_authors_of_one_name_are_told_apart(database: Database) -> None:
    take(database, by(1, "Wei Wang", "Wei Wang", orcids={ADA: "Wei Wang", OTHER: "Wei Wang"}))
    assert followed(database, OTHER)[0] == {"2603.00001": "Wei Wang"}


def orcids_stored(database: Database, paper_id: str) -> list[tuple[str, str]]:
    with database.read() as connection:
        row_id = row_ids_of(connection, [paper_id])[paper_id]
        return orcids_of(connection, [row_id]).get(row_id, [])


def test_the_newest_answer_of_a_source_counts(database: Database) -> None:
    take(database, by(1, "Ada Fern", "Bo Li", orcids={ADA: "Ada Fern", OTHER: "Bo Li"}))
    take(database, by(1, "Ada Fern", "Bo Li"))
    assert orcids_stored(database, "2603.00001") == [("Bo Li", OTHER), ("Ada Fern", ADA)]
    take(database, by(1, "Ada Fern", "Bo Li", orcids={ADA: "A. Fern"}))
    assert orcids_stored(database, "2603.00001") == [("A. Fern", ADA)]


def test_two_papers_that_become_one_have_the_orcids_of_both(database: Database) -> None:
    title = "Counting gulls with one camera"
    take(database, by(1, "Ada Fern", "Bo Li", title=title, orcids={ADA: "Ada Fern"}))
    journal = by(2, "Ada Fern", "Bo Li", paper_id=PUBLISHED, title=f"{title} again", orcids={OTHER: "Bo Li"})
    take(database, journal)
    linked = FeedItem(make_paper(1, authors=("Ada Fern", "Bo Li"), title=title), other_ids=(PUBLISHED,))
    take(database, linked)
    assert orcids_stored(database, "2603.00001") == [("Bo Li", OTHER), ("Ada Fern", ADA)]


def test_names_are_counted_by_papers(database: Database) -> None:
    names = ["Ada Fern", "Ada Fern", "A. Fern"]
    take(database, *(by(number, name, orcids={ADA: name}) for number, name in enumerate(names, 1)))
    with database.read() as connection:
        assert seen_names(connection, [ADA, OTHER]) == {ADA: {"Ada Fern": 2, "A. Fern": 1}}
        assert seen_names(connection, []) == {}


@pytest.mark.parametrize(
    ("counts", "names"),
    [
        ({}, ""),
        ({"Ada Fern": 2, "A. Fern": 9}, "|Ada Fern"),
        ({"Ada Fern": 2, "Ada M. Fern": 1, "Ada Reed": 1}, "|Ada M. Fern|Ada Reed"),
        ({"Ada Fern": 10, "Bo Li": 1}, "|Ada Fern"),
        ({"Fern|Ada": 1, "...": 1}, "|Fern Ada"),
    ],
)
def test_names_of_an_orcid_without_short_forms_and_mistakes(counts: dict[str, int], names: str) -> None:
    assert with_seen_names(ADA, {ADA: counts}) == f"{ADA}{names}"
    assert with_seen_names("Ada Fern", {ADA: counts}) == "Ada Fern"
