"""The caches of a process: a value is made once per revision, and only one thread waits for it."""

from itertools import count
from threading import Event, Thread

from digest.domain.pick import Card
from digest.web.cache import CachedValue, CacheEntry, RevisionCache
from digest.web.catalogue import varied
from tests.factories import TUESDAY


def test_a_value_is_made_once_per_revision() -> None:
    numbers = count(1)
    cached = CachedValue(lambda: next(numbers))
    assert [cached.get(revision).value for revision in "aabb"] == [1, 1, 2, 2]


def test_while_one_thread_makes_the_next_value_others_get_the_previous_one() -> None:
    making, may_finish = Event(), Event()
    values = iter(["old", "new"])

    def make() -> str:
        value = next(values)
        if value == "new":
            making.set()
            may_finish.wait(10)
        return value

    cached = CachedValue(make)
    assert cached.get(1) == CacheEntry(1, "old")
    maker = Thread(target=cached.get, args=(2,))
    maker.start()
    assert making.wait(10)
    assert cached.get(2) == cached.peek(2) == CacheEntry(1, "old")
    may_finish.set()
    maker.join(10)
    assert cached.peek(3) is None
    assert cached.get(2) == CacheEntry(2, "new")


def test_the_least_recently_used_value_is_evicted() -> None:
    cache: RevisionCache[int] = RevisionCache(2)
    cache.put("a", 1, 1)
    cache.put("b", 1, 2)
    assert cache.get("a", 1) == 1
    cache.put("c", 1, 3)
    assert (cache.get("a", 1), cache.get("b", 1), cache.get("c", 1)) == (1, None, 3)


def test_a_value_of_another_revision_is_not_returned() -> None:
    cache: RevisionCache[int] = RevisionCache(2)
    cache.put("a", 1, 1)
    assert cache.get("a", 2) is None
    assert cache.get("a", None) is None
    cache.put("a", 2, 5)
    assert cache.get("a", 2) == 5


def test_starters_take_turns_between_fields() -> None:
    cards = [
        Card(str(number), "", (), "", (field,) if field else (), TUESDAY, "")
        for number, field in enumerate(["a", "a", "a", "b", "", "b"])
    ]
    assert [card.paper_id for card in varied(cards, 5)] == ["0", "3", "4", "1", "5"]
