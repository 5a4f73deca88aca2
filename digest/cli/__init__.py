"""The command line: each command looks something up, calls one use case, and says how it went.

Exit codes everywhere: 0 all done, 1 done in part, 2 nothing could be done. Errors are one line on stderr.
"""

import sys


def main() -> None:
    """Run the `digest` command; an error that was foreseen is one line, not a traceback."""
    from digest.cli.app import application
    from digest.errors import DigestError

    try:
        application()
    except DigestError as error:
        print(f"digest: {error}", file=sys.stderr)  # noqa: T201 - the command line's own voice
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` has.
        sys.stderr.close()
        sys.exit(0)
