"""Conditions about many rows find them by an index."""

from sqlalchemy import not_, select

from digest.store.conditions import one_of
from digest.store.database import Database
from digest.store.models import paper_terms, papers
from tests.factories import add_papers, make_papers


def test_sqlite_reads_an_index_and_not_the_whole_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    add_papers(database, *make_papers(3))
    with database.read() as connection:
        for query in (
            select(papers.c.id).where(one_of(papers.c.paper_id, ["2603.00001", "2603.00002"])),
            select(paper_terms.c.counts).where(one_of(paper_terms.c.paper_row_id, [1, 2])),
        ):
            assert len(connection.execute(query).all()) == 2
            written = str(query.compile(connection)).replace("?", "'[]'")
            plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {written}")]
            assert not [step for step in plan if step.startswith("SCAN paper")], plan
    database.close()


def test_the_condition_can_be_negated_and_combined(database: Database) -> None:
    add_papers(database, *make_papers(3))
    with database.read() as connection:
        known = one_of(papers.c.paper_id, ["2603.00001", "2603.00002"])
        others = select(papers.c.paper_id).where(not_(known))
        assert connection.execute(others).scalars().all() == ["2603.00003"]
        both = select(papers.c.paper_id).where(known, papers.c.paper_id != "2603.00001")
        assert connection.execute(both).scalars().all() == ["2603.00002"]
