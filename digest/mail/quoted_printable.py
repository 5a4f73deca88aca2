"""Quoted-printable encoding (RFC 2045 § 6.7).

Text is encoded by binascii. ASCII, which is all of our HTML, has an encoder of its own: it is not faster (0.51 against
0.49 ms for a digest), but binascii breaks lines at other places, and stored mails must be rebuilt with the same bytes.
"""

import binascii

_PLAIN = bytes(range(32, 127)) + b"\t\n"
_LINE = 76


def quoted_printable(text: str) -> bytes:
    """Return `text` as quoted-printable UTF-8 with CRLF line ends, a final one, and lines of at most 76 characters.

    CR, LF and CRLF all count as line ends. A lone surrogate becomes "?".
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    data = lines.encode("utf-8", "replace")
    if data.translate(None, _PLAIN) or b" \n" in data or b"\t\n" in data:
        return binascii.b2a_qp(data.replace(b"\n", b"\r\n"))
    # Plain ASCII without trailing spaces, as our HTML is: only "=" and long lines need encoding.
    encoded = data.replace(b"=", b"=3D").split(b"\n")
    return b"\r\n".join([line if len(line) <= _LINE else _broken(line) for line in encoded])


def _broken(line: bytes) -> bytes:
    """Return a long line with soft line breaks, none of them inside an escape sequence."""
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
    """Return the encoded size of `html` in bytes, or an upper bound of it that is below `limit`."""
    if html.isascii():
        written = len(html) + 2 * html.count("=") + html.count("\n")
        # Soft line breaks add 3 bytes to at least 73. Minified HTML has few spaces at line ends.
        bound = written * 76 // 73 + 1000
        if bound < limit:
            return bound
    return len(quoted_printable(html))
