"""Asks the summary service for the sentences of new papers: one call for a paper and day, within a budget.

Who asks writes the call down first, so that several processes, or a run after a crash, never ask twice for a paper on a
day. Where the service fails, mails show the best sentence of the abstract instead.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from digest.errors import DigestError, StopRun
from digest.store import summaries as store
from digest.store.database import Database
from digest.store.papers import StoredPaper

DAYS_BACK = 3
"""Papers announced in these days are asked for."""
TOGETHER = 8
"""Calls at once."""
MOST_FAILURES = 5
"""Failures in a row after which the service is left alone until the next run."""
LONGEST_RUN = timedelta(minutes=5)


class Summarizer(Protocol):
    """Writes one sentence about a paper."""

    def summary(self, title: str, abstract: str) -> str:
        """Return the sentence. Raises DigestError."""


@dataclass(slots=True)
class Summarized:
    """The result of one run."""

    asked: int = 0
    stored: int = 0
    error: str = ""
    """The last failure; empty if there was none."""


def summarize_new(
    database: Database,
    service: Summarizer,
    budget: int,
    clock: Callable[[], datetime],
    is_stopping: Callable[[], bool] = lambda: False,
) -> Summarized:
    """Ask for the papers of the last days that have no summary, those with most votes first, and store the answers.

    At most `budget` calls on a day (UTC), over all processes. Ends early when the service fails or time is over.
    """
    now = clock()
    with database.begin() as connection:
        papers = store.claim_calls(connection, now.date(), now.date() - timedelta(days=DAYS_BACK), budget)
    run = _Run(database, service, clock, now + LONGEST_RUN, is_stopping)
    if papers:
        with ThreadPoolExecutor(TOGETHER) as threads:
            list(threads.map(run.ask, papers))
    return run.result


class _Run:
    """The calls of one run, which threads share."""

    def __init__(
        self,
        database: Database,
        service: Summarizer,
        clock: Callable[[], datetime],
        until: datetime,
        is_stopping: Callable[[], bool],
    ) -> None:
        self.result = Summarized()
        self._database = database
        self._service = service
        self._clock = clock
        self._until = until
        self._is_stopping = is_stopping
        self._failures = 0
        self._lock = Lock()

    def ask(self, stored: StoredPaper) -> None:
        if self._is_over():
            # Not asked, so the claim is released.
            with self._database.begin() as connection:
                store.release_call(connection, stored.row_id)
            return
        try:
            sentence = self._service.summary(stored.paper.title, stored.paper.abstract)
        except DigestError as error:
            self._note(error)
            return
        with self._database.begin() as connection:
            store.save_summary(connection, stored.row_id, sentence)
        self._note(None)

    def _is_over(self) -> bool:
        return self._is_stopping() or self._failures >= MOST_FAILURES or self._clock() > self._until

    def _note(self, error: DigestError | None) -> None:
        with self._lock:
            self.result.asked += 1
            if error is None:
                self.result.stored += 1
                self._failures = 0
                return
            self.result.error = str(error)
            self._failures = MOST_FAILURES if isinstance(error, StopRun) else self._failures + 1
