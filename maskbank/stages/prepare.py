"""Load the data set, split it, draw the few-way tasks."""

from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.registry import SOURCES

AFTER = None


def check(params: Params) -> None:
    SOURCES.check(params.data.source, "data.source")
    if params.foreign is not None:
        SOURCES.check(params.foreign.source, "foreign.source")
        if params.foreign.name == params.data.name:
            raise InputError(
                f"foreign.source = {params.foreign.name!r}: the same as data.source; choose another data set"
            )


def execute(params: Params) -> None:
    from maskbank.data.prepare import prepare

    print(prepare(params))
