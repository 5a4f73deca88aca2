"""Import and export of subscribers, as JSON lines or CSV."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from digest.domain.categories import known_category
from digest.domain.subscriber import (
    Frequency,
    Interests,
    Layout,
    Schedule,
    Status,
    Subscriber,
    Verdict,
    clean_words,
)
from digest.errors import BadInput
from digest.papers.identifiers import title_id
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from digest.store.library_papers import LibraryPaper, read_library
from digest.store.pending_feedback import read_pending
from digest.subscribers.addresses import parse_address
from digest.subscribers.library_files.entry import LONGEST_ABSTRACT, LONGEST_TITLE
from digest.subscribers.preferences import Change
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import Application, subscribe_many
from digest.text.characters import visible
from digest.text.formatting import one_line

_WORDS = ("topics", "must", "mute", "follow", "categories")
_VERDICTS = ("likes", "dislikes")
_CHUNK = 500


class LibraryRecord(BaseModel):
    """One paper of a library that is not stored."""

    title: str = ""
    abstract: str = ""
    arxiv_id: str | None = None
    doi: str | None = None
    source: str = ""

    def paper(self) -> LibraryPaper | None:
        """Return the paper; None without a title and a DOI."""
        title = one_line(self.title)[:LONGEST_TITLE]
        key = title_id(title) if title else self.doi
        abstract = visible(self.abstract)[:LONGEST_ABSTRACT]
        return LibraryPaper(key, title, abstract, self.arxiv_id, self.doi, self.source) if key else None


Texts = tuple[str, ...] | str
"""A list of texts; a single text stands for a list of one."""


class SubscriberRecord(BaseModel):
    """One line of a file of subscribers, as `export_lines` writes it. None and missing fields get the default."""

    address: str | None = None
    email: str | None = None
    """Another name for `address`."""
    topics: Texts | None = None
    must: Texts | None = None
    mute: Texts | None = None
    follow: Texts | None = None
    categories: Texts | None = None
    likes: Texts | None = None
    dislikes: Texts | None = None
    library: tuple[LibraryRecord, ...] | None = None
    """Papers that are not stored, with their texts."""
    timezone: str | None = None
    hour: int | None = None
    frequency: Frequency | None = None
    max_papers: int | None = None
    layout: Layout | None = None
    language: str | None = None
    """The tag of a language."""
    status: Status | None = None
    paused_until: date | None = None
    team: str | None = None
    """Random; equal for the members of a team."""

    def application(self) -> Application:
        """Return the application that this record makes. Raises BadInput."""
        address = self.address or self.email
        if not address or not address.strip():
            raise BadInput("the address is missing.")
        return Application(
            address=parse_address(address),
            schedule=Schedule(**self._given("timezone", "hour", "frequency")),
            interests=Interests(
                **{name: _cleaned(name, texts) for name, texts in self._given(*_WORDS).items()}
            ),
            likes=_cleaned("likes", self.likes or ()),
            dislikes=_cleaned("dislikes", self.dislikes or ()),
            library=tuple(paper for one in self.library or () if (paper := one.paper())),
            **self._given("max_papers", "layout", "language", "status", "paused_until", "team"),
        )

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) is not None}


_FORMS = {
    **dict.fromkeys((*_WORDS, *_VERDICTS), "a list of texts"),
    **dict.fromkeys(("hour", "max_papers"), "a whole number"),
    "frequency": f"one of {', '.join(Frequency)}",
    "layout": f"one of {', '.join(Layout)}",
    "status": f"one of {', '.join(Status)}",
    "paused_until": "a date, written YYYY-MM-DD",
    "library": "a list of papers with a title or a doi",
}
"""The expected form of each field, for error messages; fields that are missing here must be a text."""


def _bad_input(error: ValidationError) -> BadInput:
    """Return one sentence about the first field that is wrong."""
    path = error.errors(include_url=False, include_context=False, include_input=False)[0]["loc"]
    if not path:
        return BadInput("this line is not a JSON object.")
    return BadInput(f"{path[0]} must be {_FORMS.get(str(path[0]), 'a text')}.")


def application_from(**fields: Any) -> Application:
    """Build an application from the fields of a SubscriberRecord. Raises BadInput."""
    try:
        record = SubscriberRecord.model_validate(fields)
    except ValidationError as error:
        raise _bad_input(error) from None
    return record.application()


def change_from(clear: Sequence[str] | None = None, **fields: Any) -> Change:
    """Build a change from fields that may be None; `clear` names lists to empty. Raises BadInput."""
    for name in clear or ():
        if name not in _WORDS:
            raise BadInput(f"{name!r} cannot be cleared; choose from {', '.join(_WORDS)}.")
    emptied: dict[str, Any] = dict.fromkeys(clear or (), ())
    given: dict[str, Any] = {
        name: _cleaned(name, value) if name in _WORDS else value
        for name, value in fields.items()
        if value is not None
    }
    return Change(**{**emptied, **given})


def _cleaned(name: str, texts: Sequence[str]) -> tuple[str, ...]:
    words = clean_words([texts] if isinstance(texts, str) else list(texts))
    return tuple(dict.fromkeys(map(known_category, words))) if name == "categories" else words


def record_of(subscriber: Subscriber) -> dict[str, Any]:
    """Return a subscriber as a flat record, as in a line of an exported file."""
    interests, schedule = subscriber.interests, subscriber.schedule
    return {
        "address": subscriber.address,
        "status": subscriber.status,
        "topics": list(interests.topics),
        "must": list(interests.must),
        "mute": list(interests.mute),
        "follow": list(interests.follow),
        "categories": list(interests.categories),
        "timezone": schedule.timezone,
        "hour": schedule.hour,
        "frequency": schedule.frequency,
        "max_papers": subscriber.max_papers,
        "layout": subscriber.layout,
        "language": subscriber.language,
        "paused_until": subscriber.paused_until,
        "team": subscriber.team,
    }


def export_lines(database: Database) -> Iterator[str]:
    """Yield every subscriber as a JSON line, likes, dislikes and library included: the inverse of `import_subscribers`."""
    after = 0
    while True:
        with database.read() as connection:
            subscribers = subscriber_store.page(connection, after, _CHUNK)
            verdicts = feedback_store.read_feedback(connection, [one.id for one in subscribers])
            pending = read_pending(connection, [one.id for one in subscribers])
            libraries = read_library(connection, [one.id for one in subscribers])
            rated = {paper for rows in verdicts.values() for paper, _ in rows}
            papers = paper_store.find_by_row_ids(connection, rated)
        for one in subscribers:
            rated_as: dict[str, list[str]] = {Verdict.MORE: [], Verdict.LESS: []}
            for paper, verdict in verdicts.get(one.id, []):
                rated_as[verdict].append(papers[paper].paper.id)
            for paper_id, verdict in pending.get(one.id, []):
                rated_as[verdict].append(paper_id)
            record = {**record_of(one), "likes": rated_as[Verdict.MORE], "dislikes": rated_as[Verdict.LESS]}
            if one.id in libraries:
                record["library"] = [
                    {name: value for name, value in asdict(paper).items() if value and name != "key"}
                    for paper in libraries[one.id]
                ]
            yield json.dumps(record, ensure_ascii=False, default=str)
        if len(subscribers) < _CHUNK:
            return
        after = subscribers[-1].id


@dataclass(slots=True)
class Imported:
    """The progress and result of an import of subscribers."""

    total: int | None = None
    """Records in the file; None when it can be read only once."""
    added: int = 0
    rejected: list[str] = field(default_factory=list)
    """One line each: file, line number and reason."""

    @property
    def seen(self) -> int:
        """Records processed so far."""
        return self.added + len(self.rejected)


def import_subscribers(
    database: Database, builder: ProfileBuilder, secret: bytes, file: Path, now: datetime, *, confirmed: bool
) -> Iterator[Imported]:
    """Add the subscribers of a file, in transactions of 500; yield the same Imported, updated, after each.

    The file holds JSON lines or CSV with a header, detected by the first character. A bad line is skipped and
    reported. A `status` is preserved: people who unsubscribed in another installation get no mail from this one.
    The profiles of more than 500 subscribers are built later, which takes some 20 ms each: by the next run, and
    before the first mail at the latest.
    Raises BadInput when the file cannot be read.
    """
    done = Imported(_count_records(file))
    defers_profiles = done.total is None or done.total > _CHUNK
    lines = _applications(file, done)
    yield done
    while chunk := list(islice(lines, _CHUNK)):
        with database.begin() as connection:
            results = subscribe_many(
                connection,
                builder,
                secret,
                [application for _, application in chunk],
                now,
                confirmed=confirmed,
                how=f"import of {file.name}",
                defers_profiles=defers_profiles,
            )
        for (where, _), result in zip(chunk, results, strict=True):
            if isinstance(result, Subscriber):
                done.added += 1
            else:
                done.rejected.append(f"{where}: {result}")
        yield done


def _applications(file: Path, done: Imported) -> Iterator[tuple[str, Application]]:
    for number, line in _records(file):
        where = f"{file.name}:{number}"
        try:
            yield where, _application(line)
        except BadInput as refusal:
            done.rejected.append(f"{where}: {refusal}")


def _count_records(file: Path) -> int | None:
    """Return the number of records; None for a pipe or another file that can be read only once."""
    return sum(1 for _ in _records(file)) if file.is_file() else None


def _records(file: Path) -> Iterator[tuple[int, str | dict[str, Any]]]:
    """Yield line numbers with JSON lines, or with the cells of a CSV table."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.read(1)
            lines.seek(0)
            if first == "{":
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, line
            else:
                table = csv.DictReader(lines)
                for cells in table:
                    yield table.line_num, _from_csv(cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} cannot be read ({error}).") from None


def _from_csv(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """Return the fields of a CSV row that are not empty; items of a list are separated by semicolons."""
    cells = {
        str(name).strip().lower(): text
        for name, value in row.items()
        if isinstance(value, str) and (text := value.strip())
    }
    lists = {name: cells[name].split(";") for name in (*_WORDS, *_VERDICTS) if name in cells}
    return {**cells, **lists}


def _application(line: str | dict[str, Any]) -> Application:
    if isinstance(line, dict):
        return application_from(**line)
    try:
        # Strict: a number in quotes is an error in JSON; in CSV all values are text.
        record = SubscriberRecord.model_validate_json(line, strict=True)
    except ValidationError as error:
        raise _bad_input(error) from None
    return record.application()
