"""A connection to a mail server that is measured: the time of each mail, and the class of its answer."""

from digest.errors import DigestError
from digest.mail.envelope import Connection, Envelope
from digest.mail.smtp_answers import answer_class
from digest.metrics import DeliveryMeter


class MeteredConnection:
    """Sends over another connection."""

    def __init__(self, connection: Connection, meter: DeliveryMeter) -> None:
        self._connection = connection
        self._meter = meter

    def send(self, envelope: Envelope) -> str:
        """Send one mail; see `Connection.send`."""
        with self._meter.stage("send"):
            try:
                answer = self._connection.send(envelope)
            except DigestError as error:
                self._meter.answered(answer_class(error))
                raise
        self._meter.answered(answer_class(answer))
        return answer
