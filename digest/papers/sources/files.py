"""Files of papers: JSON records, a saved daily page, a saved feed, a saved listing page.

The format is detected from the content, not the name; any file may be compressed with gzip. JSON records and
listing pages are read line by line, so their size is not limited.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from digest.errors import BadInput, StopRun, TryLater
from digest.papers.sources import arxiv_api, arxiv_feed, arxiv_oai, huggingface
from digest.papers.sources.common import Found, Rejected
from digest.papers.sources.jsonl import LONGEST_LINE, read_lines
from digest.papers.sources.listing import read_listing
from digest.papers.sources.xml import decoded

_HEAD = 4096
_LARGEST_DOCUMENT = 200 * 2**20
"""Bytes of a feed or daily page, which is read whole."""
_PIECE = 2**20
_GZIP = b"\x1f\x8b"


def read_file(path: Path, now: datetime) -> Found:
    """Yield the papers of a file, and a Rejected for each item that cannot be used.

    Raises BadInput when the file cannot be opened or has no known format. A file that breaks off yields the
    items before the break and a Rejected for the break.
    """
    with _opened(path) as stream:
        try:
            head = stream.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
            stream.seek(0)
            yield from _read(stream, head, path.name, now)
        except (EOFError, OSError, zlib.error) as error:
            yield Rejected(path.name, f"the file breaks off or is damaged ({error})")
        except (TryLater, StopRun) as error:
            yield Rejected(path.name, str(error))


def count_records(path: Path) -> int | None:
    """Return the number of JSON lines in a file; None for another format or a broken file."""
    try:
        with _opened(path) as stream:
            if not stream.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                return None
            stream.seek(0)
            ended, last = 0, b""
            while piece := stream.read(_PIECE):
                ended += piece.count(b"\n")
                last = piece
            return ended + (not last.endswith(b"\n"))
    except (BadInput, EOFError, OSError, zlib.error):
        return None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        plain = path.open("rb")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    with plain:
        packed = plain.read(2) == _GZIP
        plain.seek(0)
        if packed:
            with gzip.open(plain) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield plain


def _read(stream: BinaryIO, head: bytes, name: str, now: datetime) -> Found:
    if not head:
        raise BadInput(f"{name} is empty; give a file of papers.")
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{name} is not text; give JSON lines, a saved feed, or a saved listing page.")
    if head.startswith(b"{"):
        return read_lines(_numbered(stream), name, now)
    if head.startswith(b"["):
        return huggingface.read_page(_whole(stream, name), name, now)
    if head.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return _read_xml(_whole(stream, name), name)
    return read_listing(_as_text(_numbered(stream)), name)


def _read_xml(body: bytes, name: str) -> Found:
    opening = decoded(body[:_HEAD])
    if "<OAI-PMH" in opening:
        return arxiv_oai.read_page(body, name)
    if "<rss" in opening or "<rdf:RDF" in opening or b"announce_type" in body:
        return arxiv_feed.read_page(body, name)
    return arxiv_api.read_page(body, name)


def _numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines, numbered from 1; a longer line is cut one byte past LONGEST_LINE."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE + 1)
        yield number, line


def _as_text(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, str]]:
    return ((number, decoded(line)) for number, line in lines)


def _whole(stream: BinaryIO, name: str) -> bytes:
    body = stream.read(_LARGEST_DOCUMENT + 1)
    if len(body) > _LARGEST_DOCUMENT:
        raise BadInput(f"{name} is larger than {_LARGEST_DOCUMENT // 2**20} MB; split it.")
    return body
