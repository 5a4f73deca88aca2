"""One worker process of a benchmark without a broker: delivers until no delivery is due."""

from datetime import UTC, datetime

from digest.delivery.deliver import Summary, deliver_batch
from digest.settings import read_settings
from digest.wiring import Container


def main() -> None:
    """Deliver all that is due."""
    container = Container(read_settings(), lambda: datetime.now(UTC))
    try:
        while deliver_batch(container.delivery_context, container.clock, Summary()):
            pass
    finally:
        container.close()


if __name__ == "__main__":
    main()
