"""ORCID iDs, which name researchers whatever their names are."""

import re

from digest.errors import BadInput
from digest.text.languages import gettext

_ORCID = re.compile(
    r"(?:https?://)?(?:www\.)?(?:orcid\.org/)?([0-9]{4}-?[0-9]{4}-?[0-9]{4}-?[0-9]{3}[0-9Xx])/?"
)
_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]")
_LIKE_ORCID = re.compile(r".*\borcid\.org\b.*|[0-9][0-9\s-]{6,}[0-9Xx]?", re.IGNORECASE)


def parse_orcid(text: str) -> str:
    """Return an ORCID iD in its usual form. Raises BadInput for a text that is none, or has a wrong check digit."""
    match = _ORCID.fullmatch(text.strip()[:100])
    digits = match[1].replace("-", "").upper() if match else ""
    if not digits or _check_digit(digits[:15]) != digits[15]:
        raise BadInput(
            gettext(
                "%(text)s is not an ORCID iD; it looks like 0000-0002-1825-0097.",
                text=repr(text.strip()[:40]),
            )
        )
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


def _check_digit(digits: str) -> str:
    """Return the check digit of ISO 7064 (MOD 11-2)."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    return "X" if rest == 10 else str(rest)


def is_orcid(text: str) -> bool:
    """Return whether a text is an ORCID iD as `parse_orcid` writes it."""
    return _WRITTEN.fullmatch(text) is not None


def parse_author(text: str) -> str:
    """Return an author to follow, with the ORCID iDs among the names `a|b` in their usual form.

    Raises BadInput for a number or address that looks like an ORCID iD and is none.
    """
    names = map(str.strip, text.split("|"))
    return "|".join(parse_orcid(name) if _LIKE_ORCID.fullmatch(name) else name for name in names)
