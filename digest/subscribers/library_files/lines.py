"""Plain lists: a paper on each line, by its id, its DOI, its address or its title."""

import re
from collections.abc import Iterator
from itertools import islice

from digest.subscribers.library_files.entry import MOST_ENTRIES, Entry, arxiv_ids_in, dois_in, entry_of

_LONGEST_LINE = 2_000
_LEAST_WORDS = 3
"""Of a line that counts as a title: a shorter one is as often a heading or a greeting."""
_LEAST_IDEOGRAPHS = 6
"""The same for scripts without spaces."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MARKER = re.compile(r"\A\s*(?:[-*•\u2013]|\[?\(?[0-9]{1,4}[\])]?[.):]?)\s+")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{12,400})[\"”“»]")
_WEB_ADDRESS = re.compile(r"\Ahttps?://\S+\Z", re.IGNORECASE)


def read_lines(text: str) -> Iterator[Entry]:
    """Yield an entry for each id and DOI in the lines, and for each other line that may be a title."""
    seen = set[str]()
    for line in islice((one.strip() for one in text.splitlines() if one.strip()), 2 * MOST_ENTRIES):
        short = line[:_LONGEST_LINE]
        if found := list(named_in(line)):
            yield from (one for one in found if one.label not in seen)
            seen.update(one.label for one in found)
        elif not line.endswith(":"):
            # A line with a colon at its end is a heading.
            yield entry_of(short, _title(_MARKER.sub("", short)))


def named_in(text: str) -> Iterator[Entry]:
    """Yield an entry for each arXiv id and each DOI in a text."""
    for paper_id in arxiv_ids_in(text):
        yield Entry(paper_id, paper_id=paper_id)
    for doi in dois_in(text):
        if not doi.startswith("10.48550/"):
            yield Entry(doi, doi=doi)


def _title(line: str) -> str:
    """Return the title that a line is, or that it has in quotes as a reference does; "" for neither."""
    if _WEB_ADDRESS.match(line):
        return ""
    quoted = _QUOTED.search(line)
    text = quoted[1].strip(" ,.") if quoted else line
    enough = len(_WORD.findall(text)) >= _LEAST_WORDS or len(_IDEOGRAPH.findall(text)) >= _LEAST_IDEOGRAPHS
    return text if enough else ""
