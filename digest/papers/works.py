"""Which feed items and stored papers are one work, and merging them into one paper.

Two are one work if one names an id of the other, or if their titles are equal after normalising and their first
authors can be one person. A title alone is enough where one of them is known only by its title.
"""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digest.domain.categories import field_of
from digest.domain.paper import FeedItem, Paper, Popularity
from digest.papers.identifiers import (
    id_month,
    is_title_id,
    may_be_same_work,
    normalised_title,
    preferred_id,
    title_id,
)
from digest.ranking.matching import name_parts, same_author
from digest.store import papers as paper_store
from digest.store.database import Connection
from digest.store.papers import StoredPaper
from digest.store.same_works import ids_of_rows

_TELLING_TITLE = 20
"""Bytes of a normalised title from which it tells works apart: "Editorial" and "Introduction" do not."""
_OWN_RECORDS = frozenset({"biorxiv", "medrxiv"})
"""Sources beside arXiv whose records replace the text of their own papers."""


@dataclass(slots=True, eq=False)
class Work:
    """One work of a chunk, before (None: not stored) and after the update."""

    before: StoredPaper | None
    after: StoredPaper
    ids: dict[str, None]
    """All ids, in the order in which they became known."""
    snapshots: list[Popularity] = field(default_factory=list)
    absorbed_row_ids: list[int] = field(default_factory=list)
    """Further stored rows that turned out to be this work."""
    author_orcids: tuple[tuple[str, str], ...] = ()
    """Names of authors with their ORCID iDs, as the last item that has any gives them."""

    @property
    def is_changed(self) -> bool:
        """Whether the stored row must be updated."""
        return self.before is not None and self.before != self.after

    @property
    def alternative_ids(self) -> list[str]:
        """The ids beside the one of its row."""
        return [one for one in self.ids if one != self.after.paper.id]


def match_works(connection: Connection, chunk: list[FeedItem], now: datetime) -> list[Work]:
    """Match each feed item with its stored paper, and with the other items of the same work."""
    ids = {one for item in chunk for one in (item.paper.id, *item.other_ids)}
    known = paper_store.find_known(connection, ids, {title_id(item.paper.title) for item in chunk})
    others = ids_of_rows(connection, [stored.row_id for stored in known])
    works = _Works()
    for stored in known:
        all_ids = dict.fromkeys([stored.paper.id, *others.get(stored.row_id, ())])
        works.register(Work(before=stored, after=stored, ids=all_ids))
    matched: dict[int, Work] = {}
    for item in chunk:
        same = works.find(item)
        kept = _kept(same)
        if kept is None:
            kept = Work(None, new_stored_paper(item.paper, now), {item.paper.id: None})
        else:
            for other in same:
                if other is not kept and _is_possible(kept.ids, other.ids):
                    _absorb(kept, other)
                    matched.pop(id(other), None)
            kept.after = merge(kept.after, item.paper)
        kept.ids |= dict.fromkeys([item.paper.id, *works.unclaimed(item.other_ids, kept)])
        works.register(kept)
        matched[id(kept)] = kept
        if item.popularity is not None:
            kept.snapshots.append(item.popularity)
        kept.author_orcids = item.author_orcids or kept.author_orcids
    return list(matched.values())


class _Works:
    """The works of a chunk by their ids and titles."""

    def __init__(self) -> None:
        self._by_id: dict[str, Work] = {}
        self._by_title: defaultdict[str, dict[int, Work]] = defaultdict(dict)

    def register(self, work: Work) -> None:
        """Make a work known under all its ids and its title."""
        for one in work.ids:
            self._by_id[one] = work
        self._by_title[work.after.title_id][id(work)] = work

    def find(self, item: FeedItem) -> list[Work]:
        """Return the works that an item belongs to, each once; more than one if it tells that they are one work."""
        paper = item.paper
        own = self._by_id.get(paper.id)
        named = [work for one in item.other_ids if (work := self._by_id.get(one)) is not None]
        alike = [
            work
            # An absorbed work stays under its title.
            for work in self._by_title[title_id(paper.title)].values()
            if self._by_id[next(iter(work.ids))] is work and _has_same_title(paper, work.after.paper)
        ]
        own_ids = own.ids if own is not None else [paper.id, *item.other_ids]
        possible = [work for work in (*named, *alike) if work is own or _is_possible(own_ids, work.ids)]
        found = [own, *possible] if own is not None else possible
        return list({id(work): work for work in found}.values())

    def unclaimed(self, ids: Iterable[str], work: Work) -> list[str]:
        """Return those of these ids that `work` can have, and that no other work has."""
        return [one for one in ids if self._by_id.get(one, work) is work and _is_possible([one], work.ids)]


