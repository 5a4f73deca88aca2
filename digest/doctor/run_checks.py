"""Runs all checks: first settings and database, as the other checks depend on them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from digest.doctor.beat import examine_beat
from digest.doctor.broker import examine_broker
from digest.doctor.check import Check, State, attempt, attempted, good
from digest.doctor.configuration import is_local_domain, judge_settings, names_given
from digest.doctor.database import examine_database
from digest.doctor.dkim_records import examine_dkim
from digest.doctor.feeds import examine_feeds
from digest.doctor.folder import examine_transport
from digest.doctor.freshness import examine_library
from digest.doctor.host_names import examine_reverse_dns, sending_host
from digest.doctor.ledger import examine_ledger
from digest.doctor.mail_server import judge_probe
from digest.doctor.one_click import examine_one_click
from digest.doctor.permissions import examine_rights, fix_rights, private_paths
from digest.doctor.rollback import examine_restored
from digest.doctor.sender_domain import examine_sender_domain
from digest.doctor.smtp_probe import TIMEOUT_SECONDS, probe
from digest.doctor.templates import examine_templates
from digest.mail.addresses import read_address
from digest.mail.dkim_keys import read_keys
from digest.mail.smtp import SmtpTransport
from digest.mail.smtp_session import Server
from digest.mail.transports import Transport, transport_from
from digest.papers.sources.configured import holidays_of
from digest.wiring import VERSION, Container


def examine(
    open_container: Callable[[], AbstractContextManager[Container]],
    *,
    mail: bool = False,
    feeds: bool = False,
    fix: bool = False,
) -> Iterator[Check]:
    """Yield the result of each check as soon as it is known. Raises nothing: errors become checks.

    `mail` also connects to the mail server and the public pages, and queries the DNS of the sender's domain; `feeds`
    requests each feed once. `fix` first corrects what is safe to correct, and yields what was done.
    """
    with ExitStack() as stack:
        container = attempt(
            "settings", lambda: stack.enter_context(open_container()), "Check .env: it must be UTF-8."
        )
        if isinstance(container, Check):
            yield container
            return
        if fix:
            yield from attempted("fix", lambda: fix_rights(_private_paths(container)))
        yield from _settings(container)
        yield from _stored(container)
        broker = container.settings.broker_url
        if broker is not None:
            yield from attempted("broker", lambda: [examine_broker(broker.get_secret_value())])
        yield from attempted("beat", lambda: examine_beat(container.redis_url, container.clock()))
        yield from attempted("mail", lambda: _mail(container, thorough=mail))
        if feeds:
            yield from attempted(
                "feeds",
                lambda: examine_feeds(
                    container.settings, VERSION, holidays_of(container.settings), container.clock
                ),
            )


def _settings(container: Container) -> list[Check]:
    return attempted(
        "settings", lambda: judge_settings(container.settings, names_given(), _server(container))
    )


def _transport(container: Container) -> Transport:
    """Return the mail transport, without a connection pool. Raises BadInput."""
    return transport_from(container.settings.mail_url.get_secret_value(), container.ehlo_name)


def _known_transport(container: Container) -> Transport | None:
    """Return the mail transport, or None if DIGEST_MAIL_URL is invalid."""
    found = attempt("mail", lambda: _transport(container))
    return None if isinstance(found, Check) else found


def _server(container: Container) -> Server | None:
    """Return the mail server, or None without SMTP or with an invalid DIGEST_MAIL_URL."""
    transport = _known_transport(container)
    return transport.server if isinstance(transport, SmtpTransport) else None


def _private_paths(container: Container) -> list[Path]:
    return private_paths(container.settings, container.database, _known_transport(container))


def _stored(container: Container) -> Iterator[Check]:
    """Check the database, and its content if the database is sound."""
    found = attempted(
        "database",
        lambda: examine_database(container.database, container.clock),
        "Check DIGEST_DATABASE_URL; a / # @ or : in the password must be percent-encoded.",
    )
    yield from found
    yield from attempted("file rights", lambda: [examine_rights(_private_paths(container))])
    if any(check.state is State.BAD for check in found):
        return
    settings, now = container.settings, container.clock()
    yield from attempted(
        "papers",
        lambda: examine_library(
            container.database, settings.sources, holidays_of(settings), settings.late_feed_wait, now
        ),
    )
    yield from attempted("queue", lambda: examine_ledger(container.database, settings.stale_after, now))
    transport = _known_transport(container)
    yield from attempted(
        "ledger", lambda: [examine_restored(container.database, transport, container.sent_mark.read(), now)]
    )
    yield from attempted(
        "templates",
        lambda: [
            examine_templates(
                lambda: container.renderer, container.links, container.imprint, container.clock()
            )
        ],
    )


def _mail(container: Container, *, thorough: bool) -> Iterator[Check]:
    server = _server(container)
    if server is None:
        yield examine_transport(_transport(container))
    elif thorough:
        yield from _smtp(server, container)
        yield from attempted("one-click", lambda: examine_one_click(container.links, container.clock))
    else:
        yield good("mail", f"Is sent over {server}, which was not checked; to check it: digest doctor --mail")


def _smtp(server: Server, container: Container) -> Iterator[Check]:
    sender = container.settings.sender
    server_with_timeout = replace(server, timeout_seconds=min(server.timeout_seconds, TIMEOUT_SECONDS))
    yield from judge_probe(probe(server_with_timeout, sender), container.clock())
    address = attempt("sender", lambda: read_address(sender))
    # The check of the settings reports an invalid address and a local domain.
    if isinstance(address, Check) or is_local_domain(address.domain):
        return
    domain = address.domain.lower()
    keys = attempt("DKIM", lambda: read_keys(container.settings.dkim_keys))
    signing = () if isinstance(keys, Check) else keys
    yield from attempted(
        "SPF",
        lambda: examine_sender_domain(
            domain,
            return_domain=container.settings.return_path.rpartition("@")[2].lower(),
            signing_domains=[key.domain for key in signing],
        ),
    )
    yield from [keys] if isinstance(keys, Check) else attempted("DKIM", lambda: examine_dkim(keys, domain))
    host = sending_host(server, domain)
    yield from attempted("reverse DNS", lambda: [examine_reverse_dns(host)])
