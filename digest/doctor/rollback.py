"""Checks whether the database was rolled back: whether mails were sent that its ledger does not have."""

import heapq
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime
from pathlib import Path

from digest.doctor.check import Check, State, bad, good
from digest.errors import StopRun
from digest.mail.transports import FileTransport, MaildirTransport, Transport
from digest.store import health, suppressions
from digest.store.database import Connection, Database

_MESSAGE_ID = re.compile(r"<([a-z]{1,20})\.([0-9A-Za-z]{1,64})\.([0-9]{8})@")
_NEWEST = 50
_HEADER_BYTES = 16_384
# Older rows may have been deleted, as the ledger's retention is limited.
_LATELY = timedelta(days=14)
_ADVICE = (
    "Nothing is sent until you run: digest db reconcile --suppressions FILE (see Restoring in docs/operating.md). "
    "If the folder or the Redis belongs to another installation, set a separate one."
)


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that was sent, read from its Message-ID and Date."""

    kind: str
    subscriber_key: str
    edition_on: date
    composed_at: datetime


def examine_restored(
    database: Database, transport: Transport | None, sent_until: datetime | None, now: datetime
) -> Check:
    """Compare the ledger with the newest mails in the outbox, and with the time of the last run in Redis."""
    mails = [mail for mail in newest_mails(transport) if now - mail.composed_at < _LATELY]
    with health.reading(database) as connection:
        known_until = last_known(connection)
        known = health.known_mails(connection, {mail.subscriber_key for mail in mails})
    return judge_restored(lost_mails(mails, known, known_until), known_until, sent_until)


def require_current(database: Database, sent_until: datetime | None) -> None:
    """Raise StopRun if mails were sent after the newest one in the database, so that nothing is sent twice."""
    if sent_until is None:
        return
    with health.reading(database) as connection:
        if health.has_recorded_until(connection, sent_until):
            return
        known_until = last_known(connection)
    check = judge_restored([], known_until, sent_until)
    if check.state is State.BAD:
        raise StopRun(f"{check.finding} {check.advice}")


def last_known(connection: Connection) -> datetime | None:
    """Return when the last mail that the database knows of was sent; None if none was."""
    return _latest(health.last_sent_at(connection), suppressions.last_erased_at(connection))


def _latest(*instants: datetime | None) -> datetime | None:
    return max((one for one in instants if one is not None), default=None)


def lost_mails(
    mails: Sequence[SentMail],
    known: dict[str, Collection[tuple[str, date]]],
    known_until: datetime | None,
) -> list[SentMail]:
    """Return the mails that the ledger does not have.

    A mail to a subscriber who is not stored counts only if it is newer than the whole ledger: the subscriber may
    have been erased since.
    """
    return [
        mail
        for mail in mails
        if (
            (mail.kind, mail.edition_on) not in known[mail.subscriber_key]
            if mail.subscriber_key in known
            else known_until is None or mail.composed_at > known_until
        )
    ]


def judge_restored(
    lost: Sequence[SentMail], known_until: datetime | None, sent_until: datetime | None
) -> Check:
    """Judge whether the database has the newest mails."""
    name = "ledger"
    known = f"{known_until:%Y-%m-%d %H:%M} UTC" if known_until else "never"
    if lost:
        newest = max(mail.composed_at for mail in lost)
        return bad(
            name,
            f"The outbox has {len(lost):,} mail{'s' * (len(lost) != 1)} that the database does not have, the newest "
            f"of {newest:%Y-%m-%d %H:%M} UTC (the last in the database: {known}): it was rolled back.",
            _ADVICE,
        )
    if sent_until and (known_until is None or sent_until > known_until):
        return bad(
            name,
            f"Mails were sent until {sent_until:%Y-%m-%d %H:%M} UTC; according to the database, until {known}: "
            "it was rolled back.",
            _ADVICE,
        )
    return good(name, "It has the newest mails that were sent.")


def newest_mails(transport: Transport | None) -> Iterator[SentMail]:
    """Yield the newest digests and other mails of ours in an outbox folder; none for other transports."""
    if not isinstance(transport, MaildirTransport | FileTransport):
        return
    folder = transport.folder
    places = [folder / "new", folder / "cur"] if isinstance(transport, MaildirTransport) else [folder]
    for _, file in heapq.nlargest(_NEWEST, _dated_files(places)):
        if mail := _read(file):
            yield mail


def _dated_files(places: Sequence[Path]) -> Iterator[tuple[float, Path]]:
    for place in places:
        for file in place.iterdir() if place.is_dir() else ():
            # A mail program may move a file meanwhile.
            with suppress(FileNotFoundError):
                if file.is_file():
                    yield file.stat().st_mtime, file


def _read(file: Path) -> SentMail | None:
    """Return the mail of a file, or None if the file is not a mail of ours or no longer exists."""
    try:
        with file.open("rb") as stream:
            headers = BytesHeaderParser().parsebytes(stream.read(_HEADER_BYTES))
    except FileNotFoundError:
        return None
    match = _MESSAGE_ID.match(str(headers.get("Message-ID", "")).strip())
    try:
        composed_at = parsedate_to_datetime(str(headers.get("Date", "")))
        edition_on = date.fromisoformat(match[3]) if match else None
    except ValueError:
        return None
    if match is None or edition_on is None or composed_at.tzinfo is None:
        return None
    return SentMail(match[1], match[2], edition_on, composed_at)