def _is_possible(some_ids: Iterable[str], ids: Iterable[str]) -> bool:
    return all(may_be_same_work(one, other) for one in some_ids for other in ids)


def _has_same_title(paper: Paper, other: Paper) -> bool:
    """Whether papers of equal titles are one work."""
    if is_title_id(paper.id) or is_title_id(other.id):
        return True
    if len(normalised_title(paper.title).encode()) < _TELLING_TITLE or not (paper.authors and other.authors):
        return False
    return same_author(name_parts(paper.authors[0]), name_parts(other.authors[0]))


def _kept(works: list[Work]) -> Work | None:
    """Return the work that the others are merged into: a stored one before a new one, the one with the preferred id."""
    stored = [work for work in works if work.before is not None] or works
    best = preferred_id([work.after.paper.id for work in stored]) if stored else ""
    return next((work for work in stored if work.after.paper.id == best), None)


def _absorb(kept: Work, other: Work) -> None:
    kept.after = merge(kept.after, other.after.paper)
    kept.ids |= other.ids
    kept.snapshots += other.snapshots
    kept.author_orcids = kept.author_orcids or other.author_orcids
    kept.absorbed_row_ids += other.absorbed_row_ids
    if other.before is not None:
        kept.absorbed_row_ids.append(other.before.row_id)


def new_stored_paper(paper: Paper, now: datetime) -> StoredPaper:
    """Return the row of a new paper; an unknown announcement date is estimated."""
    announced_on = paper.announced_on or _estimated_date(paper.id, now)
    return StoredPaper(
        row_id=0,
        paper=replace(paper, announced_on=announced_on),
        title_id=title_id(paper.title),
        announced_guessed=paper.announced_on is None,
        first_seen_at=now,
    )


def _estimated_date(paper_id: str, now: datetime) -> date:
    """Return today, or for an id of an earlier month the last day of that month."""
    year, month = id_month(paper_id) or (now.year, now.month)
    if (year, month) >= (now.year, now.month):
        return now.date()
    return date(year, month, monthrange(year, month)[1])


def merge(stored: StoredPaper, paper: Paper) -> StoredPaper:
    """Return the stored paper updated with a further feed item of the same work.

    The record of the archive whose id the paper has (arXiv, bioRxiv, medRxiv) replaces text, authors and withdrawal.
    Another item (from a page that lists papers, or a second archive) only fills empty fields, so that two sources with
    different texts do not overwrite each other on every fetch. A known date stays, because a later version is not a
    new paper; but arXiv's date replaces the day on which a page listed the paper.
    """
    old = stored.paper
    best_id = preferred_id([old.id, paper.id])
    is_record = not old.categories or (paper.id == best_id and _is_own_record(paper))
    replaces_text = is_record and bool(paper.abstract or not old.abstract) and not is_title_id(paper.id)
    text_from = paper if replaces_text else old
    told = paper.announced_on is not None and (
        stored.announced_guessed or (not old.categories and _is_own_record(paper))
    )
    merged = replace(
        old,
        id=best_id,
        title=text_from.title,
        abstract=text_from.abstract or old.abstract or paper.abstract,
        raw_title=text_from.raw_title,
        raw_abstract=text_from.raw_abstract or old.raw_abstract or paper.raw_abstract,
        authors=(paper.authors if is_record else None) or old.authors or paper.authors,
        categories=_merged_categories(old.categories, paper.categories, is_record=is_record),
        announced_on=paper.announced_on if told else old.announced_on,
        withdrawn=paper.withdrawn if is_record and paper.categories else old.withdrawn or paper.withdrawn,
        links={**old.links, **paper.links},
        summary=paper.summary or (old.summary if text_from.abstract == old.abstract or not is_record else ""),
    )
    if (merged.title, merged.abstract) == (old.title, old.abstract):
        # Different line breaks in the raw text are not a change.
        merged = replace(merged, raw_title=old.raw_title, raw_abstract=old.raw_abstract)
    return replace(
        stored,
        paper=merged,
        title_id=title_id(merged.title),
        announced_guessed=stored.announced_guessed and not told,
    )


def _is_own_record(paper: Paper) -> bool:
    """Whether a paper comes from the archive that keeps it, arXiv or another; a page that lists papers gives no category."""
    return bool(paper.categories) and (
        ":" not in paper.categories[0] or field_of(paper.categories[0]) in _OWN_RECORDS
    )


def _merged_categories(old: tuple[str, ...], new: tuple[str, ...], *, is_record: bool) -> tuple[str, ...]:
    """Return the categories of all sources; those of one source are replaced together, those of the record come first."""
    sources = {_source_of(one) for one in new}
    others = tuple(one for one in old if _source_of(one) not in sources)
    return (*new, *others) if is_record else (*others, *new)


def _source_of(category: str) -> str:
    return category.partition(":")[0] if ":" in category else ""
