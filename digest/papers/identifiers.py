"""Canonical ids of papers, and the addresses of their pages.

arXiv ids have two forms: `YYMM.NNNNN` since April 2007 (four digits after the dot until the end
of 2014, five and later perhaps six since) and `archive/YYMMNNN` before. The id of a paper
without an arXiv id is its DOI in lower case (`10.1101/2026.01.14.123456`). Without either, it is `title:` and
sixteen hexadecimal digits of a hash of its title.
"""

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from urllib.parse import quote, unquote

from digest.errors import BadInput
from digest.text.languages import gettext
from digest.text.latex import one_line

_ARCHIVE_NAMES = """
    acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs
    dg-ga funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol
    physics plasm-ph q-alg q-bio quant-ph solv-int supr-con
"""
_ARCHIVES = frozenset(_ARCHIVE_NAMES.split())

_LONGEST = 300
_SPACES = " \t\r\n"
_WRAPPING = _SPACES + "<>[](){}\"'`,;"
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
_DOI = re.compile(r"10\.[0-9]{4,9}/[!#$%&'()*+,./0-9:;<=>?@A-Z_a-z~\[\]-]{1,200}", re.ASCII)
_DOI_PREFIX = re.compile(r"(?:info:)?doi[:/]\s*", re.IGNORECASE)
_DOI_IN_PATH = re.compile(r"(?:\A|/)(?=10\.[0-9]{4,9}/)")
_ARXIV_REGISTRANT = "10.48550/"
# bioRxiv and medRxiv until and since December 2025; the addresses of their pages add a version to the DOI.
_PREPRINT_PAGE = re.compile(
    r"(10\.(?:1101|64898)/(?:[0-9]{4}\.[0-9]{2}\.[0-9]{2}\.)?[0-9]{6,8})(?:v[0-9].*|\.full.*)"
)
_DOI_VERSION = re.compile(r"[/._-]v[0-9]{1,3}\Z")
_NO_LETTERS = re.compile("[^a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]")


def canonical_id(text: str) -> str:
    """Return the canonical id of the paper that `text` names: an arXiv id or a DOI in any of its forms, or a title id.

    Ids, versions, `arXiv:`, `oai:` and `doi:` prefixes and the addresses of abstract, PDF and HTML pages are
    understood. The DOI of an arXiv paper gives its arXiv id. Raises BadInput for anything else.
    """
    bare = text.strip(_WRAPPING)
    if _TITLE.fullmatch(bare):
        return bare
    # No id is that long; the cut bounds the work of the patterns below.
    bare = bare[:_LONGEST]
    if doi := _doi(text.strip(_SPACES)[:_LONGEST]):
        return doi
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
        gettext(
            "%(text)s is not a paper id; give one like 2508.13426 or math/0611800, a DOI, or its address.",
            text=_shown(text),
        )
    )


def _doi(text: str) -> str:
    """Return the DOI that a text is, or that is in the path of a web address, or ""; arXiv's DOIs are left out."""
    bare = text.lstrip(_WRAPPING)
    if address := _WEB_ADDRESS.match(bare):
        path = unquote(address["path"])
        start = _DOI_IN_PATH.search(path)
        written = path[start.end() :] if start else ""
    else:
        prefix = _DOI_PREFIX.match(bare)
        written = bare[prefix.end() :] if prefix else bare
    doi = _PREPRINT_PAGE.sub(r"\1", _without_closing(written))
    return doi.lower() if _DOI.fullmatch(doi) and not doi.startswith(_ARXIV_REGISTRANT) else ""


def _without_closing(text: str) -> str:
    """Remove what a sentence puts after a DOI; a closing bracket stays where the DOI has the opening one."""
    while text:
        last = text[-1]
        is_closing = last in ")]>" and text.count(last) > text.count({")": "(", "]": "[", ">": "<"}[last])
        if not is_closing and last not in " \t\r\n/.,;:\"'`}({<[":
            return text
        text = text[:-1]
    return text


def known_ids(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical ids of those texts that are ids, each once."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[canonical_id(text)] = None
        except BadInput:
            continue
    return tuple(found)


def is_doi(paper_id: str) -> bool:
    """Whether a canonical id is a DOI."""
    return paper_id.startswith("10.") and "/" in paper_id


def is_arxiv_id(paper_id: str) -> bool:
    """Whether a canonical id is an arXiv id."""
    return not is_title_id(paper_id) and not is_doi(paper_id)


def preferred_id(ids: Iterable[str]) -> str:
    """Return the id under which a work with these canonical ids is stored: an arXiv id, else the first DOI."""
    return min(ids, key=lambda one: (is_title_id(one), is_doi(one)))


def may_be_same_work(one: str, other: str) -> bool:
    """Whether two canonical ids can belong to one work.

    arXiv gives one id to each work, and a publisher one DOI, apart from the DOIs of its versions.
    """
    if is_arxiv_id(one) and is_arxiv_id(other):
        return one == other
    if is_doi(one) and is_doi(other) and one.partition("/")[0] == other.partition("/")[0]:
        return _DOI_VERSION.sub("", one) == _DOI_VERSION.sub("", other)
    return True


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
    if is_doi(paper_id):
        return f"https://doi.org/{quote(paper_id, safe='/:;()')}"
    return "" if is_title_id(paper_id) else f"https://arxiv.org/abs/{paper_id}"


def pdf_url(paper_id: str) -> str:
    """Return the address of the PDF of an arXiv id, or "" for another id."""
    return f"https://arxiv.org/pdf/{paper_id}" if is_arxiv_id(paper_id) else ""


def sort_key(paper_id: str) -> tuple[int, int, int, str]:
    """Order canonical ids by year and month, then by number; DOIs and title ids come first."""
    match = _NEW.fullmatch(paper_id) or _OLD.fullmatch(paper_id)
    if not match:
        return (0, 0, 0, paper_id)
    year = int(match["year"])
    number = match["number"] if match.re is _NEW else match["serial"][4:]
    return (year + (1900 if year >= 91 else 2000), int(match["month"]), int(number), paper_id)


def id_month(paper_id: str) -> tuple[int, int] | None:
    """Return the (year, month) of the announcement, which an arXiv id holds; None for another id."""
    year, month, _, _ = sort_key(paper_id)
    return (year, month) if year else None
