"""All jobs in one process, and a mail server that goes down and up again: every mail goes out, once."""

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


def test_every_mail_goes_out_once_over_two_outages(tmp_path: Path) -> None:
    scene = Outages(tmp_path, subscribers=30)
    stopping = Event()
    settings = Settings.model_construct(
        database_url=SecretStr(scene.url),
        mail_url=SecretStr(f"smtp://127.0.0.1:{scene.port}"),
        secret_key=SecretStr("outage"),
        mail_limits=("20/second",),
    )
    container = Container(settings, utc_now, stopping.is_set)
    runner = Runner(container, stopping, [Entry("sweep", timedelta(seconds=0.2))])
    try:
        # The port is closed when it starts.
        runner.start()
        wait_for(scene.is_open, 30, "the breaker's opening")
        for number in range(2):
            scene.sign_up(f"new{number}")
            scene.start_server()
            before = scene.sent()
            scene.hurry()
            wait_for(lambda: scene.sent() >= before + 8, 40, "mails after an outage")  # noqa: B023
            scene.stop_server()
            wait_for(scene.is_open, 40, "the next outage")
        scene.start_server()
        scene.hurry()
        wait_for(lambda: scene.sent() == scene.planned, 40, "the last mail")
        recipients = scene.recipients()
        assert len(recipients) == len(set(recipients)) == scene.planned
    finally:
        runner.stop()
        container.close()
        scene.close()
