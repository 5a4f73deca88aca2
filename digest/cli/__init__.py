"""The command line: each command looks something up, calls one use case, and says how it went.

Exit codes everywhere: 0 all done, 1 done in part, 2 nothing could be done. Errors are one line on stderr.
"""

import sys
from typing import NoReturn

import typer


def main() -> None:
    """Run the `digest` command; an error that was foreseen is one line, not a traceback."""
    from digest.cli.app import application
    from digest.errors import DigestError

    if not all(map(_is_text, sys.argv)):
        _fail("A word that was typed is not UTF-8 text; type it again.")
    try:
        code = application(standalone_mode=False)
    except DigestError as error:
        _fail(str(error))
    except typer.TyperException as error:
        _fail(_usage(error))
    except typer.Abort:
        _fail("Nothing was done; answer y, or give --yes.")
    except OSError as error:
        _fail(f"{error.filename or 'A file'} cannot be used ({error.strerror}); free it or choose another.")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)


def _is_text(word: str) -> bool:
    """Whether the terminal sent text: bytes that are none arrive as halves of characters."""
    return not any("\ud800" <= sign <= "\udfff" for sign in word)


def _usage(error: typer.TyperException) -> str:
    """Say what was typed wrong and where to read how it goes; nothing where the help was shown already."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return message and f"{message}; see: {context.command_path if context else 'digest'} --help"


def _fail(message: str) -> NoReturn:
    if message:
        typer.echo(f"digest: {message}", err=True)
    sys.exit(2)
