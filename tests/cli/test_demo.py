"""`digest demo` in an empty folder, with settings that would make it fail if it used them."""

from email import message_from_bytes, policy
from itertools import combinations
from pathlib import Path

import pytest

from tests.cli.shell import Answer, Shell

TRAPS = {
    "DIGEST_DATABASE_URL": "sqlite:///must-not-be-created.db",
    "DIGEST_MAIL_URL": "carrier pigeon",
    "DIGEST_SENDER": "nobody",
    "DIGEST_SECRET_KEY": "not for the demo",
    "DIGEST_FOR_YOU": "0",
    "DIGEST_SOURCES": "newspaper",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / ".env").write_text("DIGEST_QUIET_DAY=sing\n")
    answer = Shell(folder, TRAPS)("demo")
    assert answer.err == ""
    return folder, answer


def test_the_demo_writes_three_mails_and_three_pages_only(shown: tuple[Path, Answer]) -> None:
    folder, _ = shown
    assert sorted(path.name for path in folder.iterdir()) == [".env", "demo-outbox"]
    files = list((folder / "demo-outbox").iterdir())
    assert sorted(path.suffix for path in files) == [".eml"] * 3 + [".html"] * 3
    assert {path.stem for path in files if path.suffix == ".eml"} == {
        path.stem for path in files if path.suffix == ".html"
    }


def test_the_three_subscribers_get_visibly_different_papers(shown: tuple[Path, Answer]) -> None:
    folder, _ = shown
    papers = []
    for file in (folder / "demo-outbox").glob("*.eml"):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        body = message.get_body(("plain",))
        assert body is not None
        words = body.get_content().split()
        papers.append({word for word in words if word.startswith("https://arxiv.org/abs/")})
        assert len(papers[-1]) >= 5
    assert len(papers) == 3
    for one, other in combinations(papers, 2):
        assert len(one & other) <= 0.4 * len(one | other)


def test_every_pick_has_a_reason(shown: tuple[Path, Answer]) -> None:
    _, answer = shown
    lines = [line for line in answer.lines if line.strip()]
    titles = [place for place, line in enumerate(lines) if line.startswith("  - ")]
    assert len(titles) == 9
    assert all(lines[place + 1].startswith("      ") for place in titles)


def test_the_output_names_the_written_mails_and_how_to_open_them(shown: tuple[Path, Answer]) -> None:
    folder, answer = shown
    assert all(str(file.relative_to(folder)) in answer.out for file in folder.glob("demo-outbox/*.html"))
    assert ".eml files in a mail program" in answer.lines[-1]


def test_the_demo_can_run_twice_and_with_another_outbox(tmp_path: Path) -> None:
    shell = Shell(tmp_path, TRAPS)
    shell("demo", "--outbox", "somewhere/else")
    first = sorted(path.name for path in (tmp_path / "somewhere" / "else").iterdir())
    shell("demo", "--outbox", "somewhere/else")
    assert sorted(path.name for path in (tmp_path / "somewhere" / "else").iterdir()) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["somewhere"]
