"""One worker process of a measurement without a broker: delivers until nothing is ready."""

from datetime import UTC, datetime

from digest.delivery.deliver import deliver_ready
from digest.settings import read_settings
from digest.wiring import Container


def main() -> None:
    """Deliver everything, then end."""
    container = Container(read_settings(), lambda: datetime.now(UTC))
    try:
        deliver_ready(container.delivery_context, container.clock)
    finally:
        container.close()


if __name__ == "__main__":
    main()
