"""`digest web`: the pages, feeds and JSON interface, served by uvicorn."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated

import typer

from digest.cli import output
from digest.cli.container import opened


def web(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes to start.")] = 1,
) -> None:
    """Serve the web side: sign-up, preferences, feedback, trending, search, feeds.

    Every link in a mail starts with DIGEST_BASE_URL: set it to the public address of this server. A proxy on
    this machine is trusted for X-Forwarded-For. Name a proxy on another machine in FORWARDED_ALLOW_IPS;
    otherwise all visitors count as one against the limits on sign-ups.

    Example: digest web --host 0.0.0.0 --port 8000 --processes 2
    """
    import uvicorn

    from digest.cli.uvicorn_options import APPLICATION, OPTIONS
    from digest.errors import StopRun
    from digest.store.schema import newest_revision, present_revision

    with opened() as container:
        if present_revision(container.database) != newest_revision():
            raise StopRun("The database is empty or from another version; run: digest init")
        base_url = container.settings.base_url
    output.say(f"Serving http://{host}:{port}/ for {base_url}/ (Ctrl-C stops it).")
    with _shared_metrics() if processes > 1 else nullcontext():
        uvicorn.run(APPLICATION, host=host, port=port, workers=processes, **OPTIONS)


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """Name a temporary folder in which the processes count, so that each returns the sum at /metrics."""
    from digest.metrics_export import make_folder, remove_folder

    make_folder()
    try:
        yield
    finally:
        remove_folder()
