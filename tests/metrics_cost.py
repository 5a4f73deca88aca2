"""Measures what metrics cost a delivered mail: `python -m tests.metrics_cost`."""

import sys
import time
import timeit

from digest.delivery.metered_connection import MeteredConnection
from digest.mail.envelope import Envelope
from digest.metrics import DeliveryMeter

_MAILS = 100_000
_EACH = "microseconds a mail"


class Accepting:
    def send(self, _: Envelope) -> str:
        return "250 2.0.0 OK"


def main() -> None:
    meter = DeliveryMeter("digest")

    def flush() -> None:
        one_mail()
        meter.flush()

    plain, envelope = Accepting(), Envelope("a@example.org", "b@example.org", b"", "1")
    metered = MeteredConnection(plain, meter)

    def one_mail() -> None:
        with meter.stage("render"):
            pass
        metered.send(envelope)
        with meter.stage("record"):
            pass

    without = min(
        timeit.repeat(lambda: plain.send(envelope), timer=time.thread_time, number=_MAILS, repeat=5)
    )
    measured = min(timeit.repeat(one_mail, timer=time.thread_time, number=_MAILS, repeat=5))
    flushing = min(timeit.repeat(flush, timer=time.thread_time, number=1000, repeat=5)) / 1000
    sys.stdout.write(
        f"{(measured - without) / _MAILS * 1e6:.2f} {_EACH}, and {flushing * 1e6:.0f} microseconds a flush\n"
    )


if __name__ == "__main__":
    main()
