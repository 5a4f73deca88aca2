"""One worker process of a measurement without a broker: delivers until nothing is ready."""

from datetime import UTC, datetime

from digest.delivery.deliver import Summary, deliver_batch
from digest.settings import read_settings
from digest.wiring import Parts


def main() -> None:
    """Deliver everything, then end."""
    parts = Parts(read_settings(), lambda: datetime.now(UTC))
    try:
        while deliver_batch(parts.post_office, parts.clock, Summary()):
            pass
    finally:
        parts.close()


if __name__ == "__main__":
    main()
