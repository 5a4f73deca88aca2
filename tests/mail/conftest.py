"""Contents of mails, mail servers and certificates for the tests of mail."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from digest.domain.delivery import Section
from digest.domain.pick import Card
from digest.mail.content import (
    ConfirmationContent,
    DigestContent,
    GoodbyeContent,
    LinksContent,
    PickContent,
)
from digest.mail.message import Message, digest_headers, message_id
from digest.mail.rendering import Renderer
from tests.conftest import missing
from tests.mail.servers import Handler, play

TEMPLATES = Path(__file__).parents[2] / "templates" / "email"
BASE = "https://papers.example.org"
TOKEN = "WyJmZWVkYmFjayIsMTIzNDU2LCIyNTAzLjExNjg1IiwibW9yZSJd.aSG0xQ.Qx8Yw1cXo3mG5pQm2eJ1rS7tK0w"


@pytest.fixture(scope="session")
def templates() -> Path:
    return TEMPLATES


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer(TEMPLATES)


@pytest.fixture(scope="session")
def make_card() -> Callable[..., Card]:
    def make(number: int = 1, **changes: object) -> Card:
        usual: dict[str, object] = {
            "paper_id": f"2511.{number:05}",
            "title": f"Sparse splats: rendering rooms from {number} photographs",
            "authors": ("Ada Grün", "Bo Li", "Chidi Okafor", "Dana Novák", "Eve Tanaka"),
            "abstract": (
                "We render whole rooms from a handful of photographs. Our splats are placed where the light "
                "changes, e.g. along edges, and nowhere else. On three public sets this halves the memory. "
                "The pictures stay as sharp as before."
            ),
            "categories": ("cs.CV", "cs.GR"),
            "announced_on": date(2025, 11, 21),
            "abstract_url": f"https://arxiv.org/abs/2511.{number:05}",
            "pdf_url": f"https://arxiv.org/pdf/2511.{number:05}",
            "links": (("Code", "https://code.example.org/splats"),),
            "popularity": "38 upvotes, +21 today",
        }
        return Card(**{**usual, **changes})  # type: ignore[arg-type]  # tests name fields freely

    return make


@pytest.fixture(scope="session")
def make_content(make_card: Callable[..., Card]) -> Callable[..., DigestContent]:
    def make(
        for_you: int = 7, everyone: int = 3, card: dict[str, object] | None = None, **changes: object
    ) -> DigestContent:
        picks = tuple(
            PickContent(
                card=make_card(number, **(card or {})),
                section=Section.FOR_YOU if number <= for_you else Section.EVERYONE,
                reason="Matches *gaussian splatting* — novel view synthesis.",
                feedback_url=f"{BASE}/f/LwU8oD7cB-8lVhRWAAH15kdfXUBA_Gq{number}",
                score=1 - number / 100,
            )
            for number in range(1, for_you + everyone + 1)
        )
        usual: dict[str, object] = {
            "edition_on": date(2025, 11, 22),
            "picks": picks,
            "considered": 612,
            "about": "gaussian splatting, novel view synthesis",
            "note": "",
            "frequency": "daily",
            "preferences_url": f"{BASE}/preferences/{TOKEN}",
            "unsubscribe_url": f"{BASE}/unsubscribe/{TOKEN}",
            "web_url": f"{BASE}/digest/{TOKEN}",
            "operator": "Ada Grün, Example University",
            "postal_address": "Example University\n1 Science Road\n12345 Exampleton",
            "opinion_url": f"{BASE}/opinion/{TOKEN}",
            "share_url": f"{BASE}/?topics=gaussian%20splatting",
        }
        return DigestContent(**{**usual, **changes})  # type: ignore[arg-type]  # tests name fields freely

    return make


@pytest.fixture(scope="session")
def confirmation() -> ConfirmationContent:
    return ConfirmationContent(
        confirm_url=f"{BASE}/confirm/{TOKEN}",
        expires_in_days=7,
        web_url=BASE,
        operator="Ada Grün",
        postal_address="1 Science Road\n12345 Exampleton",
    )


@pytest.fixture(scope="session")
def goodbye() -> GoodbyeContent:
    return GoodbyeContent(
        undo_url=f"{BASE}/undo/{TOKEN}",
        preferences_url=f"{BASE}/preferences/{TOKEN}",
        web_url=f"{BASE}/",
        operator="Ada Grün",
        postal_address="1 Science Road\n12345 Exampleton",
    )


@pytest.fixture(scope="session")
def make_own_links() -> Callable[..., LinksContent]:
    def make(digests: int = 3, **changes: object) -> LinksContent:
        usual: dict[str, object] = {
            "preferences_url": f"{BASE}/preferences/{TOKEN}",
            "feed_url": f"{BASE}/feed/{TOKEN}.xml",
            "unsubscribe_url": f"{BASE}/unsubscribe/{TOKEN}",
            "past": tuple(
                (date(2025, 11, 22) - timedelta(days=number), f"{BASE}/digest/{TOKEN}{number}")
                for number in range(digests)
            ),
            "web_url": f"{BASE}/",
            "operator": "Ada Grün",
            "postal_address": "1 Science Road\n12345 Exampleton",
        }
        return LinksContent(**{**usual, **changes})  # type: ignore[arg-type]  # tests name fields freely

    return make


@pytest.fixture(scope="session")
def make_message() -> Callable[..., Message]:
    def make(**changes: object) -> Message:
        usual: dict[str, object] = {
            "sender": "Trending papers <digest@example.org>",
            "recipient": "subscriber@example.net",
            "subject": "Papers for 22 Nov: Sparse splats and 9 more",
            "text": "A paper.\n",
            "html": "<p>A paper.</p>\n",
            "message_id": message_id("digest", "reader7.2025-11-22", "example.org"),
            "date": datetime(2025, 11, 22, 5, 30, tzinfo=UTC),
            "headers": digest_headers(
                list_id="papers.example.org",
                unsubscribe_url=f"{BASE}/unsubscribe/{TOKEN}",
                unsubscribe_mailto="mailto:digest@example.org?subject=unsubscribe%20" + TOKEN,
                help_url=f"{BASE}/",
                owner="Ada <ada@example.org>",
                archive_url=f"{BASE}/digest/{TOKEN}",
            ),
        }
        return Message(**{**usual, **changes})  # type: ignore[arg-type]  # tests name fields freely

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the files of a self-signed certificate for `localhost` and of its key."""
    if shutil.which("openssl") is None:
        missing("openssl")
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make clients trust the test's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


