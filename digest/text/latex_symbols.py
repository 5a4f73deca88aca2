"""TeX macros, accents, superscripts and subscripts as Unicode characters.

The table of symbols is pylatexenc's. This module adds accents and scripts, and overrides symbols for which another
character is better in a mail than in print.
"""

# ruff: noqa: RUF001 - characters that look alike are what this module is about

import re
import unicodedata
from functools import lru_cache
from typing import Any

from pylatexenc.latex2text import get_default_latex_context_db

DASHES = {"--": "–", "---": "—"}
DOUBLE_QUOTES = ("“", "”")
SINGLE_QUOTES = ("‘", "’")
PRIME = "′"
RELATIONS = "→←↔⇒⇔⟶⟵↦≤≥≪≫≈≠∈∉⊂⊆⊇≡∝≜"
"""Signs between two operands, printed with spaces around them."""

_COMBINING = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306", ".": "\u0307",
    '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323", "c": "\u0327", "k": "\u0328",
    "b": "\u0331", "t": "\u0361",
}  # fmt: skip

_MATH_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0304", "breve": "\u0306", "dot": "\u0307", "ddot": "\u0308", "check": "\u030c", "vec": "\u20d7",
    "acute": "\u0301", "grave": "\u0300", "mathring": "\u030a",
}  # fmt: skip

_SYMBOLS = {
    # Names of characters.
    "textbackslash": "\\", "backslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textunderscore": "_",
    "textdollar": "$", "textless": "<", "textgreater": ">", "textbar": "|", "lbrace": "{", "rbrace": "}",
    "textquotedblleft": "“", "textquotedblright": "”", "textquoteleft": "‘", "textquoteright": "’",
    "textquotesingle": "'", "textendash": "–", "textemdash": "—", "slash": "/", "colon": ":", "lq": "‘", "rq": "’",
    # Signs with several shapes in print and one in text.
    "sim": "~", "circ": "°", "degree": "°", "textdegree": "°", "deg": "°", "star": "*", "ast": "*", "cdot": "·",
    "bullet": "•", "cdots": "…", "ldots": "…", "dots": "…", "dotsc": "…", "dotsb": "…", "dotsm": "…", "dotsi": "…",
    "prime": "′", "mid": "|", "vert": "|", "lvert": "|", "rvert": "|", "Vert": "‖", "lVert": "‖", "rVert": "‖",
    "parallel": "∥", "colonequals": ":=", "coloneqq": ":=", "geqslant": "≥", "leqslant": "≤", "ge": "≥", "le": "≤",
    "ne": "≠", "setminus": "∖", "checkmark": "✓", "cmark": "✓", "xmark": "✗", "circledR": "®", "textregistered": "®",
    "texttrademark": "™", "textcopyright": "©", "copyright": "©", "textpm": "±", "texttimes": "×", "textmu": "µ",
    "upmu": "µ", "epsilon": "ε", "phi": "φ", "varphi": "φ", "langle": "⟨", "rangle": "⟩", "AA": "Å", "aa": "å",
    "top": "⊤", "triangleq": "≜", "iff": "⇔", "implies": "⇒", "vDash": "⊨", "lbrack": "[", "rbrack": "]",
    # Words.
    "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.",
    "cf": "cf.", "wrt": "w.r.t.", "vs": "vs.", "bmod": "mod", "item": "•", "S": "§", "P": "¶",
    # Space.
    "quad": " ", "qquad": " ", "space": " ", "par": "\n", "newline": " ", "linebreak": " ", "enspace": " ",
    "thinspace": " ", "hfill": " ",
}  # fmt: skip

_SUPERSCRIPTS = dict(
    zip(
        "0123456789+-−=(),'′*°†‡®™abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδε⊤",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾,′′*°†‡®™ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᵀ",
        strict=True,
    )
)
_SUBSCRIPTS = dict(
    zip("0123456789+-−=(),aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎,ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True)
)

_OPERATORS = frozenset("⊥∘∗⋆♯♭⊗⊕∧∨∪∩∖")
_WORD = re.compile(r"[^\W\d_]{2}")
_INDICES = re.compile("[ijklmnpqrst]{2}")
_BLACKBOARD = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))

_DOTLESS = str.maketrans("ıȷ", "ij")


def _script(text: str, forms: dict[str, str], mark: str) -> str:
    if all(character in forms for character in text):
        return "".join(forms[character] for character in text)
    return f"{mark}{text}" if text.isalnum() or len(text) == 1 else f"{mark}({text})"


def superscript(text: str) -> str:
    """Raise `text`, or write it behind `^` where Unicode has no raised form of it.

    A single operator is clear without the caret: C⊥.
    """
    if text in _OPERATORS:
        return text
    return _script(text, _SUPERSCRIPTS, "^")


def subscript(text: str) -> str:
    """Lower `text`, or write it behind `_` where Unicode has no lowered form of it.

    Lowered words are hard to read: of letters only single ones and pairs of indices are lowered.
    """
    if _WORD.search(text) and not _INDICES.fullmatch(text):
        return f"_{text}" if text.isalnum() else f"_({text})"
    return _script(text, _SUBSCRIPTS, "_")


def blackboard(text: str) -> str:
    """Write the letters of number sets as such; other letters have no form that every font shows."""
    return "".join(_BLACKBOARD.get(character, character) for character in text)


def accented(accent: str, content: str) -> str | None:
    """Put a text accent (`'`, `c`, `v` …) on a letter. None if Unicode has no such letter."""
    composed = unicodedata.normalize("NFC", content.translate(_DOTLESS) + _COMBINING[accent])
    return composed if len(composed) == 1 else None


def is_accent(macro: str) -> bool:
    """Whether a macro puts an accent on the text that follows."""
    return macro in _COMBINING


def is_math_accent(macro: str) -> bool:
    """Whether a macro puts an accent on the part of a formula that follows."""
    return macro in _MATH_ACCENTS


def math_accented(macro: str, text: str) -> str:
    r"""Put a math accent (`\hat`, `\bar` …) on one letter; longer text stays as it is."""
    return unicodedata.normalize("NFC", text + _MATH_ACCENTS[macro]) if len(text) == 1 else text


@lru_cache(maxsize=4096)
def symbol(macro: str) -> str | None:
    """Return what a macro without arguments prints, or None if it is not known."""
    if macro in _SYMBOLS:
        return _SYMBOLS[macro]
    known = getattr(_known_macros().get_macro_spec(macro), "simplify_repl", None)
    return known if isinstance(known, str) and known and "%" not in known else None


@lru_cache(maxsize=1)
def _known_macros() -> Any:
    return get_default_latex_context_db()
