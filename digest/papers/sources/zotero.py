"""The items of a Zotero library, of a person or a group, from Zotero's Web API, version 3.

The key is a header of the requests. It is part of no address and of no message, and is not stored.
"""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from digest.errors import BadInput, NotFound, TryLater
from digest.papers.sources.http import Answer, Fetcher
from digest.text.languages import gettext

PAGE_SIZE = 100
"""The largest page of the API."""
LONGEST_READING = timedelta(seconds=60)
"""A person waits for it, and a thread of the web server."""
_LIBRARY = re.compile(
    r"(?:https?://)?(?:www\.)?zotero\.org/groups/(?P<address>[0-9]{1,12})(?:/\S*)?"
    r"|groups?[/ ](?P<group>[0-9]{1,12})|(?:users?[/ ])?(?P<user>[0-9]{1,12})",
    re.IGNORECASE,
)
_KEY = re.compile(r"[A-Za-z0-9]{1,100}")
_READABLE = frozenset({400, 401, 403, 404})


def parse_library(text: str) -> str:
    """Return the path of a library: `users/475425`, or `groups/12345`. Raises BadInput."""
    match = _LIBRARY.fullmatch(text.strip()[:300])
    if match is None:
        raise BadInput(
            gettext(
                "%(text)s is not a Zotero library; give a user ID, which is a number, or a group's address.",
                text=repr(text.strip()[:60]),
            )
        )
    return f"users/{match['user']}" if match["user"] else f"groups/{match['address'] or match['group']}"


def items_of(
    library: str,
    key: str,
    most: int,
    base_url: str,
    fetcher: Fetcher,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[Any]:
    """Return the top-level items of a library as Zotero's JSON, the newest first; it ends soon after `most` items.

    An empty `library` is that of the key's owner. Without a key, only public libraries can be read. Raises BadInput for a
    library or key of another form, NotFound when Zotero refuses them, and TryLater when it does not answer, takes more than
    LONGEST_READING in all, or asks for a longer wait than this run allows.
    """
    if key and not _KEY.fullmatch(key):
        raise BadInput(gettext("This is not a Zotero API key; it has letters and digits only."))
    if not library and not key:
        raise BadInput(gettext("Give a Zotero API key, or the ID of a public library."))
    headers = {"Zotero-API-Version": "3", **({"Zotero-API-Key": key} if key else {})}
    path = parse_library(library) if library else _own_library(base_url, fetcher, headers)
    items: list[Any] = []
    start = 0
    deadline = monotonic() + LONGEST_READING.total_seconds()
    while True:
        parameters = {
            "format": "json", "sort": "dateAdded", "direction": "desc", "limit": str(PAGE_SIZE), "start": str(start),
        }  # fmt: skip
        answer = fetcher.get(
            f"{base_url}/{path}/items/top", parameters, readable_errors=_READABLE, headers=headers
        )
        _raise_refusal(answer, path)
        page = _document(answer, list)
        items += page
        start += PAGE_SIZE
        if len(page) < PAGE_SIZE or start >= _total(answer, start + 1) or len(items) > most:
            return items
        fetcher.heed_backoff(answer)
        if monotonic() > deadline:
            raise TryLater(
                gettext("Zotero answers too slowly; try again later, or export a file from Zotero.")
            )


def _own_library(base_url: str, fetcher: Fetcher, headers: dict[str, str]) -> str:
    answer = fetcher.get(f"{base_url}/keys/current", readable_errors=_READABLE, headers=headers)
    if answer.status != 200:
        raise NotFound(gettext("Zotero does not know this API key; copy it again from your Zotero settings."))
    user = _document(answer, dict).get("userID")
    if not isinstance(user, int):
        raise _unreadable()
    fetcher.heed_backoff(answer)
    return f"users/{user}"


def _raise_refusal(answer: Answer, path: str) -> None:
    kind, _, number = path.partition("/")
    if kind == "groups":
        named = gettext("group %(number)s", number=number)
    else:
        named = gettext("user %(number)s", number=number)
    if answer.status in {401, 403}:
        raise NotFound(
            gettext(
                "Zotero does not let this key read the library of %(owner)s; check the key, and that it may read the "
                "library.",
                owner=named,
            )
        )
    if answer.status != 200:
        raise NotFound(gettext("Zotero has no library of %(owner)s; check the number.", owner=named))


def _document(answer: Answer, kind: type[Any]) -> Any:
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    if answer.cut or not isinstance(document, kind):
        raise _unreadable()
    return document


def _unreadable() -> TryLater:
    return TryLater("Zotero answered with what cannot be read; try again later.")


def _total(answer: Answer, unknown: int) -> int:
    text = answer.headers.get("Total-Results", "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else unknown
