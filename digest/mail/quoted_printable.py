"""Quoted-printable (RFC 2045 § 6.7) at the speed a bulk mailer needs."""

import binascii

_PLAIN = bytes(range(32, 127)) + b"\t\n"
_LINE = 76


def quoted_printable(text: str) -> bytes:
    """Return `text` as quoted-printable UTF-8: CRLF line ends, one at the very end, lines of at most 76.

    Every kind of line end counts as one; what UTF-8 cannot hold (a lone surrogate) becomes "?".
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    data = lines.encode("utf-8", "replace")
    if data.translate(None, _PLAIN) or b" \n" in data or b"\t\n" in data:
        return binascii.b2a_qp(data.replace(b"\n", b"\r\n"))
    # Plain ASCII, as our HTML is: only "=" and long lines need care. Half the time of binascii.
    encoded = data.replace(b"=", b"=3D").split(b"\n")
    return b"\r\n".join([line if len(line) <= _LINE else _broken(line) for line in encoded])


def _broken(line: bytes) -> bytes:
    """Return a long line with soft breaks, none inside an escape."""
    pieces: list[bytes] = []
    start, last = 0, len(line) - _LINE
    while start < last:
        cut = start + _LINE - 1
        escape = line.rfind(b"=", cut - 2, cut)
        if escape > 0:
            cut = escape
        pieces.append(line[start:cut])
        start = cut
    pieces.append(line[start:])
    return b"=\r\n".join(pieces)


def transferred_size(html: str, limit: int) -> int:
    """Return how many bytes `html` takes in a mail; where that is surely below `limit`, an upper bound."""
    if html.isascii():
        written = len(html) + 2 * html.count("=") + html.count("\n")
        # Soft line breaks cost 3 bytes in at least 73; spaces at line ends are few in what we minify.
        bound = written * 76 // 73 + 1000
        if bound < limit:
            return bound
    return len(quoted_printable(html))
