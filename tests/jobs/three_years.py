"""Simulates years of an installation, day by day, with the queries of the product.

    python -m tests.jobs.three_years --subscribers 2000 --days 1095

Each day every subscriber receives ten papers: recent ones and some from all years, none that they have received
before. Then the retention runs. The program fails when a paper reaches a subscriber twice, when a list is not what was
sent, or when a count is lost. It prints the size of the tables
and the processor time of each part, and draws no conclusion.
"""

import argparse
import gc
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, insert, select, update

from digest.bench.database import scratch_database
from digest.domain.delivery import Kind, Section
from digest.domain.paper import Popularity
from digest.domain.pick import Card, Pick, PickReason
from digest.domain.retention import Retention
from digest.jobs import cleanup
from digest.jobs.cleanup import delete_old
from digest.store import deliveries as ledger
from digest.store import papers as paper_store
from digest.store import picks as pick_store
from digest.store.database import Database
from digest.store.delivery_reports import count_deliveries
from digest.store.models import cards, deliveries, papers, picks, popularity, subscribers
from digest.store.picks import Composition
from digest.store.retention_models import delivery_counts, received_papers

FIRST_DAY = date(2026, 1, 1)
PER_MAIL = 10
WINDOW_DAYS = 14
SHOWN = (deliveries, picks, cards, popularity, received_papers, delivery_counts, papers)
REASON = PickReason(
    interest="gaussian splatting", terms=tuple((f"term {number}", 0.125 * number) for number in range(1, 5))
)
CONTENTS = {"kind": "digest", "imprint": {"sender": "Papers <papers@example.org>", "list": "x" * 200}}


@dataclass
class Simulation:
    """One installation."""

    database: Database
    subscribers: int
    papers_a_day: int
    retention: Retention
    sent: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    rng: random.Random = field(default_factory=lambda: random.Random(5))
    row_ids: list[int] = field(default_factory=list)

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        # The time of the processor: the machine may have other work.
        began = time.process_time()
        yield
        self.seconds[part] += time.process_time() - began

    def subscribe(self) -> list[int]:
        rows = [
            {
                "id": number,
                "key": f"key{number}",
                "address": f"r{number}@example.org",
                "address_key": f"r{number}@example.org",
                "status": "active",
                "timezone": "UTC",
                "hour": 7,
                "frequency": "daily",
                "max_papers": PER_MAIL,
                "created_at": datetime(2026, 1, 1, tzinfo=UTC),
            }
            for number in range(1, self.subscribers + 1)
        ]
        with self.database.begin() as connection:
            connection.execute(insert(subscribers), rows)
        return [row["id"] for row in rows]  # type: ignore[misc]

    def live(self, day: date) -> None:
        """Do everything of one day."""
        now = datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
        with self.timed("papers"):
            self.announce(day, now)
        window = self.row_ids[-WINDOW_DAYS * self.papers_a_day :]
        # Every ten days, papers of earlier years come up again, as with a feed that repeats itself.
        repeated = [] if day.toordinal() % 10 else self.rng.sample(self.row_ids, min(10, len(self.row_ids)))
        candidates = sorted({*window, *repeated})
        with self.timed("received"), self.database.read() as connection:
            received = pick_store.received(connection, range(1, self.subscribers + 1), candidates[0])
        with self.timed("send"):
            self.send(day, now, candidates, received)
        with self.timed("retention"):
            delete_old(self.database, self.retention, now + timedelta(hours=2))

    def announce(self, day: date, now: datetime) -> None:
        first = len(self.row_ids) + 1
        rows = [
            {
                "id": number,
                "paper_id": f"x.{number:09}",
                "title_id": f"title:{number}",
                "title": f"Paper {number}",
                "abstract": "",
                "authors": [],
                "categories": [],
                "announced_on": day,
                "announced_guessed": False,
                "withdrawn": False,
                "links": {},
                "raw_title": "",
                "raw_abstract": "",
                "first_seen_at": now,
                "updated_at": now,
            }
            for number in range(first, first + self.papers_a_day)
        ]
        with self.database.begin() as connection:
            connection.execute(insert(papers), rows)
            self.row_ids += range(first, first + self.papers_a_day)
            recent = self.row_ids[-3 * self.papers_a_day :]
            paper_store.save_popularity(
                connection,
                [
                    (row_id, Popularity(now - timedelta(hours=3 * step), step))
                    for row_id in recent
                    for step in range(8)
                ],
            )

    def send(self, day: date, now: datetime, candidates: list[int], received: dict[int, set[int]]) -> None:
        shown = {
            row_id: Card(f"x.{row_id:09}", f"Paper {row_id}", (), f"{day}" * 20, (), day, "https://arxiv.org")
            for row_id in candidates
        }
        new = [ledger.NewDelivery(number, day, now) for number in range(1, self.subscribers + 1)]
        for start in range(0, len(new), 500):
            batch = new[start : start + 500]
            with self.database.begin() as connection:
                ledger.plan(connection, Kind.DIGEST, batch)
                claimed = ledger.claim(connection, now, timedelta(minutes=15), 500)
                pick_store.save_compositions(
                    connection,
                    [self.compose(one.id, one.subscriber_id, now, shown, received) for one in claimed],
                )
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id.in_([one.id for one in claimed]))
                    .values(status="sent", settled_at=now, next_try_at=None, smtp_answer="250 ok")
                )

    def compose(
        self,
        delivery_id: int,
        subscriber_id: int,
        now: datetime,
        shown: dict[int, Card],
        received: dict[int, set[int]],
    ) -> Composition:
        known = received.get(subscriber_id, set())
        fresh = [row_id for row_id in shown if row_id not in known]
        chosen = self.rng.sample(fresh, min(PER_MAIL, len(fresh)))
        twice = self.sent[subscriber_id].intersection(chosen)
        if twice:
            raise SystemExit(f"subscriber {subscriber_id} receives {twice} twice, on {now:%Y-%m-%d}")
        self.sent[subscriber_id].update(chosen)
        chosen_picks = [
            Pick(row_id, shown[row_id], f"{row_id}-{now:%Y%m%d}", Section.FOR_YOU, 0.5, REASON)
            for row_id in chosen
        ]
        contents = {**CONTENTS, "composed_at": now.isoformat()}
        return Composition(
            delivery_id, subscriber_id, contents, f"<{delivery_id}@example.org>", None, None, chosen_picks
        )

    def sizes(self) -> dict[str, int]:
        with self.database.read() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in SHOWN
            }

    def check(self, days: int) -> None:
        """Fail when what is stored is not what was sent."""
        with self.database.read() as connection:
            stored = pick_store.received(connection, list(self.sent), 0)
            counted = sum(row[4] for row in count_deliveries(connection, FIRST_DAY))
        if stored != dict(self.sent):
            raise SystemExit("the papers that count as received are not those that were sent")
        if counted != days * self.subscribers:
            raise SystemExit(f"{counted:,} deliveries are counted of {days * self.subscribers:,}")


