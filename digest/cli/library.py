"""The library of a subscriber: a file with the papers they keep."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output

if TYPE_CHECKING:
    from digest.domain.subscriber import Subscriber
    from digest.subscribers.library import LibraryReport
    from digest.subscribers.library_files.read import Library
    from digest.wiring import Container

LibraryFile = Annotated[
    Path | None,
    typer.Option(
        "--library",
        metavar="FILE",
        help="Papers they keep: BibTeX, RIS, CSL-JSON, Zotero RDF, EndNote, MEDLINE, Web of Science, a table, or a list "
        "of ids, DOIs or titles. Papers that are not stored teach by their titles.",
    ),
]


def read_library_file(path: Path | None) -> "Library | None":
    """Return the papers of a file; None without one. Raises BadInput when there are none."""
    from digest.errors import BadInput
    from digest.subscribers.library_files.read import LARGEST, read_library

    if path is None:
        return None
    try:
        with path.open("rb") as file:
            library = read_library(file.read(LARGEST))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    if not library.understood:
        raise BadInput(f"{path} holds no paper in a known format; see: digest subscribers edit --help")
    return library


def add_library_file(
    container: "Container", subscriber: "Subscriber", library: "Library | None"
) -> "LibraryReport | None":
    """Add a library to a subscriber; return what was understood."""
    from digest.subscribers.library import add_library

    if library is None:
        return None
    return add_library(container.database, container.profiles, subscriber, library, container.clock())


def library_record(report: "LibraryReport | None") -> dict[str, Any]:
    """Return what was understood as a field of a record."""
    from dataclasses import asdict

    return {} if report is None else {"library": asdict(report)}


def report_library(report: "LibraryReport | None", *, json_output: bool) -> None:
    """Print what was understood."""
    if report is not None and not json_output:
        output.say(report.sentence)
