"""Canonical ids of papers, and the addresses of their pages.

arXiv ids have two forms: `YYMM.NNNNN` since April 2007 (four digits after the dot until the end
of 2014, five and later perhaps six since) and `archive/YYMMNNN` before. The id of a paper
without an arXiv id is `title:` and sixteen hexadecimal digits of a hash of its title.
"""

import re
import unicodedata
from hashlib import blake2b

from digest.errors import BadInput
from digest.text.latex import one_line

_ARCHIVE_NAMES = """
    acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs
    dg-ga funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol
    physics plasm-ph q-alg q-bio quant-ph solv-int supr-con
"""
_ARCHIVES = frozenset(_ARCHIVE_NAMES.split())

_LONGEST = 300
_WRAPPING = " \t\r\n<>[](){}\"'`,;"
_WEB_ADDRESS = re.compile(
    r"(?:https?://[^/?#]+|(?:[\w-]+\.)*(?:arxiv\.org|alphaxiv\.org|huggingface\.co|doi\.org))/(?P<path>[^?#]*)",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"(?:oai:arxiv\.org:|(?:doi:)?10\.48550/|arxiv[:.]\s*|(?:abs|pdf|html|format|e-print|papers)/)+",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"\[[\w.-]+\]?")
_FILE_NAME = re.compile(r"\.(?:pdf|html?)\Z", re.IGNORECASE)
_NEW = re.compile(
    r"(?P<year>[0-9]{2})(?P<month>0[1-9]|1[0-2])\.(?P<number>[0-9]{4,6})(?:v[0-9]+)?", re.IGNORECASE
)
_OLD = re.compile(
    r"(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[a-z]+(?:-[a-z]+)?)?/"
    r"(?P<serial>(?P<year>[0-9]{2})(?P<month>0[1-9]|1[0-2])[0-9]{3})(?:v[0-9]+)?",
    re.IGNORECASE,
)
_TITLE = re.compile(r"title:[0-9a-f]{16}")
_NO_LETTERS = re.compile("[^a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]")


def canonical_id(text: str) -> str:
    """Return the canonical id of the paper that `text` names: an arXiv id in any of its forms, or a title id.

    Ids, versions, `arXiv:` and `oai:` prefixes and the addresses of abstract, PDF and HTML pages are
    understood. Raises BadInput for anything else.
    """
    bare = text.strip(_WRAPPING)
    if _TITLE.fullmatch(bare):
        return bare
    # No id is that long; the cut bounds the work of the patterns below.
    bare = bare[:_LONGEST]
    address = _WEB_ADDRESS.match(bare)
    bare = _without_suffix(address["path"] if address else bare)
    prefix = _PREFIX.match(bare)
    bare = bare[prefix.end() :] if prefix else bare
    new = _NEW.fullmatch(bare)
    if new and _fits_its_month(new["year"] + new["month"], len(new["number"])):
        return f"{new['year']}{new['month']}.{new['number']}"
    old = _OLD.fullmatch(bare)
    if old and old["archive"].lower() in _ARCHIVES and (old["year"] >= "91" or old["serial"] < "0704"):
        return f"{old['archive'].lower()}/{old['serial']}"
    raise BadInput(
        f"{_shown(text)} is not a paper id; give one like 2508.13426 or math/0611800, or its arXiv address."
    )


def _without_suffix(text: str) -> str:
    """Remove what follows an id: slashes, full stops, a file suffix, a category in brackets."""
    while True:
        shorter = _FILE_NAME.sub("", text.rstrip("/."))
        opening = shorter.rfind("[")
        if opening >= 0 and _BRACKETED.fullmatch(shorter, opening):
            shorter = shorter[:opening].rstrip()
        if shorter == text:
            return text
        text = shorter


def _fits_its_month(month: str, digits: int) -> bool:
    """Whether arXiv numbered the papers of `month` (YYMM) with this number of digits."""
    return digits == 4 if "0704" <= month <= "1412" else month >= "1501" and digits >= 5


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def normalised_title(title: str) -> str:
    """Return the letters and digits of a title, so that different renderings of one title are equal.

    Case, TeX, accents, punctuation, spacing and invisible characters are ignored.
    """
    text = one_line(title).casefold()
    if text.isascii():
        return _NO_LETTERS.sub("", text)
    plain = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold())
    # Marks are the vowels of many scripts.
    return "".join(character for character in plain if unicodedata.category(character)[0] in "LMN")


def is_title_id(paper_id: str) -> bool:
    """Whether a canonical id was derived from a title."""
    return paper_id.startswith("title:")


def title_id(title: str) -> str:
    """Return the id derived from a title. Raises BadInput for a title without a visible character."""
    key = normalised_title(title) or "".join(one_line(title).split())
    if not key:
        raise BadInput("A paper without an id needs a title.")
    return f"title:{blake2b(key.encode(), digest_size=8).hexdigest()}"


def abstract_url(paper_id: str) -> str:
    """Return the address of the abstract page of a canonical id, or "" for a title id."""
    return "" if is_title_id(paper_id) else f"https://arxiv.org/abs/{paper_id}"


def pdf_url(paper_id: str) -> str:
    """Return the address of the PDF of a canonical id, or "" for a title id."""
    return "" if is_title_id(paper_id) else f"https://arxiv.org/pdf/{paper_id}"


def sort_key(paper_id: str) -> tuple[int, int, int, str]:
    """Order canonical ids by year and month, then by number; title ids come first."""
    match = _NEW.fullmatch(paper_id) or _OLD.fullmatch(paper_id)
    if not match:
        return (0, 0, 0, paper_id)
    year = int(match["year"])
    number = match["number"] if match.re is _NEW else match["serial"][4:]
    return (year + (1900 if year >= 91 else 2000), int(match["month"]), int(number), paper_id)


def id_month(paper_id: str) -> tuple[int, int] | None:
    """Return the (year, month) of the announcement, which an arXiv id holds; None for a title id."""
    year, month, _, _ = sort_key(paper_id)
    return (year, month) if year else None
