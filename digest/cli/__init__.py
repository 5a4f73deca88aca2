"""The command line: each command calls one use case and prints its result.

Exit codes of all commands: 0 success, 1 partial success, 2 failure. Errors are one line on stderr.
"""

import sys
from typing import NoReturn

import typer


def main() -> None:
    """Run the `digest` command. A foreseen error is printed as one line, without a traceback."""
    from digest.cli.app import application
    from digest.errors import DigestError

    if not all(map(_is_text, sys.argv)):
        _fail("An argument is not UTF-8 text; type it again.")
    try:
        code = application(standalone_mode=False)
    except DigestError as error:
        _fail(str(error))
    except typer.TyperException as error:
        _fail(_usage(error))
    except typer.Abort:
        _fail("Nothing was done; answer y, or give --yes.")
    except OSError as error:
        _fail(
            f"{error.filename or 'A file'} cannot be used ({error.strerror}); make it usable or choose another."
        )
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)


def _is_text(word: str) -> bool:
    """Return whether an argument is valid text. Python decodes invalid bytes to surrogates."""
    return not any("\ud800" <= sign <= "\udfff" for sign in word)


def _usage(error: typer.TyperException) -> str:
    """Return the message of a usage error with the command's help, "" if the help was printed already."""
    message = " ".join(error.format_message().replace(": Value error, ", ": ").split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return message and f"{message}; see: {context.command_path if context else 'digest'} --help"


def _fail(message: str) -> NoReturn:
    if message:
        typer.echo(f"digest: {message}", err=True)
    sys.exit(2)
