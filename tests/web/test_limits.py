"""Hourly limits: shared by all processes with one Redis, and counted per process without it."""

import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from digest.errors import BadInput
from digest.web.app import create_app
from digest.web.limits import (
    MAILS_PER_NETWORK,
    MAILS_PER_SITE,
    HourlyLimits,
    mail_limits,
)
from tests.factories import SECRET, Clock, together
from tests.services.installation import free_port
from tests.web.client import Client
from tests.web.conftest import make_container


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", ["192.0.2.7"]),
        ("::ffff:192.0.2.7", ["192.0.2.7"]),
        ("2001:db8:1:2:3:4:5:6", ["2001:db8:1:2::/64", "2001:db8:1::/48"]),
        ("fe80::1%eth0", ["fe80::/64", "fe80::/48"]),
        ("unix:", ["unix:"]),
        ("", [""]),
    ],
)
def test_a_network_counts_as_one_client(host: str, counted: list[str]) -> None:
    networks = [key.removeprefix("network ") for key in mail_limits(host, "example.org") if "network" in key]
    assert networks == counted


def test_whoever_changes_networks_within_a_site_is_stopped_by_the_limit_of_the_site() -> None:
    limits = HourlyLimits(SECRET)

    def ask(context: int, network: int) -> bool:
        return limits.allow(
            mail_limits(f"2001:db8:{context:x}:{network:x}::{network:x}", f"d{network}.example")
        )

    assert sum(ask(1, network) for network in range(200)) == MAILS_PER_SITE
    assert sum(ask(2, 7) for _ in range(200)) == MAILS_PER_NETWORK
    assert not ask(1, 500)
    assert ask(3, 500)


def test_a_mail_counts_towards_its_network_its_domain_and_all() -> None:
    assert mail_limits("192.0.2.7", "Example.ORG") == mail_limits("192.0.2.7", "example.org")
    assert set(mail_limits("192.0.2.7", "a.example")) & set(mail_limits("192.0.2.8", "b.example")) == {
        "mails"
    }


def test_who_is_refused_uses_up_nothing() -> None:
    limits = HourlyLimits(SECRET)
    assert limits.allow({"a": 1})
    for _ in range(5):
        assert not limits.allow({"b": 3, "a": 1})
    assert [limits.allow({"b": 3}) for _ in range(4)] == [True, True, True, False]


def test_threads_of_one_process_get_no_more_than_the_limit() -> None:
    limits = HourlyLimits(SECRET)
    found = together(*[lambda: [limits.allow({"a": 30}) for _ in range(20)]] * 6)
    assert sum(map(sum, found)) == 30


def test_keys_do_not_fill_the_memory() -> None:
    limits = HourlyLimits(SECRET)
    assert limits.allow({"a": 1})
    limits._allowed = 25_000
    assert limits.allow({"b": 1})
    assert limits.allow({"a": 1})


@pytest.mark.services
def test_processes_with_one_redis_share_the_limit(redis_url: str) -> None:
    shared = [HourlyLimits(SECRET, redis_url) for _ in range(4)]

    def ask(limits: HourlyLimits) -> int:
        return sum(limits.allow({"a": 50, "b": 1000}) for _ in range(30))

    assert sum(together(*[lambda one=one: ask(one) for one in shared])) == 50


@pytest.mark.services
def test_two_applications_share_the_limit_of_a_network(
    sqlite_url: str, redis_url: str, clock: Clock, tmp_path: Path
) -> None:
    both = [make_container(sqlite_url, clock, tmp_path, broker_url=redis_url) for _ in range(2)]
    first, second = (Client(create_app(container, timedelta(0))) for container in both)
    for number in range(MAILS_PER_NETWORK):
        client = (first, second)[number % 2]
        assert client.request_mail(f"r{number}@example.org").status_code == 200
    assert first.request_mail("late@example.org").status_code == 429
    assert second.request_mail("late@example.org").status_code == 429
    assert Client(second.app, "192.0.2.2").request_mail("late@example.org").status_code == 200
    for container in both:
        container.close()


@pytest.mark.services
def test_redis_has_no_readable_address(redis_url: str) -> None:
    assert HourlyLimits(SECRET, redis_url).allow(mail_limits("192.0.2.7", "private.example.org"))
    with Redis.from_url(redis_url) as redis:
        names = redis.keys()
        values = [*names, *(part for name in names for part in redis.lrange(name, 0, -1))]
    assert len(values) == 6
    assert not [one for one in values if b"192.0.2" in one or b"private" in one]


def silent_server() -> socket.socket:
    """Start a server that accepts connections and never answers."""
    return socket.create_server(("127.0.0.1", 0))


def test_a_redis_that_does_not_answer_holds_nobody_up_and_limits_hold_in_each_process() -> None:
    with silent_server() as silent:
        for port in (free_port(), silent.getsockname()[1]):
            limits = HourlyLimits(SECRET, f"redis://127.0.0.1:{port}/0")
            begun = time.monotonic()
            assert sum(limits.allow({"a": 20}) for _ in range(30)) == 20
            assert time.monotonic() - begun < 3


@pytest.mark.services
def test_without_redis_a_process_continues_with_its_own_count(redis_url: str) -> None:
    limits, other = (HourlyLimits(SECRET, redis_url) for _ in range(2))
    assert [limits.allow({"a": 20}) for _ in range(12)] == [True] * 12
    assert [other.allow({"a": 20}) for _ in range(8)] == [True] * 8
    assert not limits.allow({"a": 20})
    with Redis.from_url(redis_url) as redis:
        redis.shutdown(nosave=True)
    assert sum(limits.allow({"a": 20}) for _ in range(20)) == 8


@pytest.mark.services
def test_a_redis_that_answers_again_is_used(redis_url: str) -> None:
    limits = HourlyLimits(SECRET, redis_url, retry_seconds=0)
    with Redis.from_url(redis_url) as redis:
        redis.client_pause(1000)
        assert limits.allow({"a": 1})
        redis.ping()
    assert HourlyLimits(SECRET, redis_url).allow({"a": 1})
    assert limits.allow({"b": 1})
    assert not HourlyLimits(SECRET, redis_url).allow({"b": 1})


def test_an_address_that_is_none_is_said_at_once() -> None:
    with pytest.raises(BadInput, match="DIGEST_BROKER_URL"):
        HourlyLimits(SECRET, "redis://127.0.0.1:port/0")
