"""Plain text from the HTML, JATS and typesetting marks that feeds of journals put into titles and abstracts.

Only elements that are known are removed: `p<q and r>s` is not an element. An HTML parser would read it as one, and
takes quadratic time for some texts; here each pattern ends at the next angle bracket.
"""

import re
from collections.abc import Iterable
from html import unescape

from digest.text.characters import visible

LONGEST_MARKUP = 200_000
"""Characters that are read; the rest is dropped."""

_BLOCK_NAMES = (
    "address article aside blockquote caption center dd div dl dt figcaption figure footer h[1-6] header hr li list "
    "list-item main nav ol p pre sec section table tbody td th thead title tr ul br"
)
_INLINE_NAMES = (
    "a abbr b bold cite code del em ext-link font i img inf ins italic kbd label mark math m[a-z]+ q s samp sc small "
    "span strike strong styled-content sub sup tt u underline xref abstract"
)


def _element(names: str) -> re.Pattern[str]:
    listed = "|".join(names.split())
    # Attributes have an equals sign, a comparison such as "p<q and r>s" has none.
    return re.compile(rf"</?(?:[a-z]{{1,10}}:)?(?:{listed})(?:\s+[^<>=]*=[^<>]*|\s*)/?>", re.IGNORECASE)


_BLOCK, _INLINE = _element(_BLOCK_NAMES), _element(_INLINE_NAMES)
_INVISIBLE = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))
_COMMAND = re.compile(r"\\[A-Za-z]{2}")

# bioRxiv's abstracts: figures, lists, small capitals, and letters by their HTML names.
_FIGURES = (("O_FIG", "C_FIG"), ("O_TBL", "C_TBL"), ("O_DISP", "C_DISP"))
_MARKS = re.compile(r"[OC]_(?:SCPLOW|SCPCAP|ST_ABS|LI|QD|TEXTBOX)")
_NAMED_LETTER = re.compile(r"\{([A-Za-z]{2,8})\}")


def plain_text(markup: str) -> str:
    """Return a text without HTML and JATS elements; each block element starts a line."""
    text = markup[:LONGEST_MARKUP]
    if "<" in text:
        text = _BLOCK.sub("\n", _INLINE.sub("", _without(_INVISIBLE, text)))
    return unescape(text) if "&" in text else text


def without_typesetting(text: str) -> str:
    """Return an abstract of bioRxiv or medRxiv without the marks of its typesetting."""
    text = text[:LONGEST_MARKUP]
    return _NAMED_LETTER.sub(_letter, _MARKS.sub("", _without(_FIGURES, text)))


def _letter(named: re.Match[str]) -> str:
    letter = unescape(f"&{named[1]};")
    return letter if len(letter) == 1 else named[0]


def _without(enclosed: Iterable[tuple[str, str]], text: str) -> str:
    """Remove what stands between an opening and its closing."""
    for opening, closing in enclosed:
        pieces: list[str] = []
        position = 0
        while (start := text.find(opening, position)) >= 0 and (end := text.find(closing, start)) >= 0:
            pieces.append(text[position:start])
            position = end + len(closing)
        text = "".join([*pieces, text[position:]])
    return text


def has_tex(text: str) -> bool:
    """Whether a text of a journal contains a TeX command; there, `~` and `$` alone are ordinary signs."""
    return bool(_COMMAND.search(text))


def plain_line(text: str) -> str:
    """Return a title without TeX on one line."""
    return " ".join(visible(text).split())


def plain_paragraphs(text: str) -> str:
    """Return an abstract without TeX: each line with text is a paragraph."""
    lines = (plain_line(line) for line in visible(text).splitlines())
    return "\n".join(line for line in lines if line)
