"""Masks mail addresses and secrets in texts for operators: logs and error reports."""

import re

# All that RFC 5321 allows before the @, and more; in a URL the @ may be written %40. An address starts where a run of
# such characters starts, so that a long text takes linear time.
_LOCAL_SIGN = r"""[^\s"<>()\[\],;:\\@]"""
_ADDRESS = re.compile(rf"""("[^"\n]*"|(?<!{_LOCAL_SIGN}){_LOCAL_SIGN}+?)(@|%40)(?=[^\s@])""")
# Greedy: a password may contain an @.
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")
# What stands before an address in texts, and is no part of it.
_QUOTES = "\"'`/="
_TOKEN = re.compile(r"(?<=[/=])(?=[a-z_~.-]*[A-Z0-9])[\w~.-]{30,}")


def mask_addresses(text: str) -> str:
    """Return the text with the first character and the domain of each address only: `a…@example.org`."""
    return _ADDRESS.sub(lambda match: f"{match[1].lstrip(_QUOTES)[:1]}…{match[2]}", text)


def mask_secrets(text: str) -> str:
    """Return the text without addresses, users and passwords in URLs, and the tokens of signed links."""
    return _TOKEN.sub("…", _USER_INFO.sub("***@", mask_addresses(text)))
