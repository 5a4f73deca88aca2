"""A local server that answers as Slack, Discord, Mattermost, Matrix and Telegram do, and keeps what was posted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

from digest.domain.channel import AllowedService, Service

TAKEN: dict[Service, tuple[int, str]] = {
    Service.SLACK: (200, "ok"),
    Service.DISCORD: (204, ""),
    Service.MATTERMOST: (200, "ok"),
    Service.MATRIX: (200, '{"event_id": "$143273582443PhrSn:example.org"}'),
    Service.TELEGRAM: (200, '{"ok": true, "result": {"message_id": 7}}'),
}
GONE: dict[Service, tuple[int, str]] = {
    Service.SLACK: (404, "no_service"),
    Service.DISCORD: (404, '{"message": "Unknown Webhook", "code": 10015}'),
    Service.MATTERMOST: (400, '{"id": "web.incoming_webhook.invalid.app_error", "status_code": 400}'),
    Service.MATRIX: (401, '{"errcode": "M_UNKNOWN_TOKEN", "error": "Invalid access token passed."}'),
    Service.TELEGRAM: (
        403,
        '{"ok": false, "error_code": 403, "description": "Forbidden: bot was kicked from the group chat"}',
    ),
}
BUSY: dict[Service, tuple[int, str]] = {
    Service.SLACK: (429, "rate_limited"),
    Service.DISCORD: (500, '{"message": "Internal Server Error", "code": 0}'),
    Service.MATTERMOST: (503, ""),
    Service.MATRIX: (502, '{"errcode": "M_UNKNOWN", "error": "Bad gateway"}'),
    Service.TELEGRAM: (429, '{"ok": false, "error_code": 429, "parameters": {"retry_after": 5}}'),
}
_ROOM = "!lab:example.org"
_ANSWERS = {
    "whoami": {"user_id": "@papers:example.org", "device_id": "DEVICE"},
    "join": {"room_id": _ROOM},
}
TOKEN = "aSecretOf24CharactersXyz"


@dataclass
class ChatServer:
    """What was posted, and what the services answer."""

    port: int
    posts: list[tuple[Service, str]] = field(default_factory=list)
    """Service and text, in the order of the posts that were taken."""
    paths: list[str] = field(default_factory=list)
    answers: dict[Service, tuple[int, str]] = field(default_factory=lambda: dict(TAKEN))

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> tuple[str, ...]:
        """Return DIGEST_CHAT with every service at this server."""
        return tuple(f"{service}={self.base}" for service in Service)

    @property
    def allowed(self) -> tuple[AllowedService, ...]:
        return tuple(map(AllowedService.parse, self.settings))

    def address(self, service: Service, number: int = 1) -> str:
        """Return the address of a channel of this server."""
        return {
            Service.SLACK: f"{self.base}/services/T0{number}/B0{number}/{TOKEN}",
            Service.DISCORD: f"{self.base}/api/webhooks/12345{number}/{TOKEN}",
            Service.MATTERMOST: f"{self.base}/hooks/{TOKEN}{number}",
            Service.MATRIX: f"http://{TOKEN}@127.0.0.1:{self.port}/!lab{number}:example.org",
            Service.TELEGRAM: f"{self.base}/bot123456789:{TOKEN}/-100123{number}",
        }[service]

    def texts(self, service: Service) -> list[str]:
        return [text for one, text in self.posts if one == service]

    def answer(self, path: str, body: str) -> tuple[int, str]:
        """Return status and body for a request."""
        self.paths.append(path)
        service, sent = _service(path), json.loads(body or "null")
        if service == Service.MATRIX and "/send/" not in path:
            return self.answers[service] if self.answers[service] == GONE[service] else _matrix(path)
        status, answer = self.answers[service]
        if status < 300:
            self.posts.append((service, _text(service, sent)))
        return status, answer


def _service(path: str) -> Service:
    parts = {
        "/services/": Service.SLACK,
        "/api/webhooks/": Service.DISCORD,
        "/hooks/": Service.MATTERMOST,
        "/_matrix/": Service.MATRIX,
        "/bot": Service.TELEGRAM,
    }
    return next(service for part, service in parts.items() if path.startswith(part))


def _matrix(path: str) -> tuple[int, str]:
    return 200, json.dumps(next(answer for part, answer in _ANSWERS.items() if part in unquote(path)))


def _text(service: Service, sent: Any) -> str:
    match service:
        case Service.SLACK:
            return str(sent["attachments"][0]["text"])
        case Service.DISCORD:
            return str(sent["content"])
        case Service.MATRIX:
            return str(sent["formatted_body"])
        case _:
            return str(sent["text"])


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, answer = served.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

        do_GET = do_PUT = do_POST  # noqa: N815 - the names that the base class looks up

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = ChatServer(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
