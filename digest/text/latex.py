r"""Conversion of TeX in titles and abstracts to readable Unicode text.

arXiv's metadata is ASCII with TeX in it: accents (`Fr\'echet`), styles (`\textbf{...}`), formulas
(`$O(n\log n)$`) and much that only looks like TeX (`$500 budget`, `~5%`, `U^2-Net`). Macros with a
Unicode form are replaced; the rest becomes plain words and signs, without dollar signs and braces.

Nothing here raises, and the time is linear in the length of the text. `latex_tokens` splits the text, `latex_printing`
prints the tokens, `latex_symbols` maps macros to characters. pylatexenc's own converter was measured and is not
used: it takes 15 ms per abstract where this one takes 0.3 ms. Its table of symbols is used.
"""

import re

from digest.text.characters import visible
from digest.text.latex_printing import printed
from digest.text.latex_symbols import DASHES, DOUBLE_QUOTES, SINGLE_QUOTES
from digest.text.latex_tokens import tokens_of

_FEW_TOKENS = 500
_LEAST_LENGTH = 8
"""The least average length of a token, in characters, for a longer text to be read as TeX; real texts have 20."""
_TEX_SIGNS = ("\\", "$", "^", "~", "{", "}")
_TYPED_SIGNS = ("--", "``", "''", "`")
_DASH = re.compile(r"https?://\S+|(?<!-)---?(?!-)")
_DOUBLE_QUOTE = re.compile(r"``|''")
_SINGLE_QUOTED = re.compile(r"(?<![\w`])`(?!`)([^`'\n]{1,80})'(?![\w'])")


def readable(text: str) -> str:
    """Return `text` with TeX converted and invisible characters removed. Line breaks stay."""
    text = visible(text)
    if any(sign in text for sign in _TEX_SIGNS):
        tokens = tokens_of(text)
        # TeX this dense is not written to be read; it stays unchanged, which bounds the cost.
        if len(tokens) <= _FEW_TOKENS or len(tokens) * _LEAST_LENGTH <= len(text):
            text = visible(printed(tokens))
    return _typeset(text) if any(sign in text for sign in _TYPED_SIGNS) else text


def one_line(title: str) -> str:
    """Return a readable title without line breaks and double spaces."""
    return " ".join(readable(title).split())


def paragraphs(abstract: str) -> str:
    """Return a readable abstract: hard line breaks joined, paragraphs separated by a newline.

    As in arXiv's texts, a blank or an indented line starts a paragraph.
    """
    if "\n" not in abstract and "\r" not in abstract:
        return one_line(abstract)
    blocks: list[list[str]] = [[]]
    for line in visible(abstract).splitlines():
        if not line.strip() or line[0] in " \t":
            blocks.append([])
        blocks[-1].append(line)
    joined = (one_line("\n".join(block)) for block in blocks)
    return "\n".join(block for block in joined if block)


def _typeset(text: str) -> str:
    """Turn TeX's quotes and dashes into typographic ones; web addresses stay as they are."""
    if "--" in text:
        text = _DASH.sub(lambda match: DASHES.get(match[0], match[0]), text)
    if "``" in text or "''" in text:
        text = _double_quoted(text)
    opening, closing = SINGLE_QUOTES
    return _SINGLE_QUOTED.sub(rf"{opening}\1{closing}", text) if "`" in text else text


def _double_quoted(text: str) -> str:
    opening, closing = DOUBLE_QUOTES
    pieces: list[str] = []
    position, straight = 0, 0
    for match in _DOUBLE_QUOTE.finditer(text):
        start = match.start()
        straight += text.count('"', position, start)
        before = text[start - 1 : start]
        if match[0] == "``" or before in {"", " ", "\n", "(", "["}:
            quote = opening
        else:
            # Many open with a straight quote and close with two single ones.
            quote = '"' if straight % 2 else closing
        pieces += (text[position:start], quote)
        position = match.end()
    return "".join((*pieces, text[position:]))
