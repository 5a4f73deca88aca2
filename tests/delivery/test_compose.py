"""Selection for a batch: a fixed number of queries, and the same picks as for each subscriber separately."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import event

from digest.delivery.compose import compose_batch
from digest.delivery.deliver import LEASE, Summary
from digest.delivery.plan import plan_due
from digest.delivery.preview import explain, preview
from digest.delivery.select_papers import Composer, Request, SelectionSettings
from digest.domain.subscriber import Subscriber
from digest.papers.identifiers import canonical_id
from digest.store import deliveries as ledger
from digest.store import delivery_reports
from digest.store import papers as paper_store
from digest.store.database import Database
from digest.subscribers.profiles import ProfileBuilder
from tests.factories import (
    IMPRINT,
    SUBJECTS,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    delivery_context,
    make_paper,
    make_papers,
    rebuilt,
    received_by,
    together,
)

TOPICS = ("gaussian splatting", "robot grasping", "speech recognition", "protein folding")


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Collect the statements that the database executes."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield asked
    event.remove(database.engine, "before_cursor_execute", note)


def varied(database: Database, count: int, name: str = "r") -> list[Subscriber]:
    builder = ProfileBuilder()
    return [
        add_subscriber(
            database,
            f"{name}{number}@example.org",
            builder=builder,
            topics=[TOPICS[number % 4]] if number % 5 == 0 else [],
            max_papers=1 + number % 12,
            mute=["cloth"] if number % 7 == 0 else [],
        )
        for number in range(count)
    ]


def statements_for(database: Database, subscribers: list[Subscriber]) -> int:
    plan_due(database, at(TUESDAY))
    with database.begin() as connection:
        work = ledger.claim(connection, at(TUESDAY), LEASE, 1000)
    assert len(work) == len(subscribers)
    with statements(database) as asked:
        ready = compose_batch(delivery_context(database), work, at(TUESDAY), Summary())
    assert len(ready) == len(subscribers)
    return len(asked)


def test_the_number_of_queries_does_not_depend_on_the_number_of_subscribers(database: Database) -> None:
    add_papers(database, *make_papers(60), upvotes=4)
    few = statements_for(database, varied(database, 20))
    many = statements_for(database, varied(database, 200, "many"))
    assert many <= few <= 32


def test_a_subscriber_gets_the_same_picks_alone_and_in_a_batch(database: Database) -> None:
    add_papers(database, *make_papers(60), upvotes=4)
    subscribers = varied(database, 30)
    requests = [Request(subscriber, TUESDAY) for subscriber in subscribers]
    with database.read() as connection:
        together = Composer(SelectionSettings()).select(connection, requests, at(TUESDAY))
        for selection in together:
            request = Request(selection.subscriber, TUESDAY)
            (alone,) = Composer(SelectionSettings()).select(connection, [request], at(TUESDAY))
            assert alone == selection
    assert Composer(SelectionSettings()).select(connection, [], at(TUESDAY)) == []


def test_rules_are_obeyed(database: Database) -> None:
    add_papers(
        database,
        *make_papers(24),
        make_paper(90, "robots", categories=("math.CO",)),
        make_paper(91, "robots", withdrawn=True),
        upvotes=5,
    )
    post = delivery_context(database)
    wanted = {
        "must": add_subscriber(database, "must@example.org", must=["splatting|protein"], max_papers=50),
        "mute": add_subscriber(database, "mute@example.org", mute=["splatting", "speech"], max_papers=50),
        "category": add_subscriber(database, "category@example.org", categories=["math"], max_papers=50),
        "follow": add_subscriber(database, "follow@example.org", follow=["A. Babababakox"], max_papers=2),
    }
    deliver_due(post, at(TUESDAY))
    got = {name: received_by(database, subscriber)[TUESDAY] for name, subscriber in wanted.items()}
    subject = {paper.id: name for name in SUBJECTS for paper in make_papers(1, subject=name)}
    assert subject
    names = list(SUBJECTS)
    assert {names[int(paper[5:]) % 4] for paper in got["must"]} == {"splats", "proteins"}
    assert {names[int(paper[5:]) % 4] for paper in got["mute"] if paper != "2603.00090"} == {
        "robots",
        "proteins",
    }
    assert got["category"] == ["2603.00090"]
    assert got["follow"][0] == "2603.00001"
    assert len(got["follow"]) == 2
    assert all("2603.00091" not in papers for papers in got.values())


def test_the_card_shows_the_votes_at_that_time(database: Database) -> None:
    add_papers(database, make_paper(1), now=at(TUESDAY, 6), upvotes=5)
    subscriber = add_subscriber(database)
    add_papers(database, make_paper(1), now=at(TUESDAY, 12), upvotes=50)
    deliver_due(delivery_context(database), at(TUESDAY))
    with database.read() as connection:
        row = delivery_reports.find(connection, subscriber_id=subscriber.id)[0]
    assert b"5 upvotes" in rebuilt(database, row.id)
    assert b"50 upvotes" not in rebuilt(database, row.id)


def test_a_composer_uses_papers_that_arrive_later(database: Database) -> None:
    add_papers(database, *make_papers(3))
    post = delivery_context(database)
    early = add_subscriber(database, "early@example.org")
    deliver_due(post, at(TUESDAY))
    add_papers(database, *make_papers(3, first=20), now=at(TUESDAY, 9))
    late = add_subscriber(database, "late@example.org")
    deliver_due(post, at(TUESDAY, 10))
    assert len(received_by(database, early)[TUESDAY]) == 3
    assert len(received_by(database, late)[TUESDAY]) == 6


def test_a_preview_of_a_past_day_uses_the_data_of_that_day(database: Database) -> None:
    add_papers(
        database, *make_papers(6), *make_papers(6, first=20, announced_on=WEDNESDAY), now=at(TUESDAY, 1)
    )
    subscriber = add_subscriber(database, topics=["gaussian splatting"], max_papers=4)
    post = delivery_context(database)
    deliver_due(post, at(TUESDAY))
    deliver_due(post, at(WEDNESDAY))
    received = received_by(database, subscriber)
    for day in (TUESDAY, WEDNESDAY):
        with database.read() as connection:
            seen = preview(connection, Composer(SelectionSettings()), subscriber, day, at(day))
        assert [pick.card.paper_id for pick in seen.picks] == received[day]


def test_a_subscriber_without_profile_gets_no_near_duplicates(database: Database) -> None:
    abstract = " ".join(f"{one}{other}zim" for one in "bdfgk" for other in ("alo", "emi", "ura", "ipo"))
    twins = [
        make_paper(number, title=title, abstract=abstract)
        for number, title in ((901, "A study of everything"), (902, "All, studied once more"))
    ]
    add_papers(database, *make_papers(30), upvotes=2)
    add_papers(database, *twins, upvotes=50)
    subscriber = add_subscriber(database)
    with database.read() as connection:
        selection = preview(connection, Composer(SelectionSettings()), subscriber, TUESDAY, at(TUESDAY))
    chosen = {pick.card.paper_id for pick in selection.picks}
    assert len(chosen) == 10
    assert len(chosen & {twin.id for twin in twins}) == 1


def test_threads_share_one_composer(database: Database) -> None:
    add_papers(database, *make_papers(40), upvotes=4)
    subscribers = varied(database, 12)
    composer = Composer(SelectionSettings())

    def chosen(one: Subscriber, by: Composer) -> list[str]:
        with database.read() as connection:
            selection = preview(connection, by, one, TUESDAY, at(TUESDAY))
        return [pick.card.paper_id for pick in selection.picks]

    at_once = together(*(partial(chosen, one, composer) for one in subscribers))
    assert at_once == [chosen(one, Composer(SelectionSettings())) for one in subscribers]


def test_an_explanation_names_score_reasons_and_obstacles(database: Database) -> None:
    add_papers(database, *make_papers(40), make_paper(90, "splats", withdrawn=True))
    subscriber = add_subscriber(
        database,
        topics=["gaussian splatting"],
        likes=["2603.00008"],
        must=["rooms"],
        mute=["cloth"],
        categories=["cs.CV"],
    )
    deliver_due(delivery_context(database), at(TUESDAY))
    with database.read() as connection:
        fits = explain(connection, SelectionSettings(), subscriber, "https://arxiv.org/abs/2603.00004v2")
        other = explain(connection, SelectionSettings(), subscriber, canonical_id("2603.00001"))
        gone = explain(connection, SelectionSettings(), subscriber, "2603.00090")
    assert fits.score > other.score
    assert fits.score >= fits.floor
    assert any("splat" in reason.term for reason in fits.reasons)
    assert fits.closest is not None
    assert (fits.obstacles, fits.received_on) == ((), TUESDAY)
    assert other.obstacles == ("it must mention 'rooms'", "it mentions the muted 'cloth'")
    assert other.received_on is None
    assert "it was withdrawn" in gone.obstacles


def test_a_pick_without_typed_words_names_the_marked_paper_it_is_like(database: Database) -> None:
    add_papers(database, *make_papers(40))
    subscriber = add_subscriber(database, likes=["2603.00008"])
    with database.read() as connection:
        picks = preview(connection, Composer(SelectionSettings()), subscriber, TUESDAY, at(TUESDAY)).picks
        title = paper_store.find_by_paper_ids(connection, ["2603.00008"])["2603.00008"].paper.title
    assert f"Like *{title}*, which you marked." in [pick.reason.line for pick in picks]


def test_a_digest_that_is_not_full_says_why_and_a_full_one_does_not(database: Database) -> None:
    add_papers(database, *make_papers(24))
    wants_many = add_subscriber(database, "many@example.org", topics=[TOPICS[0]], max_papers=50)
    wants_one = add_subscriber(database, "one@example.org", topics=[TOPICS[0]], max_papers=1)
    follows_nothing = add_subscriber(database, "none@example.org", max_papers=50)
    requests = [Request(one, TUESDAY) for one in (wants_many, wants_one, follows_nothing)]
    with database.read() as connection:
        found = Composer(SelectionSettings()).select(connection, requests, at(TUESDAY))
    notes = {one.subscriber.address: one.compose(IMPRINT, at(TUESDAY)).note for one in found}
    assert "of 24 new ones, no other fits" in notes["many@example.org"]
    assert notes["one@example.org"] == notes["none@example.org"] == ""
