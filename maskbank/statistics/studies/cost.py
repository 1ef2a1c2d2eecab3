"""What a recipe costs to train: the logarithm of its cost over Adam's with the same seed, at one kind of cost."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from maskbank.config import Params
from maskbank.hypotheses import Declared, Within
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured
from maskbank.statistics.contrast import LOG, TESTED
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, one_sided, refused
from maskbank.statistics.models import ADAM, GROUP, recipes_in
from maskbank.statistics.recipe_costs import cost_ratios, relative_costs
from maskbank.statistics.studies.sharpness import PERCENT
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables

ARMS = "RECIPES"  # the registry of what a claim may name
JUDGES = ("within",)

COST = (*GROUP, "measure")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Ratios that are known: seconds of several machine classes do not compare, and are counted in `others`."""
    every = cost_ratios(tables.models).rename(columns={"cost_of": "measure"})
    every = every.assign(
        others=every.groupby([*COST, "recipe"]).log.transform(lambda logs: logs.isna().sum()), status="ok"
    )
    yield from parts(every[every.log.notna()], COST)


def against(rows: pd.DataFrame, params: Params) -> Arms:
    return [(recipe, ADAM) for recipe in recipes_in(rows)]


def machines(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    return {"others": int(own.others.iloc[0])}


STUDY = Study(
    axes=Axes(COST, "recipe", ("measure",), SEED, "log"),
    levels=(Level("measure", (), (*GROUP, "arm")),),
    rows=rows,
    against=against,
    beside=machines,
    scale=LOG,
    relative=True,
    shown=("others",),
)


WORDS = {"macs": "multiply-adds", "seconds": "CPU seconds"}


def limit_of(declared: Declared) -> float:
    return math.log(declared.most if isinstance(declared, Within) and declared.most else 1.0)


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """Contradicted by multiply-adds above the limit or seconds shown above it; supported where both are below."""
    costs, limit, alpha = {row["measure"]: row for row in rows}, limit_of(declared), tables.params.compare.alpha
    known = {kind: math.exp(costs[kind]["difference"]) for kind in WORDS if kind in costs}
    text = "; ".join(f"{WORDS[kind]} {mean:.3g} times Adam's" for kind, mean in known.items())
    low, high = macs_range(rows[0], tables)
    most = math.exp(limit)
    if "macs" in costs and low > most:
        return Judgement(CONTRADICTED, f"multiply-adds above the limit in every seed ({text})")
    if len(known) < len(WORDS):
        return Judgement(INCONCLUSIVE, f"multiply-adds and CPU seconds on one machine class are both needed ({text})")
    seconds = costs["seconds"]
    if seconds["others"]:
        return Judgement(INCONCLUSIVE, f"some pairs ran on several machine classes, the test is refused ({text})")
    if seconds["status"] != TESTED:
        return Judgement(INCONCLUSIVE, f"{refused(seconds).reason} ({text})")
    above, below = one_sided(seconds, limit)
    if above <= alpha:
        return Judgement(CONTRADICTED, f"CPU seconds above the limit, one-sided p {above:.3g} ({text})", above)
    if below <= alpha and high <= most:
        return Judgement(SUPPORTED, f"both below the limit, one-sided p {below:.3g} ({text})", below)
    reason = f"CPU seconds neither shown below nor above the limit, one-sided p {below:.3g} and {above:.3g} ({text})"
    return Judgement(INCONCLUSIVE, reason, below)


def macs_range(row: Line, tables: Tables) -> tuple[float, float]:
    """Least and most multiply-adds over Adam's, over seeds."""
    costs = relative_costs(tables.models)
    labels = {**{name: row[name] for name in GROUP}, "recipe": row["arm"], "cost_of": "macs"}
    own = costs[(costs[list(labels)] == list(labels.values())).all(axis=1)]
    return (float(own.low.iloc[0]), float(own.high.iloc[0])) if len(own) else (math.nan, math.nan)


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    """Multiply-adds are counted; of CPU seconds p is of "not below the limit"."""
    for arm in [*declared.arms, *declared.beside]:
        for row in rows[(rows.arm == arm) & rows.measure.isin(WORDS)].to_dict("records"):
            counted = row["measure"] == "macs"
            p = math.nan if counted else one_sided(row, limit_of(declared))[1]
            others = f"{row['others']} seeds on several machine classes" if row["others"] else ""
            told = {**row, "minimal_detectable_effect": math.nan, "missing": others}
            told |= {"status": "counted"} if counted else {}
            yield measured(told, f"{arm}: {WORDS[row['measure']]} of training", p, p)


READING = Reading(
    level="measure",
    tests={
        "within": "one-sided t-test over pretraining seeds that CPU seconds stay below {most:g} times Adam's; "
        "multiply-adds are counted"
    },
    weigh=weigh,
    show=show,
    quantity=PERCENT,
    contrast=lambda declared, labels, tables: f"cost of training, {' and '.join(declared.arms)} over {ADAM}",
)
