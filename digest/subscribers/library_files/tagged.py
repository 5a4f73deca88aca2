"""Formats whose lines begin with a tag: RIS, MEDLINE (PubMed), Web of Science, and EndNote's tagged format (refer).

rispy reads the lines. Each record is read by itself, so that a damaged one costs no other.
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO, cast

import rispy
from typing_extensions import override

from digest.subscribers.library_files.entry import Entry, entry_of


class _Names(dict[str, str]):
    """Every tag is its own name."""

    def __missing__(self, tag: str) -> str:
        return tag


class _Every(Container[str]):
    """Every tag may repeat."""

    @override
    def __contains__(self, tag: object) -> bool:
        return True


class _Ris(rispy.RisParser):
    """`TI  - A title`, and what belongs to no tag goes on with the one before."""


class _Medline(rispy.RisParser):
    """`TI  - A title`, tags of up to four letters; the lines of a long value begin with six spaces."""

    START_TAG = "PMID"

    @override
    def parse_line(self, line: str) -> tuple[str, str] | tuple[None, str]:
        return (line[:4].strip(), line[6:].strip()) if line[4:5] == "-" else (None, line.strip())


class _WebOfScience(rispy.WokParser):
    """`TI A title`; the lines of a long value begin with three spaces."""


class _Refer(rispy.RisParser):
    """`%T A title`."""

    START_TAG = "%"
    END_TAG = "%]"

    @override
    def parse_line(self, line: str) -> tuple[str, str] | tuple[None, str]:
        return (line[:2], line[3:].strip()) if line[:1] == "%" else (None, line.strip())


@dataclass(frozen=True, slots=True)
class TaggedFormat:
    """One of the formats, and where its records say what."""

    name: str
    parser: type[rispy.RisParser]
    start: re.Pattern[str]
    """What the first line of a record begins with."""
    end: str
    """What the parser takes for the end of a record."""
    titles: tuple[str, ...]
    """The tags of the title, the best first."""
    abstracts: tuple[str, ...]
    naming: tuple[str, ...]
    """The tags of texts that may hold an id or a DOI."""


FORMATS = (
    TaggedFormat(
        "RIS",
        _Ris,
        re.compile(r"TY {1,2}- ?"),
        "ER  - ",
        ("TI", "T1", "CT", "BT", "T2"),
        ("AB", "N2"),
        ("DO", "DI", "UR", "L1", "L2", "LK", "M3", "AN", "N1", "JO", "JF", "T2"),
    ),
    TaggedFormat(
        "MEDLINE",
        _Medline,
        re.compile(r"PMID- "),
        "ER  - ",
        ("TI", "TT", "BTI"),
        ("AB", "OAB"),
        ("AID", "LID", "SO"),
    ),
    TaggedFormat(
        "Web of Science",
        _WebOfScience,
        re.compile(r"PT [A-Z]\s*\Z"),
        "ER",
        ("TI",),
        ("AB",),
        ("DI", "AR", "UR"),
    ),
    TaggedFormat(
        "EndNote",
        _Refer,
        re.compile(r"%0 "),
        "%]",
        ("%T", "%B"),
        ("%X",),
        ("%R", "%U", "%M", "%J", "%Z"),
    ),
)
_LOOSE_TAG = re.compile(r"([A-Z][A-Z0-9]) {1,3}-(?: |\Z)")


def tagged_format(text: str) -> TaggedFormat | None:
    """Return the format that one of the first lines belongs to."""
    for line in text[:20_000].splitlines():
        for one in FORMATS:
            if one.start.match(line.strip()):
                return one
    return None


def read_tagged(text: str, form: TaggedFormat) -> Iterator[Entry]:
    """Yield the entries of a file."""
    for lines in _records(text, form):
        fields = _fields(lines, form)
        titles = [" ".join(fields[tag]) for tag in form.titles if fields.get(tag)]
        abstracts = [" ".join(fields[tag]) for tag in form.abstracts if fields.get(tag)]
        naming = [text for tag in form.naming for text in fields.get(tag, ())]
        label = " ".join(lines[1:])
        yield entry_of(label, titles[0] if titles else "", abstracts[0] if abstracts else "", *naming)


def _records(text: str, form: TaggedFormat) -> Iterator[list[str]]:
    lines: list[str] = []
    for line in text.splitlines():
        if form.start.match(line.strip()):
            if lines:
                yield lines
            lines = [line.strip()]
        elif lines and line.strip():
            lines.append(line)
    if lines:
        yield lines


def _fields(lines: Iterable[str], form: TaggedFormat) -> dict[str, list[str]]:
    """Return the texts of each tag of a record."""
    parser = form.parser(mapping=_Names(), delimiter_tags_mapping={}, ignore=[])
    # It asks only whether a tag is among them.
    parser.list_tags = cast("list[str]", _Every())
    strict = (_LOOSE_TAG.sub(r"\1  - ", line, count=1) if form.parser is _Ris else line for line in lines)
    found = parser.parse_lines(cast("TextIO", iter([*strict, form.end])))
    return found[0] if found else {}
