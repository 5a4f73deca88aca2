"""Header fields of a mail: encoded where not ASCII (RFC 2047), folded, impossible to break out of."""

import re
from base64 import b64encode

FOLD_AT = 78
LINE_LIMIT = 998
_WORD_LIMIT = 75
_NOT_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_FRAME = len("=?utf-8?q??=")
_SPACE = ord(" ")
# RFC 2047 § 5 (3), so that a word may stand in a display name too; a space is written "_".
_Q_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/ ")
_Q_BYTES = {ord(content): content for content in _Q_CHARACTERS} | {_SPACE: "_"}


def unstructured(name: str, value: str) -> str:
    """Return the field `name: value` for free text (a Subject), encoded and folded, without the last CRLF.

    Line breaks and control characters become a space; nothing in `value` can start another field.
    """
    line = " ".join(_NOT_A_LINE.sub(" ", value).split())
    if line.isascii() and "=?" not in line and max(map(len, line.split(" ")), default=0) < FOLD_AT:
        return fold(f"{name}: {line}")
    return fold(f"{name}: {' '.join(encoded_words(line, first=_WORD_LIMIT - len(name) - 2))}")


def structured(name: str, value: str) -> str:
    """Return the field `name: value` for a value that is ASCII by construction, folded, without the last CRLF.

    Raises ValueError for a value with a control character, with anything that is not ASCII, or with a
    word that makes a line longer than RFC 5322 allows: such a value was built wrongly.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a header field")
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"the header field {name} must be printable ASCII")
    field = fold(f"{name}: {value}")
    if len(field) > LINE_LIMIT and any(len(line) > LINE_LIMIT for line in field.split("\r\n")):
        raise ValueError(f"the header field {name} has a line longer than {LINE_LIMIT} characters")
    return field


def fold(field: str) -> str:
    """Return the field broken before spaces into lines of at most 78, where there are spaces to break at."""
    if len(field) <= FOLD_AT:
        return field
    name, _, value = field.partition(": ")
    lines = [f"{name}:"]
    for word in value.split(" "):
        # The first word stays beside the name: a line with a name and nothing else confuses some readers.
        if len(lines) == 1 and lines[0] == f"{name}:":
            lines[0] += f" {word}"
        elif word and len(lines[-1]) + 1 + len(word) > FOLD_AT:
            lines.append(f" {word}")
        else:
            lines[-1] += f" {word}"
    return "\r\n".join(lines)


def encoded_words(text: str, first: int = _WORD_LIMIT) -> list[str]:
    """Return `text` as RFC 2047 encoded words of at most 75 characters, no character torn between two.

    `first` is the room for the first one, beside the field's name. Readers drop the spaces between them.
    """
    if not text:
        return []
    data = text.encode()
    in_base64 = sum(1 if byte in _Q_BYTES else 3 for byte in data) > len(data) * 4 // 3 + 4
    room = max(first, 24) - _FRAME
    words: list[str] = []
    start = length = 0
    for index, character in enumerate(text):
        width = 1 if character in _Q_CHARACTERS else len(character.encode()) * (1 if in_base64 else 3)
        filled = (length + width + 2) // 3 * 4 if in_base64 else length + width
        if filled > room and index > start:
            words.append(_encoded(text[start:index], in_base64=in_base64))
            start, length, room = index, 0, _WORD_LIMIT - _FRAME
        length += width
    return [*words, _encoded(text[start:], in_base64=in_base64)]


def _encoded(text: str, *, in_base64: bool) -> str:
    data = text.encode()
    if in_base64:
        return f"=?utf-8?b?{b64encode(data).decode('ascii')}?="
    letters = "".join(_Q_BYTES.get(byte) or f"={byte:02X}" for byte in data)
    return f"=?utf-8?q?{letters}?="
