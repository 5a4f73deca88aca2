"""A paper in the formats of reference managers: BibTeX and RIS."""

import re

from digest.domain.pick import Card
from digest.papers.identifiers import is_arxiv_id, is_doi
from digest.text.formatting import one_line

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_NO_KEY = re.compile(r"[^a-z0-9]+")


def bibtex(card: Card) -> str:
    """Return a paper as one BibTeX entry."""
    family = _NO_KEY.sub("", (card.authors[0] if card.authors else "").lower().rpartition(" ")[2])
    year = str(card.announced_on.year) if card.announced_on else ""
    is_on_arxiv = is_arxiv_id(card.paper_id)
    fields = {
        "title": f"{{{_escaped(card.title)}}}",
        "author": " and ".join(_escaped(name) for name in card.authors),
        "year": year,
        "doi": card.paper_id if is_doi(card.paper_id) else "",
        "eprint": card.paper_id if is_on_arxiv else "",
        "archiveprefix": "arXiv" if is_on_arxiv else "",
        "primaryclass": _escaped(next(iter(card.categories), "")) if is_on_arxiv else "",
        "url": card.abstract_url,
    }
    key = f"{family or 'paper'}{year}{_NO_KEY.sub('', card.paper_id.lower())}"
    lines = "".join(f"  {name:<13} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@misc{{{key},\n{lines}}}\n"


def ris(card: Card) -> str:
    """Return a paper as one RIS record."""
    lines = [
        ("TY", "UNPB"),
        ("TI", one_line(card.title)),
        *(("AU", one_line(name)) for name in card.authors),
        ("PY", str(card.announced_on.year) if card.announced_on else ""),
        ("DA", f"{card.announced_on:%Y/%m/%d}" if card.announced_on else ""),
        ("AB", one_line(card.abstract)),
        ("DO", card.paper_id if is_doi(card.paper_id) else ""),
        ("UR", card.abstract_url),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {value}\r\n" for tag, value in lines if value or tag == "ER")


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in one_line(text))
