"""What uvicorn is told wherever the pages are served."""

from typing import Any

APPLICATION = "digest.web.app:application"
"""Where uvicorn finds what it serves; each of its processes makes its own."""
OPTIONS: dict[str, Any] = {
    "factory": True,
    # With time-outs for slow callers; its own are for idle connections only.
    "http": "digest.web.connections:TimedProtocol",
    "timeout_keep_alive": 5,
    # Whoever is still connected when serving ends.
    "timeout_graceful_shutdown": 10,
    # Nothing here speaks WebSocket.
    "ws": "none",
    "log_level": "warning",
    # A line per request would write every subscriber's secret links into a file.
    "access_log": False,
    "server_header": False,
}
