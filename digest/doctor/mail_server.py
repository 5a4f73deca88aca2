"""What a visit to the mail server means, in plain words."""

from datetime import datetime, timedelta

from digest.doctor.check import Check, bad, good, quoted, warning
from digest.doctor.smtp_facts import Probe, Trouble
from digest.mail.smtp_answers import Answer
from digest.mail.smtp_session import Tls, is_loopback

_CERTIFICATE_NEARS_ITS_END = timedelta(days=7)
# The longest mail: HTML of 85 kB, its text, both encoded, and headers.
_LONGEST_MAIL_BYTES = 256 * 1024

_SERVER, _TLS, _CERTIFICATE, _LOGIN = "mail server", "mail TLS", "mail certificate", "mail login"

# What failed: the check it belongs to, the finding, and what to do.
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
        "Nothing takes connections at {server}.",
        "Start the mail server, or check host and port in DIGEST_MAIL_URL: 587 and 25 are smtp://, 465 is smtps://.",
    ),
    Trouble.NO_WAY: (
        _SERVER,
        "{server} does not answer at all.",
        "A firewall may stand between; many hosts block port 25, so try 587, and check the host in DIGEST_MAIL_URL.",
    ),
    Trouble.UNREACHABLE: (
        _SERVER,
        "{server} cannot be reached ({words}).",
        "Check this machine's network, and host and port in DIGEST_MAIL_URL.",
    ),
    Trouble.SILENT: (
        _SERVER,
        "{server} takes connections but says nothing for {words}.",
        "Check the port in DIGEST_MAIL_URL; if it is right, ask who runs the server.",
    ),
    Trouble.HUNG_UP: (
        _SERVER,
        "{server} ended the connection without a word.",
        "It may not like this machine's address, or may not be a mail server; ask who runs it.",
    ),
    Trouble.NOT_WELCOME: (
        _SERVER,
        "{server} does not let us in ({words}).",
        "Ask who runs it whether this machine may send mail there.",
    ),
    Trouble.BUSY: (_SERVER, "{server} asks to come back later ({words}).", "Try again in some minutes."),
    Trouble.NOT_MAIL: (
        _SERVER,
        "What answers at {server} is no mail server ({words}).",
        "Check host and port in DIGEST_MAIL_URL.",
    ),
    Trouble.TLS_FIRST: (
        _TLS,
        "{server} waits for TLS from the first byte, but smtp:// begins in plain text.",
        "Write smtps:// in DIGEST_MAIL_URL for port {port}; smtp:// is for ports 587 and 25.",
    ),
    Trouble.PLAIN_FIRST: (
        _TLS,
        "{server} begins in plain text, but smtps:// begins with TLS.",
        "Write smtp:// in DIGEST_MAIL_URL for port {port}, which turns to TLS by itself; smtps:// is for 465.",
    ),
    Trouble.TLS_NOT_OFFERED: (
        _TLS,
        "{server} offers no TLS (STARTTLS), which a password and port 587 need.",
        "Try smtps:// with port 465, or ask who runs the server; a password is never sent without TLS.",
    ),
    Trouble.TLS_BROKEN: (
        _TLS,
        "{server} cannot agree with us on TLS ({words}).",
        "Its TLS may be too old (1.2 is needed) or broken; ask who runs the server.",
    ),
    Trouble.CERTIFICATE_EXPIRED: (
        _CERTIFICATE,
        "The certificate of {server} has run out.",
        "Ask who runs the server to renew it; if it is new, check this machine's clock.",
    ),
    Trouble.CERTIFICATE_TOO_NEW: (
        _CERTIFICATE,
        "The certificate of {server} is not valid yet.",
        "Check this machine's clock.",
    ),
    Trouble.CERTIFICATE_OF_ANOTHER: (
        _CERTIFICATE,
        "The certificate of {server} was made for another name ({words}).",
        "Use the host name in DIGEST_MAIL_URL that the certificate names.",
    ),
    Trouble.CERTIFICATE_NOT_TRUSTED: (
        _CERTIFICATE,
        "The certificate of {server} comes from nobody this machine trusts ({words}).",
        "If the server is yours, name the file of its authority in the environment variable SSL_CERT_FILE.",
    ),
    Trouble.LOGIN_NOT_OFFERED: (
        _LOGIN,
        "{server} offers no login that can be used here.",
        "Try port 587 with smtp:// or 465 with smtps://, or take user and password out of DIGEST_MAIL_URL.",
    ),
    Trouble.LOGIN_NEEDS_TLS: (
        _LOGIN,
        "The password was not sent, as the connection to {server} is not encrypted.",
        "Use smtps:// with port 465 or smtp:// with port 587 in DIGEST_MAIL_URL.",
    ),
    Trouble.LOGIN_REFUSED: (
        _LOGIN,
        "{server} refuses user or password ({words}).",
        "Check both in DIGEST_MAIL_URL; many providers want an app password, made in the account's settings.",
    ),
    Trouble.LOGIN_NOT_ASCII: (
        _LOGIN,
        "User or password hold letters that mail servers do not take.",
        "Choose a password of plain ASCII letters, digits and signs.",
    ),
}


