from datetime import timedelta
from pathlib import Path

import pytest

from digest.doctor.configuration import (
    judge_base_url,
    judge_contact,
    judge_names,
    judge_secret_key,
    judge_sender,
    judge_waits,
    names_given,
)
from digest.mail.smtp_session import Server, Tls
from tests.doctor.helpers import FAR, REAL_SENDER

NEAR = Server("localhost", 25, Tls.NONE)


# Settings


@pytest.mark.parametrize(
    ("key", "has_one_file", "state"),
    [
        (None, True, "good"),
        (None, False, "warning"),
        ("k3y", True, "warning"),
        ("0123456789abcdef" * 4, False, "good"),
        ("00000000111111112222222233333333", False, "warning"),
        ("please-change-me-to-something-else", False, "warning"),
    ],
)
def test_the_secret_key_is_judged(key: str | None, has_one_file: bool, state: str) -> None:
    check = judge_secret_key(key, has_one_file=has_one_file)
    assert check.state == state
    assert key is None or key not in repr(check)


@pytest.mark.parametrize(
    ("url", "server", "state"),
    [
        ("http://localhost:8000", None, "good"),
        ("http://127.0.0.1:8000", NEAR, "good"),
        ("http://localhost:8000", FAR, "warning"),
        ("https://localhost:8000", FAR, "warning"),
        ("https://papers.ac", FAR, "good"),
        ("http://papers.ac", FAR, "bad"),
        ("http://papers.ac", None, "warning"),
    ],
)
def test_the_base_url_is_judged(url: str, server: Server | None, state: str) -> None:
    assert judge_base_url(url, server).state == state


@pytest.mark.parametrize(
    ("sender", "server", "state"),
    [
        ("Papers <digest@localhost>", None, "good"),
        ("Papers <digest@localhost>", FAR, "bad"),
        ("Papers <digest@localhost>", NEAR, "warning"),
        ("digest@mail.example.org", FAR, "bad"),
        ("digest@papers.local", FAR, "bad"),
        (REAL_SENDER, FAR, "good"),
        ("no address", None, "bad"),
    ],
)
def test_the_sender_is_judged(sender: str, server: Server | None, state: str) -> None:
    assert judge_sender(sender, server).state == state


def test_a_contact_is_required_if_feeds_are_read() -> None:
    assert judge_contact("", ["arxiv"]).state == "warning"
    assert judge_contact("", []).state == "good"
    assert judge_contact("me@papers.ac", ["arxiv"]).state == "good"


def test_a_misspelled_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_MAIL_URI", "smtp://me:s3cret@host")
    Path(".env").write_text("# mine\nexport DIGEST_SENDR=x\nDIGEST_CONTACT = y\nOTHER=z\n", encoding="utf-8")
    names = names_given()
    assert {"DIGEST_MAIL_URI", "DIGEST_SENDR", "DIGEST_CONTACT"} <= set(names)
    check = judge_names([*names, "DIGEST_TEST_POSTGRESQL_URL"])
    assert check.state == "warning"
    assert "DIGEST_MAIL_URI, DIGEST_SENDR" in check.finding
    assert "Did you mean DIGEST_MAIL_URL?" in check.advice
    assert "CONTACT" not in check.finding
    assert "TEST" not in check.finding
    assert "s3cret" not in repr(check)
    assert judge_names(["DIGEST_CONTACT"]).state == "good"


def test_a_wait_for_a_late_feed_must_be_shorter_than_the_latest_time_to_send() -> None:
    assert judge_waits(timedelta(hours=6), timedelta(hours=20)).state == "good"
    assert judge_waits(timedelta(hours=20), timedelta(hours=20)).state == "warning"
