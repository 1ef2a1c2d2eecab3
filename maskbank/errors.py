"""The ways in which work ends badly, and how a command says so."""

import functools
import sys
from collections.abc import Callable


class InputError(ValueError):
    """What the user gave cannot be used. One line: key, value, what is allowed, what to do. Exit code 2."""


class WorkError(RuntimeError):
    """The work failed, or a check does not hold. Exit code 1."""


class Diverged(RuntimeError):
    """A loss that is no longer finite; the message says at which step."""


def exits(main: Callable[[], None]) -> Callable[[], None]:
    """Make a script's main end with one line on standard error and the exit code, not a traceback, on these errors."""

    @functools.wraps(main)
    def run() -> None:
        try:
            main()
        except (InputError, WorkError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2 if isinstance(error, InputError) else 1)

    return run
