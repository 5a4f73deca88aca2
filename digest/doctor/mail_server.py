"""Judges the probe of the mail server: one check for each step."""

from datetime import datetime, timedelta

from digest.doctor.check import Check, bad, good, quoted, warning
from digest.doctor.smtp_facts import Probe, Trouble
from digest.mail.smtp_answers import Answer
from digest.mail.smtp_session import Tls, is_loopback

_CERTIFICATE_EXPIRES_SOON = timedelta(days=7)
# The longest mail: HTML of 85 kB, its text, both encoded, and headers.
_LONGEST_MAIL_BYTES = 256 * 1024

_SERVER, _TLS, _CERTIFICATE, _LOGIN = "mail server", "mail TLS", "mail certificate", "mail login"

# For each trouble: the name of the check, the finding, and the advice.
_TROUBLES: dict[Trouble, tuple[str, str, str]] = {
    Trouble.NAME_UNKNOWN: (
        _SERVER,
        "There is no host called {host}.",
        "Check the spelling of the host in DIGEST_MAIL_URL; a / # @ or : in the password must be percent-encoded.",
    ),
    Trouble.NAME_NOT_LOOKED_UP: (
        _SERVER,
        "{host} could not be looked up ({words}).",
        "Check this machine's network and its name server.",
    ),
    Trouble.REFUSED: (
        _SERVER,
        "{server} refuses connections.",
        "Start the mail server, or check host and port in DIGEST_MAIL_URL: 587 and 25 are smtp://, 465 is smtps://.",
    ),
    Trouble.NO_WAY: (
        _SERVER,
        "{server} does not answer.",
        "Check the host in DIGEST_MAIL_URL. A firewall may block the connection; many hosts block port 25, so try 587.",
    ),
    Trouble.UNREACHABLE: (
        _SERVER,
        "{server} cannot be reached ({words}).",
        "Check this machine's network, and host and port in DIGEST_MAIL_URL.",
    ),
    Trouble.SILENT: (
        _SERVER,
        "{server} accepts connections but sends nothing for {words}.",
        "Check the port in DIGEST_MAIL_URL; if it is right, ask the server's operator.",
    ),
    Trouble.HUNG_UP: (
        _SERVER,
        "{server} closed the connection without an answer.",
        "It may block this machine's address, or may not be a mail server; ask its operator.",
    ),
    Trouble.NOT_WELCOME: (
        _SERVER,
        "{server} refuses this machine ({words}).",
        "Ask its operator whether this machine may send mail there.",
    ),
    Trouble.BUSY: (_SERVER, "{server} is temporarily unavailable ({words}).", "Try again in some minutes."),
    Trouble.NOT_MAIL: (
        _SERVER,
        "{server} is not a mail server ({words}).",
        "Check host and port in DIGEST_MAIL_URL.",
    ),
    Trouble.TLS_FIRST: (
        _TLS,
        "{server} expects TLS from the first byte, but smtp:// starts in plain text.",
        "Write smtps:// in DIGEST_MAIL_URL for port {port}; smtp:// is for ports 587 and 25.",
    ),
    Trouble.PLAIN_FIRST: (
        _TLS,
        "{server} starts in plain text, but smtps:// starts with TLS.",
        "Write smtp:// in DIGEST_MAIL_URL for port {port}, which changes to TLS by itself; smtps:// is for 465.",
    ),
    Trouble.TLS_NOT_OFFERED: (
        _TLS,
        "{server} offers no TLS (STARTTLS), which a password and port 587 need.",
        "Try smtps:// with port 465, or ask the server's operator; a password is never sent without TLS.",
    ),
    Trouble.TLS_BROKEN: (
        _TLS,
        "The TLS handshake with {server} failed ({words}).",
        "Its TLS may be too old (1.2 is needed) or misconfigured; ask the server's operator.",
    ),
    Trouble.CERTIFICATE_EXPIRED: (
        _CERTIFICATE,
        "The certificate of {server} has expired.",
        "Ask the server's operator to renew it; if it is new, check this machine's clock.",
    ),
    Trouble.CERTIFICATE_TOO_NEW: (
        _CERTIFICATE,
        "The certificate of {server} is not valid yet.",
        "Check this machine's clock.",
    ),
    Trouble.CERTIFICATE_OF_ANOTHER: (
        _CERTIFICATE,
        "The certificate of {server} is for another name ({words}).",
        "Use the host name of the certificate in DIGEST_MAIL_URL.",
    ),
    Trouble.CERTIFICATE_NOT_TRUSTED: (
        _CERTIFICATE,
        "The certificate of {server} is not from an authority that this machine trusts ({words}).",
        "If the server is yours, set the environment variable SSL_CERT_FILE to the file of its authority.",
    ),
    Trouble.LOGIN_NOT_OFFERED: (
        _LOGIN,
        "{server} offers no supported login.",
        "Try port 587 with smtp:// or 465 with smtps://, or remove user and password from DIGEST_MAIL_URL.",
    ),
    Trouble.LOGIN_NEEDS_TLS: (
        _LOGIN,
        "The password was not sent, as the connection to {server} is not encrypted.",
        "Use smtps:// with port 465 or smtp:// with port 587 in DIGEST_MAIL_URL.",
    ),
    Trouble.LOGIN_REFUSED: (
        _LOGIN,
        "{server} refuses user or password ({words}).",
        "Check both in DIGEST_MAIL_URL; many providers require an app password from the account's settings.",
    ),
    Trouble.LOGIN_NOT_ASCII: (
        _LOGIN,
        "User or password have characters that are not ASCII.",
        "Choose a password of ASCII letters, digits and punctuation.",
    ),
}


