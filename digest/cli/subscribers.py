"""`digest subscribers`: subscribers and their interests."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.library import (
    LibraryFile,
    add_library_file,
    library_record,
    read_library_file,
    report_library,
)
from digest.cli.output import JsonOutput
from digest.cli.rated_papers import fetch_marked, report_marked
from digest.cli.subscriber_files import export, import_
from digest.cli.times import parse_date
from digest.domain.subscriber import Frequency, Layout, Status, Verdict

if TYPE_CHECKING:
    from digest.domain.subscriber import Subscriber

application = typer.Typer(
    help="Add, change and list subscribers.",
    epilog="Example: digest subscribers list --status active",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(metavar="EMAIL", help="The subscriber's address.")]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topics", metavar="TEXT", help="What they work on, in their own words; repeatable."),
]
Likes = Annotated[
    list[str] | None, typer.Option("--like", metavar="ID", help="A paper they want more of; repeatable.")
]
Must = Annotated[
    list[str] | None,
    typer.Option(
        "--must", metavar="WORD", help="Required in every paper chosen for them; a|b for either; repeatable."
    ),
]
Mute = Annotated[
    list[str] | None, typer.Option("--mute", metavar="WORD", help="No paper with this word; repeatable.")
]
Follow = Annotated[
    list[str] | None,
    typer.Option(
        "--follow",
        metavar="AUTHOR",
        help="An author whose papers come first, or a|b for two names of one; repeatable.",
    ),
]
Categories = Annotated[
    list[str] | None,
    typer.Option(
        "--category",
        metavar="CAT",
        help="Only papers of this category, as `digest papers categories` lists them; repeatable.",
    ),
]
OnDays = Annotated[Frequency | None, typer.Option("--frequency", help="On which days they get mail.")]
Hour = Annotated[int | None, typer.Option(help="The hour of the mail in their time zone, 0 to 23.")]
Timezone = Annotated[str | None, typer.Option(metavar="TZ", help="Their time zone, as Europe/Berlin.")]
MaxPapers = Annotated[int | None, typer.Option(metavar="N", help="Papers in a mail at most, 1 to 50.")]
InLayout = Annotated[
    Layout | None,
    typer.Option("--layout", help="The whole paper, titles and reasons only, or plain text without HTML."),
]
Language = Annotated[
    str | None,
    typer.Option(metavar="TAG", help="The language of their mails and pages, as en."),
]
_FIELDS = (
    "topics", "must", "mute", "follow", "categories", "frequency", "hour", "timezone", "max_papers", "layout",
    "language",
)  # fmt: skip


@application.command()
def add(
    address: Address,
    topics: Topics = None,
    like: Likes = None,
    library: LibraryFile = None,
    must: Must = None,
    mute: Mute = None,
    follow: Follow = None,
    categories: Categories = None,
    frequency: OnDays = None,
    hour: Hour = None,
    timezone: Timezone = None,
    max_papers: MaxPapers = None,
    layout: InLayout = None,
    language: Language = None,
    confirmed: Annotated[
        bool,
        typer.Option(
            "--confirmed", help="They have consented already; without this they are asked by mail first."
        ),
    ] = False,
    json_output: JsonOutput = False,
) -> None:
    """Add a subscriber.

    A liked paper that is not stored is fetched by its id. If that fails, the like counts when the paper arrives.

    Example: digest subscribers add ana@example.org --topics "long-context language models" --confirmed
    """
    fields = _fields(locals())
    from digest.subscribers.import_export import application_from
    from digest.subscribers.signup import subscribe

    requested = application_from(address=address, likes=like, **fields)
    kept = read_library_file(library)
    with opened() as container:
        added = subscribe(
            container.database,
            container.profiles,
            container.secret,
            requested,
            container.clock(),
            confirmed=confirmed,
            how="command line",
        )
        report = add_library_file(container, added, kept)
        marks = fetch_marked(container, added, [*(like or ())])
    if json_output:
        output.as_json({**_record(added), "pending": marks.pending, **library_record(report)})
    elif confirmed:
        output.say(f"{added.address} gets the next digest.")
    else:
        output.say(f"{added.address} is asked to confirm by the next: digest run")
    report_library(report, json_output=json_output)
    report_marked(marks, json_output=json_output)


def _fields(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of `add` or `edit` that are fields of a subscriber, by the fields' names."""
    return {name: parameters[name] for name in _FIELDS}


