"""One worker process of a benchmark without a broker: delivers until no delivery is due."""

from datetime import UTC, datetime

from digest.delivery.deliver import deliver_ready
from digest.settings import read_settings
from digest.wiring import Container


def main() -> None:
    """Deliver all that is due."""
    container = Container(read_settings(), lambda: datetime.now(UTC))
    try:
        deliver_ready(container.delivery_context, container.clock)
    finally:
        container.close()


if __name__ == "__main__":
    main()
