"""`digest dkim`: keys that sign mails."""

from pathlib import Path
from typing import Annotated

import typer

from digest.cli import output
from digest.cli.container import opened
from digest.cli.output import JsonOutput

application = typer.Typer(
    help="Make keys that sign mails (DKIM), and print their DNS records.",
    epilog="Example: digest dkim keygen --selector s2026a",
    no_args_is_help=True,
)


@application.command()
def keygen(
    selector: Annotated[
        str, typer.Option(metavar="NAME", help="The key's name in the DNS; a new one for each key.")
    ],
    domain: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="The domain that signs; default: the sender's.")
    ] = None,
    key_type: Annotated[
        str, typer.Option("--type", metavar="WORD", help="rsa (2048 bits) or ed25519.")
    ] = "rsa",
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the private key is written.")] = Path(
        "dkim"
    ),
    json_output: JsonOutput = False,
) -> None:
    """Make a private key that only you can read, and print its DNS record and the setting that uses it.

    Example: digest dkim keygen --selector s2026a --type rsa
    """
    from digest.mail.addresses import read_address
    from digest.mail.dkim_keys import make_key, record_line, record_name, record_value

    with opened() as container:
        sender_domain = read_address(container.settings.sender).domain
    key, path = make_key(domain or sender_domain, selector, key_type, folder)
    entry = f"{key.domain}:{key.selector}:{path}"
    if json_output:
        output.as_json(
            {
                "file": str(path),
                "record_name": record_name(key),
                "record_value": record_value(key),
                "setting": entry,
            }
        )
        return
    output.say(f"Wrote {path}. Publish this record:")
    output.say()
    output.say(record_line(key))
    output.say()
    output.say("When the DNS has it, put the key in front of the others in .env:")
    output.say()
    output.say(f"DIGEST_DKIM_KEYS={entry}")


@application.command()
def records(json_output: JsonOutput = False) -> None:
    """Print the DNS records of the keys in DIGEST_DKIM_KEYS.

    Example: digest dkim records
    """
    from digest.mail.dkim_keys import read_keys, record_line, record_name, record_value

    with opened() as container:
        keys = read_keys(container.settings.dkim_keys)
    if json_output:
        output.as_json([{"record_name": record_name(key), "record_value": record_value(key)} for key in keys])
        return
    for key in keys:
        output.say(record_line(key))
    if not keys:
        output.warn("DIGEST_DKIM_KEYS is empty; make a key with: digest dkim keygen --selector s1")
