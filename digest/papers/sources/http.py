"""HTTP requests to feeds: retries with backoff, size and time limits, and pacing.

Every request carries a User-Agent that names the installation. A feed that is busy or down is retried a few
times with growing waits; a Retry-After header takes precedence. Requests to arXiv are made one at a time.
"""

import logging
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from io import BytesIO
from random import Random
from typing import Protocol

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from digest.errors import StopRun, TryLater
from digest.papers.sources.xml import decoded

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_MOST_REDIRECTS = 5
_LONGEST_ASKED = 86_400.0
"""Seconds; a Retry-After above this counts as this."""
_PIECE = 2**20
"""Bytes unpacked at once."""
_GZIP = 16 + zlib.MAX_WBITS
_USER_INFO = re.compile(r"\A([a-z][a-z0-9+.-]*://)?.*@", re.IGNORECASE | re.DOTALL)
"""Everything up to the last @: a password may hold signs that end it in a well-formed address."""
LONGEST_WAIT = timedelta(seconds=120)
"""The longest wait that a server may ask for within a run."""
_FIRST_WAIT = 2.0
# It logs whole addresses, and the key of a source is part of one.
logging.getLogger("httpx").setLevel(logging.WARNING)
_LONGEST_WAIT = 60.0


class Pacer(Protocol):
    """Limits the rate of requests: one turn at a time, with a pause between turns."""

    def turn(self) -> AbstractContextManager[None]:
        """Wait for a turn and hold it for the duration of the request."""


class FreePacer:
    """Sets no limit."""

    def turn(self) -> AbstractContextManager[None]:
        """Return at once."""
        return nullcontext()


