"""The wheel contains all files that are read at run time, and the constraints pin every version."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import missing

ROOT = Path(__file__).parent.parent
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+_-]+)")


def project() -> dict[str, list[Requirement]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {
        "run": [Requirement(line) for line in table["project"]["dependencies"]],
        "develop": [Requirement(line) for line in table["dependency-groups"]["dev"]],
    }


def installed_versions(wanted: Iterable[Requirement]) -> dict[str, str]:
    """Return name and version of each requirement, and of their requirements."""
    found: dict[str, str] = {}
    waiting = [(requirement, extra) for requirement in wanted for extra in ("", *requirement.extras)]
    done: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in done:
            continue
        done.add((name, extra))
        try:
            here = distribution(name)
        except PackageNotFoundError:
            pytest.fail(f"{name} is required and not installed")
        found[name] = here.version
        for line in here.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed, one) for one in ("", *needed.extras)]
    return found


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins: dict[str, str] = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in lines)):
        pin = PINNED.fullmatch(line)
        assert pin, f"{line!r} is not of the form name==version"
        pins[canonicalize_name(pin["name"])] = pin["version"]
    return pins


@pytest.mark.parametrize("kind", ["run", "develop"])
def test_every_installed_dependency_is_pinned_at_its_version(kind: str) -> None:
    pins = constraints()
    found = installed_versions(project()[kind])
    assert {name: pins.get(name) for name in found} == found


def test_the_constraints_name_no_host() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert " @ " not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]


def test_no_dependency_is_named_twice_or_comes_from_an_address() -> None:
    for wanted in project().values():
        names = [canonicalize_name(requirement.name) for requirement in wanted]
        assert len(names) == len(set(names))
        assert not [requirement for requirement in wanted if requirement.url]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names of the files in a wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    alone = ["--no-build-isolation"] if find_spec("hatchling") else []
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *alone, "--wheel-dir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode and not alone:
        missing("the package registry, from which the build tool comes,")
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def files_in(folder: str, pattern: str = "*") -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.services
@pytest.mark.timeout(120)
def test_the_wheel_has_all_files_that_are_read_at_run_time(wheel: set[str]) -> None:
    assert {f"digest/{name}" for name in files_in("templates")} <= wheel
    assert files_in("digest/sample") <= wheel
    assert files_in("digest/store/migrations", "*.py") <= wheel
    assert files_in("digest", "*.py") | files_in("workers", "*.py") <= wheel
    for named in ("digest/templates/email/digest/body.mjml", "digest/sample/papers.toml"):
        assert named in wheel


@pytest.mark.services
@pytest.mark.timeout(120)
def test_the_wheel_has_no_other_files(wheel: set[str]) -> None:
    strangers = {
        name for name in wheel if not name.startswith(("digest/", "workers/")) and ".dist-info/" not in name
    }
    assert not strangers
    assert not {name for name in wheel if name.endswith((".pyc", ".db", ".env"))}
