"""Fetches papers that were rated on the command line and are not stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from digest.cli import output

if TYPE_CHECKING:
    from digest.domain.subscriber import Subscriber
    from digest.wiring import Container


@dataclass(frozen=True, slots=True)
class Marked:
    """The result for rated papers that were not stored."""

    fetched: dict[str, str]
    """Titles by canonical id."""
    pending: list[str]
    """Ids of papers that could not be fetched."""
    error: str = ""


def fetch_marked(container: "Container", subscriber: "Subscriber", rated: list[str]) -> Marked:
    """Fetch the papers of `rated` that are not stored. One attempt, as the user waits for it."""
    from digest.papers.identifiers import canonical_id
    from digest.store.papers import find_by_paper_ids
    from digest.store.pending_feedback import read_pending
    from digest.subscribers.pending_feedback import fetch_pending

    ids = {canonical_id(one) for one in rated}
    with container.database.read() as connection:
        before = [one for one, _ in read_pending(connection, [subscriber.id]).get(subscriber.id, [])]
    missing = [one for one in before if one in ids]
    by_id = container.papers_by_id(is_watched=True)
    error = ""
    if missing and by_id is not None:
        error = fetch_pending(container.database, by_id, container.profiles, container.clock(), missing).error
    with container.database.read() as connection:
        stored = find_by_paper_ids(connection, missing)
    fetched = {one: stored[one].paper.title for one in missing if one in stored}
    return Marked(fetched, [one for one in missing if one not in stored], error)


def report_marked(marks: Marked, *, json_output: bool) -> None:
    """Print which papers were fetched, and warn about those that could not be."""
    if not json_output:
        for paper_id, title in marks.fetched.items():
            output.say(f"{paper_id} was fetched: {title}")
    if marks.pending:
        why = (
            f"could not be fetched ({marks.error.removesuffix('; try again later.').rstrip('.')})"
            if marks.error
            else "is not stored"
        )
        output.warn(f"{', '.join(marks.pending)} {why}; the rating counts as soon as it arrives.")
