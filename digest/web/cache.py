"""Caches of one process. An entry is valid for one revision of what it was made from.

cachetools evicts; it knows no revisions, and none of its caches returns the previous value while a thread
makes the next one, which is what `CachedValue` is for.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

from digest.web.page_language import page_variant

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[Value]):
    """A value and the revision it was made from."""

    revision: Hashable
    value: Value


class CachedValue(Generic[Value]):
    """One value, made again when the revision changes. May be used by several threads."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._entry: CacheEntry[Value] | None = None
        self._lock = Lock()

    def peek(self, revision: Hashable) -> CacheEntry[Value] | None:
        """Return the entry if it is of this revision or a thread is making the next one; never make it."""
        entry = self._entry
        if entry is not None and (entry.revision == revision or self._lock.locked()):
            return entry
        return None

    def get(self, revision: Hashable) -> CacheEntry[Value]:
        """Return the entry of this revision; the previous one while another thread makes it."""
        entry = self.peek(revision)
        if entry is not None:
            return entry
        with self._lock:
            if self._entry is None or self._entry.revision != revision:
                self._entry = CacheEntry(revision, self._make())
            return self._entry


class RevisionCache(Generic[Value]):
    """The most recently used values by key, each valid for one revision. May be used by several threads."""

    def __init__(self, size: int) -> None:
        self._entries: LRUCache[Hashable, CacheEntry[Value]] = LRUCache(size)
        self._lock = Lock()

    def get(self, key: Hashable, revision: Hashable) -> Value | None:
        """Return the value of a key, or None if there is none of this revision."""
        with self._lock:
            entry = self._entries.get(key)
        return entry.value if entry is not None and entry.revision == revision else None

    def put(self, key: Hashable, revision: Hashable, value: Value) -> None:
        """Store a value; when the cache is full, the least recently used one is evicted."""
        with self._lock:
            self._entries[key] = CacheEntry(revision, value)


class PageCache(RevisionCache[Value]):
    """Pages by key. The language of a page is part of its key."""

    def get(self, key: Hashable, revision: Hashable) -> Value | None:
        """Return the page of a key in the language of the request, or None if there is none of this revision."""
        return super().get((key, page_variant()), revision)

    def put(self, key: Hashable, revision: Hashable, value: Value) -> None:
        """Store a page in the language of the request."""
        super().put((key, page_variant()), revision, value)
