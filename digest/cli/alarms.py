"""`digest alarms`: what the operator is told about."""

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

application = typer.Typer(
    help="Messages to the operator (DIGEST_ALARM) when something turns bad and when it is good again.",
    epilog="Example: digest alarms list",
    no_args_is_help=True,
)


@application.command()
def check() -> None:
    """Check now, and tell the operator what has changed.

    `digest run`, `digest up` and the workers do the same by themselves. Let cron on another machine do it too, so that
    somebody notices when all of these are down.

    Example: digest alarms check
    """
    from digest.errors import BadInput, StopRun
    from digest.status.alarms import is_alarming
    from digest.status.watch import watch
    from digest.text.formatting import counted

    with opened() as container:
        if container.settings.alarm is None:
            raise BadInput("DIGEST_ALARM is not set; set it to mailto:ADDRESS, a webhook or a command.")
        watched = watch(container)
    if watched.error:
        raise StopRun(watched.error)
    if watched.is_elsewhere:
        output.say("Another process has checked in the last 30 seconds.")
        return
    output.say(f"{counted(sum(map(is_alarming, watched.checks)), 'alarm')}.")
    if watched.message is not None:
        output.say(f"Told the operator: {watched.message.subject}")


@application.command(name="list")
def list_alarms(json_output: JsonOutput = False) -> None:
    """List the conditions that are bad, or were in the last day, and when the operator was told.

    Example: digest alarms list
    """
    from digest.store.alarms import find_alarms

    with opened() as container, container.database.read() as connection:
        found = list(find_alarms(connection).values())
    output.rows(
        ("name", "state", "since_at", "told_at", "finding"),
        [
            {
                "name": one.name,
                "state": "bad" if one.is_bad else "good",
                "since_at": one.since_at,
                "told_at": one.told_at,
                "finding": one.finding,
                "advice": one.advice,
                "messages": one.messages,
            }
            for one in found
        ],
        json_output=json_output,
        empty="There are no alarms.",
    )


@application.command(name="test")
def send_test() -> None:
    """Send a test message to the operator, to see that it arrives.

    Example: digest alarms test
    """
    from digest.errors import BadInput
    from digest.status.alarms import Message
    from digest.status.watch import channel_of

    with opened() as container:
        channel = channel_of(container)
        if channel is None:
            raise BadInput("DIGEST_ALARM is not set; set it to mailto:ADDRESS, a webhook or a command.")
        text = f"This is a test. Nothing is wrong with {container.settings.base_url}.\n"
        channel(Message("digest: test of the alarm", text, (), ()))
    output.say("Sent.")
