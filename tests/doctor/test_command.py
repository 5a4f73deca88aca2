import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import insert
from typer.testing import Result

from digest.domain.paper import FetchStatus
from digest.store import fetches as fetch_store
from digest.store.database import Database
from digest.store.fetches import FetchOutcome
from digest.store.models import papers, subscribers
from tests.doctor.helpers import a_paper, a_subscriber
from tests.mail.servers import Handler


def test_the_doctor_names_the_first_steps_of_a_new_installation(run: Callable[..., Result]) -> None:
    result = run()
    assert result.exit_code == 2
    assert (
        "✗ database: There is no database at digest.db yet.\n    Create it with: digest init\n"
        in result.stdout
    )
    assert "! contact:" in result.stdout
    assert list(Path().iterdir()) == []


def test_a_sound_installation_exits_with_0(run: Callable[..., Result], sqlite_url: str) -> None:
    now = datetime.now(UTC)
    database = Database(sqlite_url)
    with database.begin() as connection:
        ahead = now.date() + timedelta(days=1)
        connection.execute(insert(papers), [a_paper(ahead - timedelta(days=back)) for back in range(12)])
        connection.execute(insert(subscribers), [a_subscriber(1, now + timedelta(hours=1))])
        number = fetch_store.begin_fetch(connection, "arxiv", now)
        fetch_store.end_fetch(connection, number, FetchOutcome(FetchStatus.COMPLETE, seen=3), now)
    database.close()
    wanted = {
        "database_url": sqlite_url,
        "contact": "me@papers.ac",
        "sources": "arxiv",
        "mail_url": "file:out",
    }
    result = run(**wanted)
    assert (result.exit_code, "\n!" in result.stdout) == (0, False), result.output
    as_json = json.loads(run("--json", **wanted).stdout)
    assert {check["state"] for check in as_json} == {"good"}
    assert {"name", "state", "finding", "advice"} == set(as_json[0])


def test_unreadable_settings_are_a_check(run: Callable[..., Result]) -> None:
    result = run("--json", sources="nature")
    assert result.exit_code == 2
    (check,) = json.loads(result.stdout)
    assert (check["name"], check["state"]) == ("settings", "bad")
    assert "DIGEST_SOURCES" in check["finding"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "postgresql://me:s3cret@host:s3cret/db"),
        ("database_url", "mysql://me:s3cret@host/db"),
        ("database_url", "postgresql+nothing://me:s3cret@host/db"),
        ("database_url", "postgresql://me:s3cret@127.0.0.1:1/db"),
        ("database_url", "s3cret"),
        ("mail_url", "smtp://me:s3c/s3cret@host"),
        ("mail_url", "s3cret"),
        ("mail_url", "maildir:~s3cret/outbox"),
        ("broker_url", "redis://me:s3cret/@host:x"),
        ("secret_key", "s3cret"),
        ("holidays", "s3cret"),
    ],
)
def test_no_setting_causes_a_traceback_or_shows_a_secret(
    run: Callable[..., Result], sqlite_url: str, name: str, value: str
) -> None:
    result = run(**{"database_url": sqlite_url, name: value})
    assert result.exit_code in {1, 2}
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert "s3cret" not in result.output.replace("~s3cret", "")


def test_an_unreadable_env_file_is_a_check(run: Callable[..., Result]) -> None:
    Path(".env").write_bytes(b"DIGEST_CONTACT=\xff\xfe\n")
    result = run()
    assert result.exit_code == 2
    assert ".env" in result.stdout


@pytest.mark.usefixtures("trusted")
def test_the_mail_server_is_probed_on_request_only(
    run: Callable[..., Result], serve: Callable[..., int], certificate: tuple[Path, Path], sqlite_url: str
) -> None:
    handler = Handler()
    logins: list[object] = []

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        logins.append(data)
        return AuthResult(success=True)

    port = serve(handler, certificate, authenticator=check)
    wanted = {
        "database_url": sqlite_url,
        "mail_url": f"smtp://me:s3cret%2F%2B@localhost:{port}",
        "sender": "digest@localhost",
    }
    result = run(**wanted)
    assert "digest doctor --mail" in result.stdout
    assert handler.connections == 0
    result = run("--mail", **wanted)
    assert "✓ mail login" in result.stdout, result.stdout
    assert logins == [LoginPassword(b"me", b"s3cret/+")]
    assert "✓ mail sender: The server accepts mail from digest@localhost." in result.stdout
    assert "s3cret" not in result.output
    assert handler.accepted == []


def test_a_pipe_with_another_encoding_gets_plain_signs(tmp_path: Path) -> None:
    program = "import typer; from digest.cli.doctor import doctor; typer.run(doctor)"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.returncode == 2
    assert b"x database: " in found.stdout
    assert found.stderr == b""


def test_only_with_fix_are_rights_taken_away(run: Callable[..., Result], sqlite_url: str) -> None:
    Path("digest.db").chmod(0o644)
    assert "! file rights" in run(database_url=sqlite_url).stdout
    assert Path("digest.db").stat().st_mode & 0o777 == 0o644
    fixed = run("--fix", database_url=sqlite_url).stdout
    assert fixed.startswith("✓ fix: Took the rights of other users to ")
    assert "✓ file rights" in fixed
    assert Path("digest.db").stat().st_mode & 0o777 == 0o600
    assert "fix:" not in run("--fix", database_url=sqlite_url).stdout
