"""The `digest` application with all commands."""

from typing import Annotated

import typer

from digest.cli import (
    alarms,
    bench,
    db,
    deliveries,
    demo,
    dkim,
    doctor,
    evaluate,
    inbound,
    operate,
    papers,
    preview,
    run,
    send_test,
    status,
    subscribers,
    suppressions,
    up,
    web,
    worker,
)

application = typer.Typer(
    name="digest",
    help="Trending papers in your inbox: new papers that fit each subscriber, by mail, with the reason for each pick.",
    epilog="Example: digest init && digest papers fetch && digest papers list",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(requested: bool) -> None:
    if requested:
        from digest.wiring import VERSION

        typer.echo(f"trending-papers-digest {VERSION}")
        raise typer.Exit


@application.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Define the options that precede any command."""


application.command()(demo.demo)
application.command()(operate.init)
application.add_typer(papers.application, name="papers")
application.add_typer(subscribers.application, name="subscribers")
application.command()(run.run)
application.command()(evaluate.evaluate)
application.command()(preview.preview)
application.command()(preview.explain)
application.command(name="send-test")(send_test.send_test)
application.add_typer(deliveries.application, name="deliveries")
application.add_typer(suppressions.application, name="suppressions")
application.add_typer(inbound.application, name="inbound")
application.add_typer(inbound.bounces, name="bounces")
application.add_typer(dkim.application, name="dkim")
application.command()(status.status)
application.add_typer(alarms.application, name="alarms")
application.command(name="operator-link")(operate.operator_link)
application.add_typer(db.application, name="db")
application.command()(doctor.doctor)
application.command()(web.web)
application.command()(up.up)
application.add_typer(bench.application, name="bench")
application.command()(worker.worker)
application.command()(worker.beat)
application.command(name="settings")(operate.show_settings)