class IntervalPacer:
    """One request at a time in this process, each starting at least `pause` after the one before ended.

    arXiv asks for one connection and three seconds over all its hosts together: share one pacer among
    all its sources.
    """

    def __init__(
        self,
        pause: timedelta,
        *,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = pause.total_seconds()
        self._sleep = sleep
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._free_at = float("-inf")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other turn is held and the pause is over."""
        with self._lock:
            wait = self._free_at - self._monotonic()
            if wait > 0:
                self._sleep(wait)
            try:
                yield
            finally:
                self._free_at = self._monotonic() + self._pause


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a feed."""

    address: str
    status: int
    body: bytes
    charset: str
    """The charset that the Content-Type names, or ""."""
    cut: str = ""
    """Why the body is incomplete, in one sentence; "" when it is complete."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The body as text."""
        return decoded(self.body, self.charset)


class _Passing(Exception):
    """A temporary failure, which is retried. `part` is the received part of the body; None if none arrived."""

    def __init__(self, reason: str, seconds: float | None = None, part: Answer | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.part = part


class Fetcher:
    """Makes requests to feeds. Share one among all sources: it keeps connections open."""

    def __init__(
        self,
        *,
        user_agent: str,
        now: Callable[[], datetime],
        timeout: timedelta = timedelta(seconds=30),
        largest_body: int = 25 * 2**20,
        tries: int = 4,
        longest_wait: timedelta = LONGEST_WAIT,
        sleep: Callable[[float], object] = time.sleep,
        random: Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Set the limits. `now` is for a Retry-After that is a date; a longer one than `longest_wait` ends the fetch."""
        self._client = httpx.Client(
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
            timeout=timeout.total_seconds(),
            transport=transport,
            trust_env=transport is None,
        )
        self._now = now
        self._silence = timeout.total_seconds()
        self._largest_body = largest_body
        self._tries = tries
        self._longest_wait = longest_wait.total_seconds()
        self._sleep = sleep
        # Jitter: keeps many clients from retrying at the same moment.
        self._random = random or Random()  # noqa: S311
        self._monotonic = monotonic
        self.clock_difference: timedelta | None = None
        """How much the clock of the last server was ahead of this machine's; None if it did not tell the time."""

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(
        self,
        address: str,
        parameters: dict[str, str] | None = None,
        *,
        pacer: Pacer | None = None,
        readable_errors: frozenset[int] = frozenset(),
        accept: str = "*/*",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer of `address`; statuses in `readable_errors` are returned instead of raised.

        A body that is too large, or incomplete after every retry, is returned as far as it arrived, with `cut` set.
        Raises TryLater when the feed stays busy, down or silent, and StopRun when it refuses the request.
        """
        try:
            url = httpx.URL(address, params=parameters) if parameters else httpx.URL(address)
        except httpx.InvalidURL:
            raise _unusable(address) from None
        turns = pacer or FreePacer()
        patience = Retrying(
            stop=stop_after_attempt(self._tries),
            retry=retry_if_exception_type(_Passing),
            wait=self._wait,
            sleep=self._sleep_unless_asked_too_long,
            reraise=True,
        )
        try:
            return patience(self._ask, url, turns, readable_errors, {"Accept": accept, **(headers or {})})
        except _Passing as failure:
            if failure.part is not None:
                return failure.part
            raise TryLater(f"{url.host} {failure.reason}; try again later.", failure.seconds) from None

    def heed_backoff(self, answer: Answer) -> None:
        """Wait as long as the Backoff header of an answer asks, before the next request to its server.

        Raises TryLater if that is longer than this run allows.
        """
        seconds = self._seconds_in(answer.headers.get("Backoff", "")) or 0.0
        if seconds > self._longest_wait:
            host = httpx.URL(answer.address).host
            raise TryLater(f"{host} asks for a pause of {seconds:.0f} seconds; try again later.", seconds)
        if seconds:
            self._sleep(seconds)

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.seconds if isinstance(failure, _Passing) else None
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (state.attempt_number - 1))
        own = self._random.uniform(longest / 2, longest)
        return own if asked is None else asked + self._random.uniform(0, 1)

    def _sleep_unless_asked_too_long(self, seconds: float) -> None:
        if seconds > self._longest_wait + 1:
            raise _Passing("requested a longer wait than this run allows", seconds)
        self._sleep(seconds)

    def _ask(
        self, url: httpx.URL, turns: Pacer, readable_errors: frozenset[int], headers: Mapping[str, str]
    ) -> Answer:
        # Each hop of a redirection is a request of its own and waits for its turn.
        asked = url
        for _ in range(_MOST_REDIRECTS + 1):
            with turns.turn():
                answer = self._request(url, readable_errors, headers)
            if isinstance(answer, Answer):
                return answer
            if not is_trusted_redirect(asked, answer):
                raise StopRun(
                    f"{url.host} redirects to {answer.scheme}://{answer.host}, which is not followed; "
                    "check its address in the settings."
                )
            url = answer
        raise StopRun(f"{url.host} redirects without end; check its address in the settings.")

    def _request(
        self, url: httpx.URL, readable_errors: frozenset[int], headers: Mapping[str, str]
    ) -> Answer | httpx.URL:
        try:
            with self._client.stream("GET", url, headers=dict(headers)) as response:
                date = http_date(response.headers.get("Date", ""))
                self.clock_difference = date - self._now() if date else None
                if response.next_request is not None:
                    return response.next_request.url
                self._judge(response, readable_errors)
                return self._read(response)
        except httpx.TimeoutException:
            raise _Passing(f"did not answer within {self._silence:g} seconds") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise _unusable(str(url)) from None
        except httpx.RequestError as error:
            raise _Passing(f"cannot be reached ({str(error) or type(error).__name__})") from None

    def _judge(self, response: httpx.Response, readable_errors: frozenset[int]) -> None:
        status = response.status_code
        if response.is_success or status in readable_errors:
            return
        phrase = f"{status} {response.reason_phrase}".strip()
        if status in _BUSY or status >= 500:
            raise _Passing(f"is busy or down (it answered {phrase})", self._asked_to_wait(response))
        raise StopRun(
            f"{response.url.host} refuses us (it answered {phrase} for {response.url.path}); "
            "check its address in the settings."
        )

    def _asked_to_wait(self, response: httpx.Response) -> float | None:
        return self._seconds_in(response.headers.get("Retry-After", ""))

    def _seconds_in(self, text: str) -> float | None:
        """Read a wait as Retry-After has it (RFC 9110, section 10.2.3): seconds or a date."""
        value = text.strip()
        if value.isascii() and value.isdigit():
            return min(_LONGEST_ASKED, float(value[:9]))
        until = http_date(value)
        return min(_LONGEST_ASKED, max(0.0, (until - self._now()).total_seconds())) if until else None

    def _read(self, response: httpx.Response) -> Answer:
        body = BytesIO()
        host = response.url.host
        # A server that sends a few bytes at a time never times out; ten timeouts are enough for any feed.
        deadline = self._monotonic() + 10 * self._silence

        def answer(cut: str = "") -> Answer:
            encoding = response.charset_encoding or ""
            return Answer(
                str(response.url), response.status_code, body.getvalue(), encoding, cut, response.headers
            )

        try:
            for piece in _unpacked(response):
                if body.write(piece) and body.tell() > self._largest_body:
                    body.truncate(self._largest_body)
                    limit = self._largest_body / 2**20
                    return answer(f"{host} answered more than {limit:g} MB; the rest was not read")
                if self._monotonic() > deadline:
                    return answer(f"{host} answered too slowly; the rest was not read")
        except (httpx.TransportError, zlib.error, EOFError):
            part = answer(f"{host} broke off in the middle of its answer") if body.tell() else None
            raise _Passing("broke off in the middle of its answer", part=part) from None
        return answer()


def http_date(text: str) -> datetime | None:
    """Return the instant of a date in a header (RFC 9110, section 5.6.7); None if it is not one."""
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    try:
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except OverflowError:
        # The last day of the year 9999, west of Greenwich.
        return datetime.max.replace(tzinfo=UTC)


def _unusable(address: str) -> StopRun:
    """Return the error for an address that no request can be made to; it shows neither user nor password."""
    shown = _USER_INFO.sub(r"\1***@", address)
    return StopRun(f"{shown} is not a usable http or https address; check the address in the settings.")


def is_trusted_redirect(asked: httpx.URL, target: httpx.URL) -> bool:
    """Whether a redirection stays on the same server, or leads by https to the same host or a subdomain of it."""
    if (target.scheme, target.host, target.port) == (asked.scheme, asked.host, asked.port):
        return True
    is_same_site = target.host == asked.host or target.host.endswith(f".{asked.host}")
    return target.scheme == "https" and is_same_site and target.port in {None, 443}


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """Yield the decompressed body in pieces of at most a megabyte.

    Raises StopRun for an encoding that was not requested, and EOFError or zlib.error for damaged data.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        yield from response.iter_raw()
        return
    if encoding not in {"gzip", "x-gzip"}:
        raise StopRun(
            f"{response.url.host} compresses its answer in a way that was not requested ({encoding[:60]}); "
            "check its address in the settings."
        )
    unpacker = zlib.decompressobj(_GZIP)
    for arrived in response.iter_raw():
        packed = arrived
        while packed:
            if unpacker.eof:
                # A gzip stream may have several members.
                unpacker = zlib.decompressobj(_GZIP)
            yield unpacker.decompress(packed, _PIECE)
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if response.num_bytes_downloaded and not unpacker.eof:
        raise EOFError


def user_agent(version: str, base_url: str, contact: str) -> str:
    """Return the User-Agent header: version, address and contact, so that a feed's operator can reach us."""
    parts = [f"+{base_url}", contact] if contact else [f"+{base_url}"]
    printable = "; ".join("".join(sign for sign in part if "\x20" <= sign < "\x7f") for part in parts)
    return f"trending-papers-digest/{version} ({printable})"