@pytest.fixture(params=[False, True], ids=["one-by-one", "pipelining"])
def handler(request: pytest.FixtureRequest) -> Handler:
    return Handler(pipelining=request.param)


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Start mail servers on free ports; a call returns the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[asyncio.AbstractServer] = []

    def start(
        handler: Handler, tls: tuple[Path, Path] | None = None, *, implicit: bool = False, **options: Any
    ) -> int:
        context = None
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*tls)

        async def listen() -> asyncio.Server:
            return await loop.create_server(
                lambda: SMTP(handler, loop=loop, tls_context=None if implicit else context, **options),
                host="127.0.0.1",
                port=0,
                ssl=context if implicit else None,
            )

        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start

    async def close() -> None:
        for server in servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def scripted() -> Iterator[Callable[[list[bytes]], int]]:
    """Start a server that answers each line it receives with the next one of its script.

    After an answer 354 it reads the mail up to the final dot. A line `b""` and the end of the script end the
    connection; after SILENCE it sends nothing more.
    """
    listeners: list[socket.socket] = []

    def serve_one(listener: socket.socket, lines: list[bytes]) -> None:
        try:
            while lines:
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as heard:
                    play(connection, heard, lines)
        except OSError:
            return

    def start(lines: list[bytes]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve_one, args=(listener, list(lines)), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def dripping() -> Iterator[Callable[..., int]]:
    """Start a server that sends some answers, and then an endless one, line by line."""
    listeners: list[socket.socket] = []

    def serve_one(listener: socket.socket, answers: list[bytes], pause: float) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as heard:
                play(connection, heard, list(answers))
                while True:
                    connection.sendall(b"250-more\r\n")
                    time.sleep(pause)

    def start(answers: list[bytes], pause: float = 0.1) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve_one, args=(listener, answers, pause), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.close()
