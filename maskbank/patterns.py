"""The grammar of pruning: the texts that name a pattern, an allocation, a budget, a schedule. Parsed and checked here alone.

Knows no torch; what a pattern does to tensors is in `maskbank.pruning.patterns`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from maskbank.errors import InputError

Allocation = Literal["uniform", "erk", "global", "global_macs", "isomorphic"]
SparseAllocation = Literal["uniform", "erk", "global"]  # of sparse training
BudgetKind = Literal["units", "params", "macs", "bytes", "peak"]
Reconstruct = Literal["none", "mean", "bias", "merge"]
RateSchedule = Literal["restart", "cosine", "constant"]

PER_LAYER = "per_layer"  # fractions given by name: an allocation for callers, not for params
OF_UNITS = ("uniform", "erk", PER_LAYER, "global", "global_macs", "isomorphic")
OF_WEIGHTS = ("uniform", "global", "erk", "isomorphic", PER_LAYER)
ROUNDS = ("iterative", "cubic", "exponential")  # schedules of several rounds
UNITS = {"units": "internal", "units:coupled": "coupled", "units:all": "all"}  # pattern -> which units may be removed

FORMS = {  # kind of pattern -> how it is written
    "unstructured": r"unstructured",
    "channel": r"channel",
    "n:m": r"\d+:\d+",
    "block": r"block:[1-9]\d*",
    "units": "|".join(UNITS),
}
SAID = {"n:m": "n:m such as 2:4", "block": "block:b such as block:4", "units": ", ".join(UNITS)}
OF_SINGLE = ("unstructured", "n:m", "block")  # kinds that set single weights to zero
OF_MASKS = ("unstructured", "channel", "n:m", "block")  # kinds that a sparse training can end in
NEAR = 0.005  # how far a budget may be from n / m
SCHEDULE = rf"one_shot|({'|'.join(ROUNDS)}):[1-9]\d*"


def written(*kinds: str) -> str:
    """A regular expression of the patterns of these kinds."""
    return f"^({'|'.join(FORMS[kind] for kind in kinds)})$"


Pattern = Annotated[str, Field(pattern=written(*OF_SINGLE, "units"))]
MaskPattern = Annotated[str, Field(pattern=written(*OF_MASKS))]
UnitPattern = Literal["units", "units:coupled", "units:all"]
Schedule = Annotated[str, Field(pattern=f"^({SCHEDULE})$")]


@dataclass(frozen=True)
class Parsed:
    """A pattern: its kind, and its numbers: `n` of every `m`, or blocks of `n` by `n`."""

    text: str
    kind: str
    n: int = 0
    m: int = 0

    @property
    def density(self) -> float:
        """The fraction that n:m keeps."""
        return self.n / self.m


def kind_of(text: str) -> str:
    """The kind of a pattern; "" for what is none, as the label of a cell to which patterns do not apply."""
    return next((kind for kind, form in FORMS.items() if re.fullmatch(form, text)), "")


def parse_pattern(text: str, kinds: Sequence[str] = OF_SINGLE) -> Parsed:
    """Raises InputError for what is no pattern of these kinds, and for an n:m that keeps nothing or everything."""
    kind = kind_of(text)
    if kind not in kinds:
        *rest, last = (SAID.get(each, each) for each in kinds)
        raise InputError(f"pattern = {text!r}: expected {', '.join([*rest, f'or {last}'] if rest else [last])}")
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if kind == "n:m" and not 0 < numbers[0] < numbers[1]:
        raise InputError(f"pattern {text}: expected 0 < n < m, such as 2:4")
    return Parsed(text, kind, *numbers)


def parse_schedule(text: str) -> tuple[str, int]:
    """`one_shot`, or a name with its number of rounds such as `cubic:10`. Raises InputError for anything else."""
    if not re.fullmatch(SCHEDULE, text):
        raise InputError(f"schedule = {text!r}: expected one_shot, or {', '.join(ROUNDS)} with rounds, as in cubic:10")
    name, _, rounds = text.partition(":")
    return name, int(rounds or 1)


def check_fit(text: str, budget: object, allocation: str, key: str = "") -> None:
    """Raises InputError where a pattern cannot be had at this budget or spread over tensors by this allocation.

    A pattern n:m has its own density; channels are not of one size. `key` is where in params allocation and budget are.
    """
    kind, given = kind_of(text), f"{key}allocation = {allocation!r}"
    if kind == "n:m":
        density = parse_pattern(text).density
        if allocation != "uniform":
            raise InputError(f"{given}: pattern {text} is the same in every tensor; use uniform")
        if not isinstance(budget, float | int) or abs(budget - density) > NEAR:
            raise InputError(f"{key}budget = {budget!r}: pattern {text} keeps {density:g} of the weights; use that")
    if kind == "channel" and allocation != "uniform":
        raise InputError(
            f"{given}: channels are not of one size, so that a share of them is no budget of weights; "
            "with pattern channel use uniform"
        )


def check_n_of_m(text: str, budgets: Sequence[float], plain: bool, key: str, only: str) -> None:
    """In params a pattern n:m has one budget, n / m, and nothing else to choose: `plain` says so, `only` what it has to be.

    Raises InputError otherwise; other patterns pass.
    """
    if kind_of(text) == "n:m":
        n, m = map(int, text.split(":"))
        if not 0 < n < m or list(budgets) != [n / m] or not plain:
            raise InputError(f"{key}.pattern = {text}: n:m takes 0 < n < m, {only} and budgets [{n / max(m, 1):g}]")
