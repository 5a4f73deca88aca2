"""Several sources in one installation: each is read for itself, and a subscriber of two fields gets both."""

from digest.domain.paper import FetchStatus
from digest.domain.subscriber import Subscriber
from digest.papers.fetch import Fetched, fetch
from digest.papers.search import trending_papers
from digest.store.database import Database
from tests.factories import add_subscriber, deliver_due, delivery_context, received_by
from tests.papers import journal_samples as journals
from tests.papers import samples
from tests.papers.feed_answers import NOW, TODAY, Make
from tests.papers.feed_server import FeedServer, Reply

COMPUTING = ("Gaussian splatting of rooms, part {}", "Gaussian splatting renders rooms from photographs, {}.")
BIOLOGY = (
    "Protein structures of gulls, part {}",
    "Protein folding predicts the structures of proteins of gulls, {}.",
)
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven")


def serve_two_fields(feeds: FeedServer) -> None:
    """Serve computer science with votes, biology without, and a broken index of journals."""
    atom = [
        samples.atom_entry(
            f"2603.0000{number}", title=COMPUTING[0].format(word), abstract=COMPUTING[1].format(word)
        )
        for number, word in enumerate(WORDS)
    ]
    feeds.serve("/atom/cs.AI+cs.CV", Reply(samples.atom_feed(*atom).encode()))
    voted = [
        samples.daily_item(
            f"2603.0000{number}",
            title=COMPUTING[0].format(word),
            summary=COMPUTING[1].format(word),
            upvotes=9,
        )
        for number, word in enumerate(WORDS)
    ]
    feeds.serve("/api/daily_papers", Reply(samples.daily_page(*voted)))
    posted = [
        journals.biorxiv_record(
            f"2026.03.03.12345{number}",
            title=BIOLOGY[0].format(word),
            abstract=BIOLOGY[1].format(word),
            category="biochemistry",
        )
        for number, word in enumerate(WORDS)
    ]
    feeds.serve("/details/biorxiv/2026-03-04/2026-03-04/0/json", Reply(journals.biorxiv_page(*posted)))
    feeds.serve("/works", Reply(b'{"results": [{"id"', headers={"Content-Type": "application/json"}))


def read_all(database: Database, make: Make) -> dict[str, Fetched]:
    names = ("openalex", "rss:gulls", "arxiv", "biorxiv", "huggingface")
    return {name: fetch(database, make(name), TODAY, lambda: NOW) for name in names}


def fields_of(database: Database, subscriber: Subscriber) -> set[str]:
    (received,) = received_by(database, subscriber).values()
    return {"biology" if paper_id.startswith("10.") else "computing" for paper_id in received}


def test_a_broken_source_costs_only_itself(database: Database, feeds: FeedServer, make: Make) -> None:
    serve_two_fields(feeds)
    done = read_all(database, make)
    assert {name: one.status for name, one in done.items()} == {
        "openalex": FetchStatus.FAILED,
        "rss:gulls": FetchStatus.FAILED,
        "arxiv": FetchStatus.COMPLETE,
        "biorxiv": FetchStatus.COMPLETE,
        "huggingface": FetchStatus.COMPLETE,
    }
    assert done["openalex"].error.startswith("openalex: ")


def test_a_subscriber_of_two_fields_gets_both(database: Database, feeds: FeedServer, make: Make) -> None:
    serve_two_fields(feeds)
    read_all(database, make)
    expected = {
        ("gaussian splatting", "protein folding"): {"biology", "computing"},
        # The votes are in another field, so they take no places.
        ("protein folding",): {"biology"},
        (): {"computing"},
    }
    subscribers = {
        topics: add_subscriber(database, f"{len(topics)}@example.org", topics=topics, max_papers=8)
        for topics in expected
    }
    assert deliver_due(delivery_context(database), NOW).sent == 3
    assert {topics: fields_of(database, one) for topics, one in subscribers.items()} == expected


def test_a_source_can_be_the_only_category(database: Database, feeds: FeedServer, make: Make) -> None:
    serve_two_fields(feeds)
    read_all(database, make)
    subscribers = [
        add_subscriber(database, f"{number}@example.org", categories=(category,))
        for number, category in enumerate(("biorxiv", "biorxiv:biochemistry", "cs"))
    ]
    assert deliver_due(delivery_context(database), NOW).sent == 3
    assert [fields_of(database, one) for one in subscribers] == [{"biology"}, {"biology"}, {"computing"}]
    with database.read() as connection:
        listed = trending_papers(connection, NOW, None, "biorxiv", 100)
    assert len(listed) == len(WORDS)