def judge_probe(probe: Probe, now: datetime) -> list[Check]:
    """Return a check for each step of a probe, up to the step that failed."""
    checks = [_reached(probe)] if probe.is_open else []
    if probe.is_open and (probe.tls or probe.trouble is None):
        checks.append(judge_tls(probe))
    if probe.certificate_until is not None:
        checks.append(judge_certificate(probe.certificate_until, now))
    if probe.is_logged_in:
        checks.append(good(_LOGIN, f"{probe.server} accepts user and password."))
    if probe.sender_answer is not None:
        checks.append(judge_sender_answer(probe.sender, probe.sender_answer))
    if probe.trouble is not None:
        checks.append(judge_trouble(probe))
    elif probe.is_open:
        checks.append(judge_features(probe.features))
    return checks


def judge_trouble(probe: Probe) -> Check:
    """Return the check of the step that failed."""
    assert probe.trouble is not None
    name, finding, advice = _TROUBLES[probe.trouble]
    if name == _SERVER and probe.is_open:
        name = "mail conversation"
    server = probe.server
    facts = {"server": str(server), "host": server.host, "port": server.port, "words": probe.words}
    state = warning if probe.trouble is Trouble.BUSY else bad
    return state(name, finding.format(**facts), advice.format(**facts))


def _reached(probe: Probe) -> Check:
    address = f" ({probe.address})" if probe.address != probe.server.host else ""
    return good(_SERVER, f"{probe.server}{address} answers.")


def judge_tls(probe: Probe) -> Check:
    """Judge whether the connection is encrypted."""
    server = probe.server
    if probe.tls:
        how = "from the first byte" if server.tls is Tls.IMPLICIT else "by STARTTLS"
        return good(_TLS, f"Encrypted with {probe.tls.replace('TLSv', 'TLS ')}, {how}.")
    if is_loopback(server.host):
        return good(_TLS, "Not encrypted, and not needed: the server is on this machine.")
    return warning(
        _TLS,
        f"{server} offers no TLS, so mails can be read on the way to it.",
        "Ask the server's operator for STARTTLS, or use another port: 587 with smtp:// or 465 with smtps://.",
    )


def judge_certificate(until: datetime, now: datetime) -> Check:
    """Judge how soon a valid certificate expires."""
    left = until - now
    finding = f"Valid until {until:%Y-%m-%d %H:%M} UTC"
    if left > _CERTIFICATE_EXPIRES_SOON:
        return good(_CERTIFICATE, f"{finding}.")
    days = max(left.days, 0)
    return warning(
        _CERTIFICATE,
        f"{finding}: {days} day{'s' * (days != 1)} left.",
        "No mail is sent after that; make sure that the server's operator renews it.",
    )


def judge_sender_answer(sender: str, answer: Answer) -> Check:
    """Judge the answer to MAIL FROM. Some servers check the sender only after RCPT TO, which is not sent."""
    name = "mail sender"
    if answer.code < 400:
        return good(name, f"The server accepts mail from {sender}.")
    said = quoted(answer)
    if answer.code < 500:
        return warning(name, f"The server cannot accept mail from {sender} now ({said}).", "Try again later.")
    if answer.code in {530, 538}:
        return bad(
            name,
            f"The server requires a login ({said}).",
            "Write user and password in DIGEST_MAIL_URL, as smtp://user:password@host:587, percent-encoded.",
        )
    return bad(
        name,
        f"The server refuses mail from {sender} ({said}).",
        "Set DIGEST_SENDER to the address of the login, or allow this one at the mail provider.",
    )


def judge_features(features: dict[str, str]) -> Check:
    """Judge the server's extensions: SIZE (RFC 1870), 8BITMIME (RFC 6152) and PIPELINING (RFC 2920)."""
    name = "mail abilities"
    size = features.get("size", "").split(maxsplit=1)
    most = int(size[0]) if size and size[0].isascii() and size[0].isdigit() else 0
    has = [word for word in ("8BITMIME", "PIPELINING") if word.lower() in features]
    if most:
        has.append(
            f"mails up to {most / 2**20:.1f} MB" if most >= 2**20 else f"mails up to {most / 1024:.0f} kB"
        )
    finding = f"The server offers {', '.join(has)}." if has else "The server offers no SMTP extensions."
    if 0 < most < _LONGEST_MAIL_BYTES:
        return warning(
            name,
            finding,
            f"A digest can have {_LONGEST_MAIL_BYTES // 1024} kB; ask the server's operator for a higher limit.",
        )
    return good(name, finding)
