"""The figures of old editions are counted once; they are the same before and after."""

from datetime import timedelta

from sqlalchemy import func, insert, select

from digest.domain.delivery import DeliveryStatus
from digest.store import deliveries as ledger
from digest.store.database import Database
from digest.store.models import deliveries, feedback, papers, picks, subscribers
from digest.store.overview import edition_figures, store_totals
from digest.store.retention_models import edition_totals
from tests.doctor.helpers import NOW, TODAY, a_paper, a_subscriber

DAYS = 31


def fill(database: Database) -> None:
    """Store three digests on two of three days: one sent and tapped, one failed, one skipped."""
    rows = []
    for back in range(45):
        if back % 3:
            for subscriber_id, status in enumerate(("sent", "failed", "skipped"), 1):
                due = NOW - timedelta(days=back, hours=5)
                rows.append(
                    {
                        "id": back * 10 + subscriber_id,
                        "subscriber_id": subscriber_id,
                        "kind": "digest",
                        "edition_on": TODAY - timedelta(days=back),
                        "status": status,
                        "due_at": due,
                        "settled_at": due + timedelta(seconds=back),
                    }
                )
    with database.begin() as connection:
        connection.execute(insert(subscribers), [a_subscriber(number) for number in (1, 2, 3)])
        connection.execute(insert(papers), [{**a_paper(TODAY), "id": 1}])
        connection.execute(insert(deliveries), rows)
        pick = {"subscriber_id": 1, "paper_row_id": 1, "delivery_id": 101, "card_id": 1, "position": 0}
        connection.execute(insert(picks), [{**pick, "section": "for_you", "score": 0.5, "reasons": {}}])
        given_at = NOW - timedelta(days=9)
        connection.execute(
            insert(feedback),
            [{"subscriber_id": 1, "paper_row_id": 1, "verdict": "more", "given_at": given_at}],
        )


def test_old_editions_are_counted_once_and_again_after_a_retry(database: Database) -> None:
    fill(database)
    with database.begin() as connection:
        counted = edition_figures(connection, TODAY, DAYS)
        assert sum(one.taps for one in counted) == 1
        assert store_totals(connection, TODAY) > 20
        assert store_totals(connection, TODAY) == 0
        assert edition_figures(connection, TODAY, DAYS) == counted
        newest = connection.execute(select(func.max(edition_totals.c.edition_on))).scalar_one()
        assert newest <= TODAY - timedelta(days=7)
    with database.begin() as connection:
        # A week later, the editions of this week are added.
        later = TODAY + timedelta(days=7)
        assert store_totals(connection, later) == len([one for one in counted if one.edition_on > newest])
        assert edition_figures(connection, TODAY, DAYS) == counted
    retried = TODAY - timedelta(days=20)
    with database.begin() as connection:
        assert ledger.retry_edition(connection, retried, DeliveryStatus.FAILED, "", NOW) == 1
        changed = {one.edition_on: one for one in edition_figures(connection, TODAY, DAYS)}
    assert (changed[retried].failed, changed[retried].open) == (0, 1)
    assert [one for one in counted if one.edition_on != retried] == [
        one for one in changed.values() if one.edition_on != retried
    ]
