"""Processing the mails of a source, one after another; one that fails stays where it is and is tried again."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from digest.delivery.inbound import Processed, process_mail
from digest.domain.inbound import InboundOutcome
from digest.errors import NeverSend, TryLater
from digest.mail.inbound_sources import read_source
from digest.wiring import Container

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class InboundSummary:
    """The outcomes of the mails of a source."""

    processed: Counter[str] = field(default_factory=Counter)
    """By outcome."""
    failed: list[str] = field(default_factory=list)
    """Why mails could not be processed; they are tried again."""


def process_source(
    container: Container,
    source: str,
    summary: InboundSummary,
    recipient: str = "",
    tell: Callable[[Processed], object] = lambda _: None,
) -> None:
    """Process the mails of a source, adding to `summary`. Raises BadInput and StopRun.

    `recipient` is the address that a mail from standard input was sent to. `tell` is called for each mail.
    """
    for mail in read_source(source):
        if container.is_stopping():
            break
        try:
            done = process_one(container, mail.content, recipient)
        except (TryLater, NeverSend) as error:
            summary.failed.append(str(error))
            continue
        summary.processed[done.outcome] += 1
        tell(done)
        mail.done()


def process_one(container: Container, content: bytes, recipient: str = "") -> Processed:
    """Process one mail and log what the operator has to know. Raises TryLater, NeverSend, StopRun and BadInput."""
    done = process_mail(container.inbound_context, content, container.clock(), recipient)
    if done.outcome == InboundOutcome.ALARMED:
        _log.warning(
            "a mail was refused by the policy of the receiving server: %s; see: digest bounces list",
            done.words,
        )
    elif done.outcome == InboundOutcome.PAUSED:
        _log.warning("a subscriber is paused, as their mailbox stays full; see: digest bounces list")
    return done


def poll(container: Container) -> None:
    """Process the mails of DIGEST_INBOUND_URL, if it is set."""
    source = container.settings.inbound_url
    if source is None:
        return
    summary = InboundSummary()
    process_source(container, source.get_secret_value(), summary)
    if summary.processed:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(summary.processed.items()))
        _log.info("inbound mail: %s", counts)
    for line in summary.failed[:1]:
        _log.warning("%s inbound mails are tried again: %s", len(summary.failed), line)
