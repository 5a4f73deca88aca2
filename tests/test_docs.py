"""The documentation: commands parse, links lead to files, versions agree."""

import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer import Exit, TyperException
from typer.core import TyperGroup

from digest.cli.app import application
from digest.store.models import metadata

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]

_BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|\b(?:src|srcset|href)=\"([^\"\s]+)")
_PATH = re.compile(r"`((?:digest|workers|tests|templates|docs|deploy)/[\w./-]*)`")
_NAME = re.compile(r"`((?:digest|workers)(?:\.\w+)+)`")
_BETWEEN = {"&&", "||", "|", ";", "&", ">", ">>", "<", "2>"}


def code_lines(page: Path) -> Iterator[str]:
    """Yield the lines of the page's code blocks, continued lines joined."""
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        yield from block.replace("\\\n", " ").splitlines()


def commands_in(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `digest` in a line of shell."""
    spaced = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars="&|;<>")
    spaced.whitespace_split = True
    spaced.commenters = "#"
    try:
        words = list(spaced)
    except ValueError:
        # An open quote: this line is not shell code.
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in _BETWEEN:
            command.append(word)
            continue
        while command and (
            re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", command[0]) or command[0] in {"sudo", "time"}
        ):
            del command[0]
        if command and command[0].rpartition("/")[2] == "digest":
            yield command[1:]
        # After < or > follows a file.
        command = ["a file"] if "<" in word or ">" in word else []


CALLS = [
    pytest.param(words, id=f"{page.name}: digest {' '.join(words)}")
    for page in PAGES
    if page.exists()
    for line in code_lines(page)
    for words in commands_in(line)
]


def parse(words: list[str]) -> None:
    """Parse the arguments with the command line, without running the command."""
    command = typer.main.get_command(application)
    context = None
    while isinstance(command, TyperGroup):
        name = next((word for word in words if not word.startswith("-")), "")
        before, words = (
            words[: words.index(name)] if name else words,
            words[words.index(name) + 1 :] if name else [],
        )
        assert set(before) <= {"--help", "-h", "--version"}, f"{before} stands before the command"
        if not name:
            return
        assert name in command.commands, f"there is no command {name!r}"
        context = command.make_context("digest", [name], parent=context)
        command = command.commands[name]
    try:
        command.make_context("digest", list(words), parent=context)
    except Exit:
        assert {"--help", "-h"} & set(words)
    except TyperException as error:
        pytest.fail(error.format_message())


@pytest.mark.parametrize("words", CALLS)
def test_every_command_in_the_docs_parses(words: list[str]) -> None:
    parse(words)


def test_the_parser_of_this_test_rejects_bad_commands() -> None:
    assert list(
        commands_in("$ DIGEST_X=1 digest init && digest papers fetch | head > digest.txt # digest no")
    ) == [
        ["init"],
        ["papers", "fetch"],
    ]
    parse(["papers", "import", "../shared/papers.jsonl.gz"])
    parse(["subscribers", "add", "ana@example.org", "--topics", "gulls and terns", "--confirmed"])
    parse(["run", "--help"])
    parse(["--version"])
    for wrong in (["frobnicate"], ["papers", "frobnicate"], ["run", "--frobnicate"]):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            parse(wrong)


LINKS = [
    pytest.param(page, link, id=f"{page.name}: {link}")
    for page in PAGES
    if page.exists()
    for groups in _LINK.findall(page.read_text(encoding="utf-8"))
    for link in groups
    if link and not re.match(r"[a-z][a-z0-9+.-]*:", link)
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_every_relative_link_leads_to_a_file(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    assert target.is_relative_to(ROOT)
    if anchor and target.suffix == ".md":
        assert anchor in anchors(target.read_text(encoding="utf-8"))


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*$", re.sub(_BLOCK, "", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


NAMED_PATHS = [
    pytest.param(path, id=f"{page.name}: {path}")
    for page in PAGES
    for path in sorted(set(_PATH.findall(page.read_text(encoding="utf-8"))))
]


@pytest.mark.parametrize("path", NAMED_PATHS)
def test_every_path_in_the_docs_exists(path: str) -> None:
    assert (ROOT / path).exists()


NAMES = [
    pytest.param(name, id=f"{page.name}: {name}")
    for page in PAGES
    for name in sorted(set(_NAME.findall(page.read_text(encoding="utf-8"))))
]


@pytest.mark.parametrize("name", NAMES)
def test_every_code_name_in_the_docs_exists(name: str) -> None:
    pkgutil.resolve_name(name)


def test_a_name_that_does_not_exist_is_found() -> None:
    for wrong in ("digest.mail.pigeon", "digest.mail.envelope.Pigeon", "digest.mail.envelope.Envelope.wings"):
        with pytest.raises((ImportError, AttributeError)):
            pkgutil.resolve_name(wrong)


def test_the_tables_of_a_delivery_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\|[^|]+\|[^|]+\|([^|]+)\|[^|]+\|$", text, re.MULTILINE)
    written = [name for cell in steps for name in re.findall(r"`(\w+(?:\.\w+)?)`", cell)]
    assert len(written) > 10
    for name in written:
        table, _, column = name.partition(".")
        assert table in metadata.tables
        assert not column or column in metadata.tables[table].columns


def test_the_newest_version_of_the_changelog_is_this_one() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]?(?: - (\d{4}-\d{2}-\d{2}))?$", changelog, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert versions[0][0] == project["version"]
    assert all(day for _, day in versions)
    assert versions == sorted(
        versions, key=lambda one: [int(part) for part in one[0].split(".")], reverse=True
    )
