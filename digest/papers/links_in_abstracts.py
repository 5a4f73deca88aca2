"""Web addresses in an abstract: the code repository and the project page."""

import re

_REPOSITORY = re.compile(
    r"(?<![\w.@-])(?:https?://)?(?:www\.)?"
    r"(?P<place>(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)/[\w.-]{1,100}/[\w.-]{1,100})",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"(?<![\w.@/-])(?:https?://)?"
    r"(?P<place>(?:[\w-]{1,63}\.(?:github|gitlab)\.io|sites\.google\.com/(?:view|site)/[\w-]{1,100})(?:/[\w./~-]{0,200})?)",
    re.IGNORECASE,
)
_CALLED_PAGE = re.compile(
    r"\b(?:project|home|web) ?(?:page|site)s?\b[^.!?\n]{0,60}?(?P<scheme>https?://)(?P<place>[^\s<>\"'\\(){}]{4,300})",
    re.IGNORECASE,
)


def named_addresses(abstract: str) -> dict[str, str]:
    """Return the addresses in an abstract by kind: `code` for a repository, `project` for a project page."""
    found: dict[str, str] = {}
    repository = _REPOSITORY.search(abstract)
    if repository:
        found["code"] = f"https://{_trimmed(repository['place']).removesuffix('.git')}"
    page = _PAGE.search(abstract)
    called = _CALLED_PAGE.search(abstract)
    if page:
        found["project"] = f"https://{_trimmed(page['place'])}"
    elif called and not _REPOSITORY.match(called["scheme"] + called["place"]):
        found["project"] = called["scheme"] + _trimmed(called["place"])
    return found


def _trimmed(address: str) -> str:
    """Remove the punctuation of the sentence after an address."""
    return address.rstrip(".,;:!?-")
