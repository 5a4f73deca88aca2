"""Subscribers in and out: from loose fields and files to applications, and back to lines of a file."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from digest.domain.categories import known_category
from digest.domain.subscriber import Interests, Schedule, Subscriber, clean_words, parse_status
from digest.errors import BadInput
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import subscribers as subscriber_store
from digest.store.database import Database
from digest.store.pending_feedback import read_pending
from digest.subscribers.addresses import parse_address
from digest.subscribers.preferences import Change
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import Application, subscribe_many

_WORDS = ("topics", "must", "mute", "follow", "categories")
_SCHEDULE = ("timezone", "hour", "frequency")
_VERDICTS = ("likes", "dislikes")
_FIELDS = ("address", *_WORDS, *_VERDICTS, *_SCHEDULE, "max_papers", "status")
_CHUNK = 500


def application_from(**fields: Any) -> Application:
    """Build an application from loose fields; None and missing ones get the default. Raises BadInput."""
    given = {name: value for name, value in fields.items() if value is not None}
    return Application(
        address=parse_address(given["address"]),
        schedule=Schedule(**{name: given[name] for name in _SCHEDULE if name in given}),
        interests=Interests(**{name: _cleaned(name, given[name]) for name in _WORDS if name in given}),
        likes=clean_words(given.get("likes", ())),
        dislikes=clean_words(given.get("dislikes", ())),
        status=parse_status(given.get("status")),
        **({"max_papers": given["max_papers"]} if "max_papers" in given else {}),
    )


def change_from(clear: Sequence[str] | None = None, **fields: Any) -> Change:
    """Build a change from loose fields; `clear` names lists to empty. Raises BadInput."""
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
    words = clean_words(list(texts))
    return tuple(dict.fromkeys(map(known_category, words))) if name == "categories" else words


def record_of(subscriber: Subscriber) -> dict[str, Any]:
    """Return a subscriber as a flat record, the form of a line in a file."""
    asked, schedule = subscriber.interests, subscriber.schedule
    return {
        "address": subscriber.address,
        "status": subscriber.status,
        "topics": list(asked.topics),
        "must": list(asked.must),
        "mute": list(asked.mute),
        "follow": list(asked.follow),
        "categories": list(asked.categories),
        "timezone": schedule.timezone,
        "hour": schedule.hour,
        "frequency": schedule.frequency,
        "max_papers": subscriber.max_papers,
    }


def export_lines(database: Database) -> Iterator[str]:
    """Yield every subscriber as a JSON line that `import_subscribers` takes, likes and dislikes included."""
    after = 0
    while True:
        with database.read() as connection:
            subscribers = subscriber_store.page(connection, after, _CHUNK)
            verdicts = feedback_store.read_feedback(connection, [one.id for one in subscribers])
            pending = read_pending(connection, [one.id for one in subscribers])
            rated = {paper for said in verdicts.values() for paper, _ in said}
            papers = paper_store.find_by_row_ids(connection, rated)
        for one in subscribers:
            rated_as: dict[str, list[str]] = {"more": [], "less": []}
            for paper, verdict in verdicts.get(one.id, []):
                rated_as[verdict].append(papers[paper].paper.id)
            for paper_id, verdict in pending.get(one.id, []):
                rated_as[verdict].append(paper_id)
            record = {**record_of(one), "likes": rated_as["more"], "dislikes": rated_as["less"]}
            yield json.dumps(record, ensure_ascii=False)
        if len(subscribers) < _CHUNK:
            return
        after = subscribers[-1].id


@dataclass(slots=True)
class Imported:
    """How an import of subscribers goes."""

    total: int | None = None
    """Records in the file; None when it cannot be read twice."""
    added: int = 0
    rejected: list[str] = field(default_factory=list)
    """One line each: where it stands and why it was left out."""

    @property
    def seen(self) -> int:
        """Lines dealt with so far."""
        return self.added + len(self.rejected)


def import_subscribers(
    database: Database, builder: ProfileBuilder, secret: bytes, file: Path, now: datetime, *, confirmed: bool
) -> Iterator[Imported]:
    """Take on the subscribers of a file, a transaction per few hundred; yield the running tally after each.

    JSON lines or CSV with a header, told apart by the first character. A bad line costs itself alone.
    A `status` in it is kept: who left where they come from gets no mail here either.
    Raises BadInput when the file cannot be read.
    """
    done = Imported(_count_records(file))
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
            )
        for (where, _), result in zip(chunk, results, strict=True):
            if isinstance(result, Subscriber):
                done.added += 1
            else:
                done.rejected.append(f"{where}: {result}")
        yield done


def _applications(file: Path, done: Imported) -> Iterator[tuple[str, Application]]:
    for number, record in _records(file):
        where = f"{file.name}:{number}"
        try:
            yield where, _application(record)
        except BadInput as refusal:
            done.rejected.append(f"{where}: {refusal}")


def _count_records(file: Path) -> int | None:
    """Return how many records there are to read; None for what is no plain file."""
    return sum(1 for _ in _records(file)) if file.is_file() else None


def _records(file: Path) -> Iterator[tuple[int, object]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.read(1)
            lines.seek(0)
            if first == "{":
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, _parsed(line)
            else:
                subscriber = csv.DictReader(lines)
                for record in subscriber:
                    yield subscriber.line_num, _from_csv(record)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{file} cannot be read ({error}).") from None


def _parsed(line: str) -> object:
    try:
        record = json.loads(line)
        # Escapes can spell letters that no text can hold; better they cost the line here than the rest later.
        json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return record


def _from_csv(record: Mapping[str | None, Any]) -> dict[str, Any]:
    cells = {
        str(name).strip().lower(): value.strip() for name, value in record.items() if isinstance(value, str)
    }
    cells.setdefault("address", cells.get("email", ""))
    listed: dict[str, Any] = {
        name: cells[name].split(";") for name in (*_WORDS, *_VERDICTS) if cells.get(name)
    }
    numbers = {
        name: int(cells[name]) if cells[name].isdigit() else cells[name]
        for name in ("hour", "max_papers")
        if cells.get(name)
    }
    texts = {name: cells[name] for name in ("address", "timezone", "frequency", "status") if cells.get(name)}
    return {**texts, **listed, **numbers}


def _application(record: object) -> Application:
    if not isinstance(record, dict):
        raise BadInput("this line is no JSON object.")
    fields = {name: record[name] for name in _FIELDS if record.get(name) is not None}
    fields.setdefault("address", record.get("email"))
    if not isinstance(fields["address"], str) or not fields["address"].strip():
        raise BadInput("the address is missing.")
    for name in (*_WORDS, *_VERDICTS):
        value = fields.get(name, [])
        fields[name] = [value] if isinstance(value, str) else value
        if not isinstance(fields[name], list) or not all(isinstance(one, str) for one in fields[name]):
            raise BadInput(f"{name} must be a list of texts.")
    for name in ("hour", "max_papers"):
        if type(fields.get(name, 1)) is not int:
            raise BadInput(f"{name} must be a number.")
    for name in ("timezone", "frequency", "status"):
        if not isinstance(fields.get(name, ""), str):
            raise BadInput(f"{name} must be a text.")
    return application_from(**fields)
