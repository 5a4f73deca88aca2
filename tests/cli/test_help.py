"""Help texts of all commands, and the modules that are imported at the start."""

import subprocess
import sys

import pytest

from digest import cli
from tests.cli.shell import Shell
from tests.reference import FILE, commands, reference

HEAVY = {"numpy", "scipy", "sklearn", "sqlalchemy", "httpx", "celery", "fastapi", "jinja2", "feedparser"}


@pytest.mark.parametrize("words", list(commands()), ids=lambda words: " ".join(words) or "digest")
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_help_text_has_an_example_of_its_command(
    tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...], flag: str
) -> None:
    answer = Shell(tmp_path_factory.getbasetemp())(*words, flag)
    assert answer.err == ""
    assert f"Example: {' '.join(('digest', *words))}" in " ".join(answer.out.split())
    assert "\x1b" not in answer.out


@pytest.mark.parametrize("words", [(), ("papers",), ("subscribers",), ("deliveries",)], ids=str)
def test_a_group_without_a_command_shows_its_help(empty: Shell, words: tuple[str, ...]) -> None:
    answer = empty.tries(*words)
    assert (answer.code, answer.err) == (2, "")
    assert "Example:" in answer.out


def test_the_documented_commands_exist() -> None:
    found = set(commands())
    top = ["demo", "init", "run", "preview", "explain", "status", "doctor", "settings"]
    papers = ["fetch", "import", "list", "search", "similar", "show"]
    subscribers = ["add", "list", "show", "edit", "pause", "resume", "remove", "confirm", "import", "export"]
    deliveries = ["list", "show", "retry"]
    suppressions = ["list", "show", "lift", "add", "export", "apply"]
    assert {(name,) for name in top} <= found
    assert {("papers", name) for name in papers} <= found
    assert {("subscribers", name) for name in subscribers} <= found
    assert {("deliveries", name) for name in deliveries} <= found
    assert {("suppressions", name) for name in suppressions} <= found


def test_the_page_of_all_commands_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == reference(), "docs/reference.md differs; run: make reference"


def test_the_version_is_printed(empty: Shell) -> None:
    assert empty("--version").out.startswith("trending-papers-digest ")


@pytest.mark.parametrize("module", ["digest.cli.app", cli.__name__, "digest.settings"])
def test_nothing_heavy_is_imported_before_a_command_needs_it(module: str) -> None:
    probe = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(loaded.stdout.split())
