"""A board: the methods of one setting in tie groups. What is not known is null."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

POINTS = 100  # 0.01 accuracy is 1 point


def known(value: Any) -> Any:
    """None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(known)]
Share = Annotated[float, Field(ge=0, le=1)]
Rank = Annotated[float, Field(ge=1)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ranked(Part):
    """Rank of a method under one way of looking at the board, with a 95 % interval; it describes."""

    view: str = Field(
        description="mean, median or IQM over tasks; without a method; failures left out or at chance; halves"
    )
    rank: Rank
    low: Rank
    high: Rank


class NormalisedScore(Part):
    """Control-normalised score: 0 is random units in the method's own widths, 1 the oracle; t-interval over splits."""

    score: Number
    ci_low: Number
    ci_high: Number
    splits: int


class Row(Part):
    """A ranked method. `groups`: it ties with every method that shares a letter; no letters where nothing was tested."""

    method: str
    role: str
    groups: list[str]
    score: Number = Field(description="mean difference to the reference, in points")
    ci_low: Number = Field(description="95 % t-interval of the score over splits, in points")
    ci_high: Number
    accuracy: Number = Field(description="mean accuracy, a fraction")
    first: Share | None = Field(description="share of bootstrap resamples in which it is first")
    rank_low: Rank | None = Field(description="lowest rank that the tests leave open")
    rank_high: Rank | None
    cost_macs: Number = Field(description="mean MACs of training, selection and tuning, for one task")
    normalised: NormalisedScore | None
    ranks: list[Ranked]


class Unranked(Part):
    """A method that is not ranked, and what it lacks. `ranks`: with its failures left out, or counted as chance."""

    method: str
    role: str
    missing: str
    ranks: list[Ranked]


class Compared(Part):
    """Left minus right, of two ranked methods: the tests that the tie groups are made of."""

    left: str
    right: str
    n: int
    difference: Number = Field(description="in points")
    wins: int
    ties: int
    losses: int
    p: Number = Field(description="paired t-test over splits; null below 6")
    p_holm: Number = Field(description="corrected over all pairs of the board")


class Checked(Part):
    name: str
    holds: Literal["pass", "fail", "not applicable"]
    looked_at: str


class Normalisation(Part):
    """The ends of control-normalised scores, and the tasks that carry no information."""

    zero: str
    one: str
    tasks: int = Field(description="tasks and budgets that inform")
    excluded: list[str]
    reason: str = Field(description="why there is none, else empty")


class Board(Part):
    """One setting. Rows are ordered by group, inside a group by cost, then name: that order is no claim."""

    name: str
    setting: dict[str, str]
    reference: str = Field(description="what scores are differences to; empty where it is incomplete or was not run")
    splits: int
    tasks: int
    seeds: int = Field(description="the most seeds of a task")
    budgets: list[float]
    steps: list[int]
    status: Literal["tested", "too few to test", "nothing to compare"]
    alpha: float
    pairs: int = Field(description="tests that Holm corrects over")
    floor: Number = Field(
        description="smallest difference in points that this board can detect, power 80 %, after Holm"
    )
    rows: list[Row]
    unranked: list[Unranked]
    pairwise: list[Compared] = Field(description="every ordered pair of ranked methods")
    normalisation: Normalisation
    sanity_checks: list[Checked]
    withdrawn: list[str] = Field(description="why headlines of this board are withdrawn; empty: they are not")
    notes: list[str]


class Leaderboard(Part):
    """All boards of a run; methods of different boards are not compared."""

    schema_version: Literal[2] = 2
    unit: Literal["points"] = "points"
    suites: list[str]
    resamples: int
    seed: int
    boards: list[Board]
