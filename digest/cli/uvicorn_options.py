"""The options of uvicorn, for `digest web` and `digest up`."""

from typing import Any

APPLICATION = "digest.web.app:application"
"""The factory that each process of `digest web` calls."""
CREATE_APP = "digest.web.app:create_app"
"""What `digest up` calls with its own container. Named, not imported: doors do not import each other."""
OPTIONS: dict[str, Any] = {
    "factory": True,
    # uvicorn's own time-outs are for idle connections only; this protocol adds those for slow clients.
    "http": "digest.web.timeouts:TimedProtocol",
    "timeout_keep_alive": 5,
    # Seconds for open requests when the server stops.
    "timeout_graceful_shutdown": 10,
    # The application has no WebSocket.
    "ws": "none",
    # Its loggers write through `digest.logs`.
    "log_config": None,
    "log_level": "warning",
    # A log line per request would hold every subscriber's signed links.
    "access_log": False,
    "server_header": False,
}
