"""Response times do not reveal known addresses; the longer measurement is `python -m tests.web.timing`."""

from pathlib import Path
from random import Random

from digest.store.database import Database
from tests.web.timing import MOST, best_share, measure_all


def test_response_times_do_not_distinguish_known_from_unknown_addresses(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    found = measure_all(tmp_path, database, database_url, 200, first=80)
    assert {path: times.share for path, times in found.items() if times.share > MOST} == {}


def test_a_difference_in_time_would_be_noticed() -> None:
    rng = Random(7)
    some = [rng.gauss(8, 2) for _ in range(200)]
    assert best_share(some, [rng.gauss(8, 2) for _ in range(200)]) < MOST
    assert best_share(some, [rng.gauss(9.5, 2) for _ in range(200)]) > MOST
    assert best_share([3, 1, 2], [6, 4, 5]) == best_share([6, 4, 5], [3, 1, 2]) == 1
    assert best_share([1, 2], [1, 2]) < 1
