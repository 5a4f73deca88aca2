"""Removal of characters that a person cannot see, from any text that comes from outside."""

import re
import unicodedata

_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
    # Joiners shape Persian and Indic words and family emoji; elsewhere they only hide differences.
    "|(?<![^\x00-\u02ff\u200c\u200d])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\u02ff\u200c\u200d])"
)
_MOST_MARKS = 30
"""Combining marks in a row that Unicode's stream-safe format allows (UAX 15); composing takes quadratic time."""
_MANY_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")
_BREAKS = {"\x0b": " ", "\x0c": " ", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}


def visible(text: str) -> str:
    """Return `text` without control, zero-width and direction-override characters, accents composed."""
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub(lambda match: _BREAKS.get(match[0], ""), text)
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _MANY_MARKS.sub(_limit_marks, text))


def _limit_marks(match: re.Match[str]) -> str:
    """Keep at most _MOST_MARKS combining marks in a row."""
    characters: list[str] = []
    marks = 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            characters.append(character)
    return "".join(characters)