def database_bytes(database: Database) -> int:
    """Return the size of the database, without the free pages of SQLite."""
    sizes = {
        "sqlite": "SELECT (page_count - freelist_count) * page_size "
        "FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    with database.read() as connection:
        size: int = connection.exec_driver_sql(sizes[connection.dialect.name]).scalar_one()
    return size


def simulate(url: str, count: int, days: int, papers_a_day: int, every: int, retention: Retention) -> None:
    """Run the simulation; print a line of JSON every so many days."""
    database = Database(url)
    simulation = Simulation(database, count, papers_a_day, retention)
    simulation.subscribe()
    for number in range(days):
        simulation.live(FIRST_DAY + timedelta(days=number))
        if (number + 1) % every == 0 or number + 1 == days:
            part = every if (number + 1) % every == 0 else (number + 1) % every
            seconds = {name: round(value / part, 3) for name, value in simulation.seconds.items()}
            simulation.seconds.clear()
            line = {
                "day": number + 1,
                "cpu_seconds_a_day": seconds,
                "mb": round(database_bytes(database) / 1e6, 1),
                "rows": simulation.sizes(),
            }
            print(json.dumps(line), flush=True)  # noqa: T201 - a script
    simulation.check(days)
    database.close()


def small(database: Database, days: int, retention: Retention) -> list[dict[str, int]]:
    """Simulate four subscribers; return the sizes of the tables after each day. Fails as the program does."""
    simulation = Simulation(database, 4, 12, retention)
    simulation.subscribe()
    found = []
    for number in range(days):
        simulation.live(FIRST_DAY + timedelta(days=number))
        found.append(simulation.sizes())
    simulation.check(days)
    return found


def main() -> None:
    """Read the command line and simulate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscribers", type=int, default=2000)
    parser.add_argument("--days", type=int, default=1095)
    parser.add_argument("--papers", type=int, default=30, help="new papers a day")
    parser.add_argument("--every", type=int, default=73, help="days between two lines of output")
    parser.add_argument(
        "--database-url", help="a PostgreSQL server; without it, SQLite in a temporary folder"
    )
    options = parser.parse_args()
    # The collector would visit each of the millions of ids in `Simulation.sent` again and again, and more of them each day.
    gc.disable()
    # Nobody else waits for this database.
    cleanup._LONGEST_PAUSE_SECONDS = 0.0
    with tempfile.TemporaryDirectory() as folder, scratch_database(options.database_url, Path(folder)) as url:
        simulate(url, options.subscribers, options.days, options.papers, options.every, Retention())
    sys.stdout.write("No paper was sent twice; every delivery is counted.\n")


if __name__ == "__main__":
    main()
