"""Papers and a subscriber with text that attacks HTML, templates and headers."""

from typing import Any

from digest.domain.paper import Paper
from digest.domain.subscriber import Subscriber
from digest.jobs.daily import Job, run
from digest.wiring import Container
from tests.factories import (
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    delivery_context,
    make_paper,
    make_papers,
)

ATTACK = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7191*7}}\u202e"
"""Tags, closing tags, quotes, a template expression, and a direction override."""


def hostile_paper() -> Paper:
    return make_paper(
        1,
        title=f"Gaussian splatting {ATTACK}",
        abstract=f"Gaussian splatting {ATTACK}. " * 20,
        authors=(ATTACK, "Bo Li"),
        categories=('cs.CV"><script>', "cs.LG"),
        links={"code": "javascript:alert(3)", "project": 'https://x.example/"onmouseover=alert(4)'},
        announced_on=TUESDAY,
    )


def add_hostile_papers(container: Container) -> None:
    add_papers(container.database, hostile_paper(), *make_papers(9, first=2))


def add_hostile_subscriber(
    container: Container, address: str = "ada@example.org", **fields: Any
) -> Subscriber:
    """Add a subscriber with hostile interests."""
    return add_subscriber(
        container.database,
        address,
        topics=[f"gaussian splatting {ATTACK}"],
        follow=[ATTACK],
        mute=[f"x{ATTACK}"],
        must=[f"splatting|{ATTACK}"],
        **fields,
    )


def send_digests(container: Container) -> None:
    """Send each subscriber the digest of Wednesday."""
    run(delivery_context(container.database), container.profiles, Job(), lambda: at(WEDNESDAY))