def judge_probe(probe: Probe, now: datetime) -> list[Check]:
    """Say what each step of a visit showed, up to the one that failed."""
    checks = [_reached(probe)] if probe.is_open else []
    if probe.is_open and (probe.tls or probe.trouble is None):
        checks.append(judge_tls(probe))
    if probe.certificate_until is not None:
        checks.append(judge_certificate(probe.certificate_until, now))
    if probe.is_logged_in:
        checks.append(good(_LOGIN, f"{probe.server} takes user and password."))
    if probe.sender_answer is not None:
        checks.append(judge_sender_answer(probe.sender, probe.sender_answer))
    if probe.trouble is not None:
        checks.append(judge_trouble(probe))
    elif probe.is_open:
        checks.append(judge_features(probe.features))
    return checks


def judge_trouble(probe: Probe) -> Check:
    """Say in a sentence what failed, and in another what to do."""
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
    """Judge whether the way to the server is encrypted."""
    server = probe.server
    if probe.tls:
        how = "from the first byte" if server.tls is Tls.IMPLICIT else "by STARTTLS"
        return good(_TLS, f"Encrypted with {probe.tls.replace('TLSv', 'TLS ')}, {how}.")
    if is_loopback(server.host):
        return good(_TLS, "Not encrypted, and not needed: the server is on this machine.")
    return warning(
        _TLS,
        f"{server} offers no TLS, so mails go there readable by everyone on the way.",
        "Ask who runs the server for STARTTLS, or use another port: 587 with smtp:// or 465 with smtps://.",
    )


def judge_certificate(until: datetime, now: datetime) -> Check:
    """Judge how long a valid certificate will stay so."""
    left = until - now
    finding = f"Valid until {until:%Y-%m-%d %H:%M} UTC"
    if left > _CERTIFICATE_NEARS_ITS_END:
        return good(_CERTIFICATE, f"{finding}.")
    days = max(left.days, 0)
    return warning(
        _CERTIFICATE,
        f"{finding}: {days} day{'s' * (days != 1)} left.",
        "No mail goes out once it has run out; see that whoever runs the server renews it.",
    )


def judge_sender_answer(sender: str, answer: Answer) -> Check:
    """Judge what the server says to MAIL FROM. Some servers think about the sender only at the recipient."""
    name = "mail sender"
    if answer.code < 400:
        return good(name, f"The server takes mail from {sender}.")
    said = quoted(answer)
    if answer.code < 500:
        return warning(
            name, f"The server cannot take mail from {sender} just now ({said}).", "Try again later."
        )
    if answer.code in {530, 538}:
        return bad(
            name,
            f"The server wants a login before it takes mail ({said}).",
            "Write user and password in DIGEST_MAIL_URL, as smtp://user:password@host:587, percent-encoded.",
        )
    return bad(
        name,
        f"The server refuses mail from {sender} ({said}).",
        "Set DIGEST_SENDER to the address that belongs to the login, or allow this one at the mail provider.",
    )


def judge_features(features: dict[str, str]) -> Check:
    """Judge what EHLO advertised: SIZE (RFC 1870), 8BITMIME (RFC 6152) and PIPELINING (RFC 2920)."""
    name = "mail abilities"
    size = features.get("size", "").split(maxsplit=1)
    most = int(size[0]) if size and size[0].isascii() and size[0].isdigit() else 0
    has = [word for word in ("8BITMIME", "PIPELINING") if word.lower() in features]
    if most:
        has.append(
            f"mails up to {most / 2**20:.1f} MB" if most >= 2**20 else f"mails up to {most / 1024:.0f} kB"
        )
    finding = (
        f"The server offers {', '.join(has)}." if has else "The server offers nothing beyond plain SMTP."
    )
    if 0 < most < _LONGEST_MAIL_BYTES:
        return warning(
            name,
            finding,
            f"A digest can be {_LONGEST_MAIL_BYTES // 1024} kB long; ask who runs the server for a higher limit.",
        )
    return good(name, finding)
