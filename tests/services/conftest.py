"""Fixtures for tests that need servers of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Site


@pytest.fixture
def make_site(tmp_path: Path, postgresql_url: str) -> Iterator[Callable[..., Site]]:
    """Build an installation on an empty PostgreSQL database; it is gone after the test."""
    sites: list[Site] = []

    def make(**wishes: Any) -> Site:
        site = Site(tmp_path / f"site{len(sites)}", postgresql_url, **wishes)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()
