from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from digest.cli.doctor import doctor
from tests.mail import conftest as mail_fixtures

certificate = mail_fixtures.certificate

trusted = mail_fixtures.trusted

serve = mail_fixtures.serve


# The command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    application = typer.Typer(pretty_exceptions_enable=False)
    application.command()(doctor)

    def run(*words: str, **wanted: str) -> Result:
        for name, value in wanted.items():
            monkeypatch.setenv(f"DIGEST_{name.upper()}", value)
        return CliRunner().invoke(application, words)

    return run
