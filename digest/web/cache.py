"""Values that cost something to make, kept by a process until what they were made from has changed."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CacheEntry(Generic[Value]):
    """A value and the stamp it was made for."""

    revision: object
    value: Value


class CachedValue(Generic[Value]):
    """One value, made again when its stamp changes. While that goes on, others get the last one."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._entry: CacheEntry[Value] | None = None
        self._lock = Lock()

    def get(self, revision: object) -> CacheEntry[Value]:
        """Return the value for this stamp, or the one before while somebody else is making it."""
        entry = self._entry
        if entry is not None and (entry.revision == revision or self._lock.locked()):
            return entry
        with self._lock:
            if self._entry is None or self._entry.revision != revision:
                self._entry = CacheEntry(revision, self._make())
            return self._entry


class LruCache(Generic[Value]):
    """The values used last, by key; so many and no more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[object, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object) -> Value | None:
        """Return the value of a key, if it is kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: object, value: Value) -> None:
        """Keep a value, at the cost of the one longest unused."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
