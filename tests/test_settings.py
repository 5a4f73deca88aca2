"""Settings: descriptions, masked secrets, errors in one line, and the table in the README."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.errors import BadInput
from digest.papers.sources.configured import fetcher_from
from digest.setting_types import as_written
from digest.settings import Settings, read_settings
from tests.cli.shell import Shell

ROOT = Path(__file__).parent.parent
SECRETS = {
    "DIGEST_DATABASE_URL": "postgresql://user:hunter2@127.0.0.1/digest",
    "DIGEST_BROKER_URL": "redis://:hunter2@127.0.0.1:6379/0",
    "DIGEST_MAIL_URL": "smtp://user:hunter2@mail.example.org:587",
    "DIGEST_SECRET_KEY": "hunter2hunter2",
}


def settings_table() -> str:
    """Return the README's table of settings: one row each, in the order of the class."""
    rows = ["| Setting | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = _default(field.default)
        meaning = (field.description or "").replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `DIGEST_{name.upper()}` | {default} | {meaning} |")
    return "\n".join(rows)


def _default(value: Any) -> str:
    shown = value.get_secret_value() if hasattr(value, "get_secret_value") else as_written(value)
    return f"`{shown}`" if shown else ""


def test_the_readme_lists_every_setting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.search(r"<!-- settings -->\n(.*?)<!-- /settings -->", readme, re.DOTALL)
    assert told is not None, "README.md has no table between <!-- settings --> and <!-- /settings -->"
    assert told[1].strip() == settings_table()


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_explained_in_a_sentence(name: str) -> None:
    words = Settings.model_fields[name].description
    assert words
    assert words[0].isupper() or words.startswith("arXiv")
    assert words.endswith((".", "s."))
    assert "\n" not in words


def test_defaults_need_no_environment() -> None:
    assert read_settings() == Settings()
    assert as_written(Settings().sources) == "huggingface,arxiv"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://me:hunter2@feeds.example.org/rss", "https://***@feeds.example.org/rss"),
        ("https://me:hun@ter2@feeds.example.org", "https://***@feeds.example.org"),
        ("https://token@feeds.example.org/a@b", "https://***@feeds.example.org/a@b"),
        ("https://feeds.example.org/a@b", "https://feeds.example.org/a@b"),
        ("Papers <digest@example.org>", "Papers <digest@example.org>"),
    ],
)
def test_users_and_passwords_in_urls_are_masked(value: str, shown: str) -> None:
    assert as_written(value) == shown


def test_secrets_are_masked_wherever_they_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in shown
    shell = Shell(tmp_path, SECRETS)
    for words in (("settings",), ("settings", "--json")):
        assert "hunter2" not in shell(*words).out


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SOURCES", "arxiv,gulls", "there is no feed 'gulls'"),
        ("BASE_URL", "papers.example.org", "https://"),
        ("HUGGINGFACE_URL", "ftp://example.org", "https://"),
        ("ARXIV_API_URL", "http://", "https://"),
        ("FETCH_TRIES", "0", "greater than or equal to 1"),
        ("FETCH_TIMEOUT", "0", "greater than 0"),
        ("STALE_AFTER", "a while", "20h"),
        ("STALE_AFTER", "-1h", "20h"),
        ("QUIET_DAY", "maybe", "'skip' or 'note'"),
    ],
)
def test_an_invalid_setting_gives_a_one_line_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    monkeypatch.setenv(f"DIGEST_{name}", value)
    with pytest.raises(BadInput, match=f"^DIGEST_{name}: ") as refused:
        read_settings()
    assert hint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30", timedelta(seconds=30)),
        ("0", timedelta(0)),
        ("0.25s", timedelta(milliseconds=250)),
        ("5m", timedelta(minutes=5)),
        ("90 m", timedelta(minutes=90)),
        ("20h", timedelta(hours=20)),
        ("2d", timedelta(days=2)),
    ],
)
def test_durations_have_units(monkeypatch: pytest.MonkeyPatch, text: str, span: timedelta) -> None:
    monkeypatch.setenv("DIGEST_STALE_AFTER", text)
    settings = read_settings()
    assert settings.stale_after == span
    monkeypatch.setenv("DIGEST_STALE_AFTER", as_written(span))
    assert read_settings() == settings


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_default_can_be_written_as_it_is_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    default = Settings.model_fields[name].default
    if as_written(default) and not hasattr(default, "get_secret_value"):
        monkeypatch.setenv(f"DIGEST_{name.upper()}", as_written(default))
    assert getattr(read_settings(), name) == default


@pytest.mark.parametrize("text", ["cs.CL,cs.CV", "cs.CL cs.CV", " cs.CL , cs.CV "])
def test_a_list_is_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DIGEST_ARXIV_CATEGORIES", text)
    assert read_settings().arxiv_categories == ("cs.CL", "cs.CV")


def test_a_setting_left_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_BROKER_URL", "")
    monkeypatch.setenv("DIGEST_FETCH_LIMIT_MB", "")
    assert read_settings() == Settings()


def test_a_final_slash_is_removed_from_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_BASE_URL", "https://papers.example.org/")
    assert read_settings().base_url == "https://papers.example.org"


@pytest.mark.parametrize("name", ["for_you", "mail_url"])
def test_settings_are_immutable(name: str) -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings(), name, 3)


def test_a_feed_is_tried_as_often_as_configured() -> None:
    fetcher = fetcher_from(Settings(fetch_tries=2), "1", lambda: pytest.fail("no clock is needed"))
    assert fetcher._tries == 2
    fetcher.close()
