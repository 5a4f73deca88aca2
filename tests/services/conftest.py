"""Fixtures for tests with their own servers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.installation import Installation


@pytest.fixture
def make_installation(tmp_path: Path, postgresql_url: str) -> Iterator[Callable[..., Installation]]:
    """Build an installation on an empty PostgreSQL database; it is removed after the test."""
    installations: list[Installation] = []

    def make(**wishes: Any) -> Installation:
        installation = Installation(tmp_path / f"installation{len(installations)}", postgresql_url, **wishes)
        installations.append(installation)
        return installation

    yield make
    for installation in installations:
        installation.close()