@application.command("list")
def list_(
    status: Annotated[Status | None, typer.Option(help="Only subscribers in this state.")] = None,
    frequency: Annotated[Frequency | None, typer.Option(help="Only subscribers with this frequency.")] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="TEXT", help="Only those with this in their address or interests."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=100_000, help="How many subscribers at most.")] = 100,
    page: Annotated[int, typer.Option(min=1, max=100_000, help="Which page of so many subscribers.")] = 1,
    json_output: JsonOutput = False,
) -> None:
    """List subscribers in the order they signed up.

    Example: digest subscribers list --status active --search splatting --page 2
    """
    from digest.store import subscriber_search
    from digest.text.formatting import counted

    wanted = subscriber_search.Wanted(status, frequency, search or "")
    with opened() as container, container.database.read() as connection:
        total = subscriber_search.count(connection, wanted)
        found = subscriber_search.find(connection, wanted, top, (page - 1) * top)
    pages = -(-total // top)
    output.rows(
        ("address", "status", "frequency", "hour", "timezone", "topics", "next_due_at"),
        [_record(one) for one in found],
        json_output=json_output,
        empty=f"There is no page {page}; the last is {pages}."
        if total
        else "There are no such subscribers; add one with: digest subscribers add EMAIL",
    )
    if 0 < len(found) < total:
        further = f"--page {page + 1} shows more" if page < pages else f"this is the last page of {pages}"
        output.warn(
            f"These are {len(found):,} of {counted(total, 'subscriber')}; {further}, --top {total} shows all."
        )


@application.command()
def show(address: Address, json_output: JsonOutput = False) -> None:
    """Show a subscriber: settings, profile, ratings, and the last papers sent with their reasons.

    Example: digest subscribers show ana@example.org
    """
    from digest.subscribers.privacy import personal_data

    with opened() as container, container.database.read() as connection:
        found = personal_data(connection, address)
    if json_output:
        output.as_json(found)
        return
    for name, value in found["reader"].items():
        if value not in (None, [], ()):
            output.say(f"{name.replace('_', ' '):14} {output.cell(value)}")
    for verdict in Verdict:
        for one in found["feedback"]:
            if one["verdict"] == verdict:
                output.say(f"{verdict + ' like':14} {one['id']}  {one['title']}")
        for one in found["pending"]:
            if one["verdict"] == verdict:
                output.say(f"{verdict + ' like':14} {one['id']}  (not stored yet)")
    if found["library"]:
        output.say(f"{'library':14} {len(found['library']):,} papers that are not stored")
    output.say()
    output.rows(
        ("edition_on", "section", "score", "id", "title", "because"),
        found["received"],
        json_output=False,
        empty="No digest was sent yet.",
    )


@application.command()
def edit(
    address: Address,
    topics: Topics = None,
    like: Likes = None,
    less: Annotated[
        list[str] | None, typer.Option("--less", metavar="ID", help="A paper they want less of; repeatable.")
    ] = None,
    library: LibraryFile = None,
    must: Must = None,
    mute: Mute = None,
    follow: Follow = None,
    categories: Categories = None,
    clear: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST", help="Empty topics, must, mute, follow or categories; repeatable."),
    ] = None,
    frequency: OnDays = None,
    hour: Hour = None,
    timezone: Timezone = None,
    max_papers: MaxPapers = None,
    layout: InLayout = None,
    language: Language = None,
    json_output: JsonOutput = False,
) -> None:
    """Change a subscriber. Only the given fields change; a given list replaces the old one.

    Example: digest subscribers edit ana@example.org --hour 8 --timezone Europe/Paris --clear mute
    """
    fields = _fields(locals())
    from digest.subscribers.import_export import change_from
    from digest.subscribers.preferences import change

    requested = change_from(clear=clear, **fields)
    kept = read_library_file(library)
    with opened() as container:
        changed = change(
            container.database,
            container.profiles,
            address,
            requested,
            container.clock(),
            likes=like or (),
            dislikes=less or (),
        )
        report = add_library_file(container, changed, kept)
        marks = fetch_marked(container, changed, [*(like or ()), *(less or ())])
    if json_output:
        output.as_json({**_record(changed), **library_record(report)})
    else:
        _report(changed, json_output=False)
    report_library(report, json_output=json_output)
    report_marked(marks, json_output=json_output)


@application.command()
def pause(
    address: Address,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day on which mail starts again.")
    ] = None,
    json_output: JsonOutput = False,
) -> None:
    """Pause mail to a subscriber, until they resume or until a day.

    Example: digest subscribers pause ana@example.org --until 2026-12-28
    """
    from digest.subscribers import preferences

    day = parse_date(until)
    with opened() as container:
        paused = preferences.pause(container.database, address, day, container.clock())
    _report(paused, json_output=json_output)


@application.command()
def resume(address: Address, json_output: JsonOutput = False) -> None:
    """Resume mail to a subscriber who paused or unsubscribed.

    Example: digest subscribers resume ana@example.org
    """
    from digest.subscribers import preferences

    with opened() as container:
        resumed = preferences.resume(container.database, container.secret, address, container.clock())
    _report(resumed, json_output=json_output)


@application.command()
def confirm(address: Address, json_output: JsonOutput = False) -> None:
    """Record that a pending subscriber agreed to get mail.

    Example: digest subscribers confirm ana@example.org
    """
    from digest.subscribers import signup

    with opened() as container:
        confirmed = signup.confirm(
            container.database, container.secret, address, container.clock(), "command line"
        )
    _report(confirmed, json_output=json_output)


@application.command()
def remove(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a subscriber and all their data.

    Example: digest subscribers remove ana@example.org --yes
    """
    from digest.subscribers import preferences

    if not yes:
        typer.confirm(f"Erase {address} and all their data?", abort=True)
    with opened() as container:
        removed = preferences.remove(container.database, container.secret, address, container.clock())
    output.say(f"{removed.address} is erased.")


def _report(subscriber: "Subscriber", *, json_output: bool) -> None:
    if json_output:
        output.as_json(_record(subscriber))
        return
    schedule = subscriber.schedule
    until = f" until {subscriber.paused_until}" if subscriber.paused_until else ""
    output.say(
        f"{subscriber.address} is {subscriber.status}{until}: "
        f"{schedule.frequency} at {schedule.hour}:00 {schedule.timezone}, {subscriber.max_papers} papers at most, "
        f"layout {subscriber.layout}, language {subscriber.language}."
    )


def _record(subscriber: "Subscriber") -> dict[str, Any]:
    from digest.subscribers.import_export import record_of

    due: datetime | None = subscriber.next_due_at
    return {**record_of(subscriber), "next_due_at": due}


application.command("import")(import_)
application.command()(export)
