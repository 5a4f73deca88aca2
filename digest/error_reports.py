"""Unexpected errors, reported to Sentry or a service with its interface. Off without DIGEST_SENTRY_DSN.

A report is made of what is logged as an error, and of what ends a process or a thread. It has the traceback, without the
values of variables, and nothing of the request. Addresses, passwords and tokens are masked in every text of it.
"""

import logging
from typing import Any

from digest.errors import StopRun
from digest.text.masking import mask_secrets


def start(dsn: str, release: str) -> None:
    """Report errors of this process from now on. Raises StopRun where the library is missing or the DSN is wrong."""
    try:
        import sentry_sdk  # noqa: PLC0415 - an extra
        from sentry_sdk.integrations import atexit, dedupe, excepthook, threading  # noqa: PLC0415
        from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415
        from sentry_sdk.utils import BadDsn  # noqa: PLC0415
    except ImportError:
        raise StopRun(
            "DIGEST_SENTRY_DSN needs sentry-sdk; run: pip install 'trending-papers-digest[sentry]'"
        ) from None
    try:
        sentry_sdk.init(
            dsn,
            release=release,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            before_send=_mask,
            # Those for frameworks would add the request to a report.
            default_integrations=False,
            integrations=[
                LoggingIntegration(level=None, event_level=logging.ERROR),
                excepthook.ExcepthookIntegration(),
                threading.ThreadingIntegration(),
                dedupe.DedupeIntegration(),
                atexit.AtexitIntegration(lambda _pending, _timeout: None),
            ],
        )
    except BadDsn as error:
        raise StopRun(
            f"DIGEST_SENTRY_DSN cannot be used ({error}); copy it from the project's settings."
        ) from error


def finish() -> None:
    """Send what is not sent yet, for two seconds at most. For processes that end without Python's own exit."""
    import sentry_sdk  # noqa: PLC0415 - an extra

    sentry_sdk.flush(2)


def _mask(event: Any, _hint: object) -> Any:
    return _masked(event)


def _masked(value: Any) -> Any:
    """Return a value of JSON with every text masked."""
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, dict):
        return {key: _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one) for one in value]
    return value
