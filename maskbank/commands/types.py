"""Types of arguments."""

from argparse import ArgumentTypeError

from maskbank.errors import InputError
from maskbank.params import assign


def labels(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"{text}: expected labels, such as 0,2,4") from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text}: expected a whole number, at least 1")
    return int(text)


def option(text: str) -> tuple[str, object]:
    """KEY=VALUE with the value read as YAML."""
    values: dict[str, object] = {}
    try:
        assign(values, text)
    except InputError:
        raise ArgumentTypeError(f"{text}: expected KEY=VALUE, such as num_classes=10") from None
    return next(iter(values.items()))
