"""All jobs in one process, and a mail server that stops and starts: every mail is sent once."""

from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from pydantic import SecretStr

from digest.clock import utc_now
from digest.jobs.scheduler import Runner
from digest.jobs.timetable import Entry
from digest.settings import Settings
from digest.wiring import Container
from tests.services.installation import wait_for
from tests.services.outage_run import Outages

pytestmark = pytest.mark.services


def test_every_mail_is_sent_once_over_two_outages(tmp_path: Path) -> None:
    outage_setup = Outages(tmp_path, subscribers=30)
    stopping = Event()
    settings = Settings.model_construct(
        database_url=SecretStr(outage_setup.url),
        mail_url=SecretStr(f"smtp://127.0.0.1:{outage_setup.port}"),
        secret_key=SecretStr("outage"),
        mail_limits=("20/second",),
    )
    container = Container(settings, utc_now, stopping.is_set)
    runner = Runner(container, stopping, [Entry("sweep", timedelta(seconds=0.2))])
    try:
        # The mail server does not run yet.
        runner.start()
        wait_for(outage_setup.is_open, 30, "the breaker's opening")
        for number in range(2):
            outage_setup.sign_up(f"new{number}")
            outage_setup.start_server()
            before = outage_setup.sent()
            outage_setup.skip_waits()
            wait_for(lambda: outage_setup.sent() >= before + 8, 40, "mails after an outage")  # noqa: B023
            outage_setup.stop_server()
            wait_for(outage_setup.is_open, 40, "the next outage")
        outage_setup.start_server()
        outage_setup.skip_waits()
        wait_for(lambda: outage_setup.sent() == outage_setup.planned, 40, "the last mail")
        recipients = outage_setup.recipients()
        assert len(recipients) == len(set(recipients)) == outage_setup.planned
    finally:
        runner.stop()
        container.close()
        outage_setup.close()
