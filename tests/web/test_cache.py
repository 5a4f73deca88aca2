"""What a process keeps: made once, anew when its stamp changes, and never waited for twice."""

from itertools import count
from threading import Event, Thread

from digest.mail.content import Card
from digest.web.cache import CachedValue, CacheEntry, LruCache
from digest.web.catalogue import varied
from tests.factories import TUESDAY


def test_a_value_is_made_once_per_stamp() -> None:
    numbers = count(1)
    kept = CachedValue(lambda: next(numbers))
    assert [kept.get(revision).value for revision in "aabb"] == [1, 1, 2, 2]


def test_while_one_makes_the_next_value_others_get_the_last() -> None:
    making, may_finish = Event(), Event()
    values = iter(["old", "new"])

    def make() -> str:
        value = next(values)
        if value == "new":
            making.set()
            may_finish.wait(10)
        return value

    kept = CachedValue(make)
    assert kept.get(1) == CacheEntry(1, "old")
    maker = Thread(target=kept.get, args=(2,))
    maker.start()
    assert making.wait(10)
    assert kept.get(2) == CacheEntry(1, "old")
    may_finish.set()
    maker.join(10)
    assert kept.get(2) == CacheEntry(2, "new")


def test_only_so_many_are_kept_and_the_longest_unused_goes() -> None:
    kept: LruCache[int] = LruCache(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)


def test_starters_take_turns_between_fields() -> None:
    cards = [
        Card(str(number), "", (), "", (field,) if field else (), TUESDAY, "")
        for number, field in enumerate(["a", "a", "a", "b", "", "b"])
    ]
    assert [card.paper_id for card in varied(cards, 5)] == ["0", "3", "4", "1", "5"]
