"""`digest papers`: fetch, import, list and search papers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput
from digest.cli.times import parse_date

if TYPE_CHECKING:
    from digest.papers.fetch import Fetched
    from digest.papers.ingest import IngestResult
    from digest.store.papers import StoredPaper
    from digest.wiring import Container

application = typer.Typer(
    help="Fetch, import, list and search papers.",
    epilog="Example: digest papers import papers.jsonl.gz",
    no_args_is_help=True,
)

Top = Annotated[int, typer.Option("--top", min=1, max=1000, help="How many papers at most.")]
Since = Annotated[
    str | None, typer.Option(metavar="DATE", help="Only papers announced on that day or later.")
]
Category = Annotated[
    str | None, typer.Option(metavar="CAT", help="Only papers of this category, as cs.CL, cs or biorxiv.")
]


@application.command()
def fetch(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="Names of feeds; DIGEST_SOURCES if not given."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Read papers from that day on; the last week if not given."),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="Fetch only this paper from arXiv, and no feed; repeatable."),
    ] = None,
    json_output: JsonOutput = False,
) -> None:
    """Read feeds: huggingface, arxiv, arxiv-oai, arxiv-api, biorxiv, medrxiv, openalex, rss, sample. With --id, single papers.

    rss reads all feeds of DIGEST_RSS_FEEDS, rss:NAME one of them. Ratings of papers that were not stored yet count as
    soon as these papers arrive.

    Example: digest papers fetch huggingface arxiv --since 2026-11-20
    """
    from digest.papers.fetch import DAYS_BACK
    from digest.papers.fetch import fetch as read_feed
    from digest.setting_types import expanded
    from digest.subscribers.pending_feedback import apply_arrived

    start = parse_date(since)
    with opened() as container:
        today = container.clock().date()
        names = expanded(sources or container.settings.sources, container.settings.rss_feeds)
        feeds = [] if ids else [container.source(name) for name in names]
        done = [
            read_feed(container.database, feed, start or today - DAYS_BACK, container.clock) for feed in feeds
        ]
        if ids:
            done.append(_fetch_by_id(container, ids))
        apply_arrived(container.database, container.profiles, container.clock())
    _show_fetched(done, json_output=json_output)
    if all(one.status == "failed" for one in done):
        raise typer.Exit(2)
    if any(one.status != "complete" for one in done):
        raise typer.Exit(1)


def _show_fetched(done: "list[Fetched]", *, json_output: bool) -> None:
    output.rows(
        ("source", "status", "seen", "added", "changed", "rejected", "newest_on", "error"),
        [
            {
                "source": one.source,
                "status": one.status,
                "seen": one.intake.seen,
                "added": one.intake.added,
                "changed": one.intake.changed,
                "rejected": len(one.intake.rejected),
                "newest_on": one.intake.newest_on,
                "error": one.error,
            }
            for one in done
        ],
        json_output=json_output,
        empty="No feed is configured; set DIGEST_SOURCES.",
    )


def _fetch_by_id(container: "Container", ids: list[str]) -> "Fetched":
    from digest.errors import BadInput
    from digest.papers.fetch import Fetched, fetch_status
    from digest.papers.identifiers import canonical_id, is_arxiv_id
    from digest.papers.ingest import ingest

    wanted = list(dict.fromkeys(map(canonical_id, ids)))
    if foreign := [one for one in wanted if not is_arxiv_id(one)]:
        raise BadInput(f"{foreign[0]} is not an id of arXiv; other papers come with their feeds.")
    source = container.papers_by_id(is_watched=True)
    if source is None:
        raise BadInput("With DIGEST_SOURCES=sample no paper is fetched; remove it from the settings first.")
    intake = ingest(container.database, source.papers(wanted), container.clock())
    return Fetched("arxiv-api", fetch_status(intake), intake)


@application.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to read; .gz too.")],
    json_output: JsonOutput = False,
) -> None:
    """Import papers from files: JSON lines, a saved Hugging Face page, a saved arXiv feed, a saved listing page.

    A JSON line has id or doi, title, abstract, authors, categories, date and, optionally, upvotes.

    Example: digest papers import papers.jsonl.gz
    """
    from digest.papers.ingest import IngestResult, ingest
    from digest.papers.sources.files import count_records, read_file
    from digest.subscribers.pending_feedback import apply_arrived

    results: list[tuple[Path, IngestResult]] = []
    with opened() as container:
        for file in files:
            with output.progress(file.name, count_records(file)) as show:
                result = ingest(
                    container.database,
                    read_file(file, container.clock()),
                    container.clock(),
                    lambda result: show(result.seen),
                )
            results.append((file, result))
            apply_arrived(container.database, container.profiles, container.clock())
            _report_import(file, result, json_output=json_output)
    if json_output:
        output.as_json([_import_record(file, result) for file, result in results])
    if any(result.error is not None or result.rejected for _, result in results):
        raise typer.Exit(1 if any(result.seen for _, result in results) else 2)


def _report_import(file: Path, result: "IngestResult", *, json_output: bool) -> None:
    from digest.text.formatting import counted

    output.rejections([f"{one.where}: {one.reason}" for one in result.rejected])
    if result.error is not None:
        output.warn(f"digest: {result.error}")
    if json_output or (result.error is not None and not result.seen):
        return
    papers = counted(result.seen, "paper")
    counts = f"{papers}: {result.added:,} new, {result.changed:,} changed, {result.unchanged:,} known"
    left_out = f", {len(result.rejected):,} left out" if result.rejected else ""
    output.say(f"{file.name}: {counts}{left_out}.")


def _import_record(file: Path, result: "IngestResult") -> dict[str, Any]:
    return {
        "file": str(file),
        "seen": result.seen,
        "added": result.added,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "snapshots": result.snapshots,
        "rejected": [{"where": one.where, "reason": one.reason} for one in result.rejected],
        "error": str(result.error) if result.error is not None else None,
    }


@application.command("list")
def list_(
    top: Top = 20,
    since: Since = None,
    category: Category = None,
    json_output: JsonOutput = False,
) -> None:
    """List the trending papers of the last week, or since a day.

    Papers without votes come last; they are new, not trending.

    Example: digest papers list --top 10 --since 2026-11-20
    """
    _list_trending(top, since, category, json_output=json_output)


def _list_trending(top: int, since: str | None, category: str | None, *, json_output: bool) -> None:
    from digest.domain.categories import known_category
    from digest.papers.search import trending_papers

    start = parse_date(since)
    wanted = category and known_category(category)
    with opened() as container, container.database.read() as connection:
        found = trending_papers(connection, container.clock(), start, wanted, top)
    output.rows(
        ("trend", "announced_on", "id", "title", "popularity", "section"),
        [
            {
                "trend": heat,
                **_brief(stored),
                "popularity": votes.in_words() if votes else "",
                "section": "trending" if votes else "new",
            }
            for stored, heat, votes in found
        ],
        json_output=json_output,
        empty="There are no such papers; fetch some with: digest papers fetch",
    )


@application.command()
def trending(
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="ID",
            help="Show how the score of this paper is computed: 2508.13426 or its URL.",
        ),
    ] = None,
    top: Top = 20,
    since: Since = None,
    category: Category = None,
    json_output: JsonOutput = False,
) -> None:
    """List the trending papers, as `digest papers list` does; with --explain, show how a score is computed.

    docs/trending.md has the formula.

    Example: digest papers trending --explain 2508.13426
    """
    from dataclasses import asdict

    from digest.papers.search import explain_trend

    if explain is None:
        _list_trending(top, since, category, json_output=json_output)
        return
    with opened() as container, container.database.read() as connection:
        stored, trend = explain_trend(connection, container.clock(), explain)
    if json_output:
        output.as_json({**_brief(stored), **asdict(trend)})
        return
    output.say(stored.paper.title)
    output.say(
        f"points    {trend.points:10.2f}  upvotes + comments / 2 + stars / 10 + 2 x citations, from {trend.snapshots} snapshots"
    )
    output.say(f"velocity  {trend.velocity:10.2f}  gains, each halved every two days")
    output.say(f"typical   {trend.typical:10.2f}  of {trend.field or 'no field'}, announced on that weekday")
    output.say(f"standing  {trend.standing:10.3f}  velocity / (velocity + typical + 4)")
    output.say(f"age       {trend.age_days:10.2f}  days")
    output.say(f"score     {trend.score:10.3f}  (0.1 + 0.9 x standing) x 2^(-age / 7)")


@application.command()
def search(
    query: Annotated[str, typer.Argument(help="Words to look for.")],
    top: Top = 10,
    since: Since = None,
    category: Category = None,
    json_output: JsonOutput = False,
) -> None:
    """Find papers by words, best match first.

    Example: digest papers search "long-context language models" --top 5
    """
    from digest.domain.categories import known_category
    from digest.papers.search import Library, read_found

    start = parse_date(since)
    wanted = category and known_category(category)
    with opened() as container, container.database.read() as connection:
        found = read_found(connection, Library(connection).search(query, top, start, wanted))
    _print_hits(found, json_output=json_output)


@application.command()
def similar(
    paper_id: Annotated[str, typer.Argument(metavar="ID", help="A paper, as 2508.13426 or its URL.")],
    top: Top = 10,
    since: Since = None,
    category: Category = None,
    json_output: JsonOutput = False,
) -> None:
    """Find papers similar to a stored one, most similar first.

    Example: digest papers similar 2508.13426
    """
    from digest.domain.categories import known_category
    from digest.papers.search import Library, find_paper, read_found

    start = parse_date(since)
    wanted = category and known_category(category)
    with opened() as container, container.database.read() as connection:
        row_id = find_paper(connection, paper_id).row_id
        library = Library(connection)
        found = read_found(connection, library.similar(connection, row_id, top, start, wanted))
    _print_hits(found, json_output=json_output)


def _print_hits(found: "list[tuple[StoredPaper, float]]", *, json_output: bool) -> None:
    output.rows(
        ("score", "announced_on", "id", "title"),
        [{"score": round(fit, 4), **_brief(stored)} for stored, fit in found],
        json_output=json_output,
        empty="No paper matches; try other words, or fetch papers with: digest papers fetch",
    )


def _brief(stored: "StoredPaper") -> dict[str, Any]:
    paper = stored.paper
    return {
        "announced_on": stored.stated_on,
        "id": paper.id,
        "title": paper.title,
        "authors": paper.authors,
        "categories": paper.categories,
    }


@application.command()
def categories(
    archive: Annotated[
        str | None,
        typer.Argument(
            metavar="[ARCHIVE]", help="Only categories of this archive or source, as cs or biorxiv."
        ),
    ] = None,
    json_output: JsonOutput = False,
) -> None:
    """List the categories of arXiv, bioRxiv, medRxiv and OpenAlex with their names.

    Example: digest papers categories cs
    """
    from digest.domain.categories import NAMES, is_within, known_category

    wanted = archive and known_category(archive)
    output.rows(
        ("category", "name"),
        [
            {"category": one, "name": name}
            for one, name in NAMES.items()
            if not wanted or is_within(one, wanted)
        ],
        json_output=json_output,
        empty="There are none.",
    )


@application.command()
def show(
    paper_id: Annotated[str, typer.Argument(metavar="ID", help="A paper, as 2508.13426 or its URL.")],
    json_output: JsonOutput = False,
) -> None:
    """Show a stored paper.

    Example: digest papers show 2508.13426
    """
    from dataclasses import replace
    from textwrap import fill

    from digest.papers.identifiers import abstract_url
    from digest.papers.search import find_paper
    from digest.ranking.trending import votes_of
    from digest.store.papers import popularity_of

    with opened() as container, container.database.read() as connection:
        now = container.clock()
        stored = find_paper(connection, paper_id)
        snapshots = popularity_of(connection, [stored.row_id], now).get(stored.row_id, [])
    votes = votes_of(snapshots, now)
    if json_output:
        output.as_json(
            {
                "paper": replace(stored.paper, announced_on=stored.stated_on),
                "first_seen_at": stored.first_seen_at,
                "popularity": snapshots,
            }
        )
        return
    paper = stored.paper
    output.say(fill(paper.title, 88) + ("  [withdrawn]" if paper.withdrawn else ""))
    output.say(fill(", ".join(paper.authors), 88))
    output.say(
        f"{paper.id} · {', '.join(paper.categories)} · announced {stored.stated_on or 'on an unknown day'}"
    )
    for line in (votes.in_words() if votes else "", abstract_url(paper.id), *paper.links.values()):
        if line:
            output.say(line)
    output.say()
    for paragraph in paper.abstract.splitlines():
        output.say(fill(paragraph, 88))
