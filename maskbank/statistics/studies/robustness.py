"""What structured pruning keeps of the unpruned model: the share of its accuracy, alone and under each attack."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from maskbank.config import Params
from maskbank.hypotheses import Declared, Within
from maskbank.records.schema import NONE
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured, percent
from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, SHARE
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, one_sided
from maskbank.statistics.kept import AT_ZERO, SETTING, attack_order, kept_rows, setting_words
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables

ARMS = "COMPRESS"  # the registry of what a claim may name
JUDGES = ("within",)

DENSE = "dense"
UNDEFINED = "undefined"  # the control is right on nothing under this attack
AT = (*SETTING, "budget_asked", "attack")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """In every setting the mildest budget first, without an attack before others."""
    every = kept_rows(tables.records, tables.metrics)
    every = every[every.role != "reference"]
    for labels, own in parts(every, SETTING):
        at = sorted(parts(own, ("budget_asked", "attack")), key=lambda part: order(part[0]))
        yield from (({**labels, **inner}, part) for inner, part in at)


def order(labels: Row) -> tuple[float, tuple[str, float]]:
    return -labels["budget_asked"], attack_order(labels["attack"])


def against(rows: pd.DataFrame, params: Params) -> Arms:
    return [(method, DENSE) for method in sorted(set(rows.method))]


def faults(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    """In words, what a share lacks, and which cells collapsed; a share of nothing is undefined."""
    lacks = own[own.kept.isna()].sort_values("unit")
    collapsed = own[own.status == "collapsed"].unit
    texts = [f"seed {unit:g}: {what}" for unit, what in zip(lacks.unit, lacks.lacks, strict=True)]
    fallen = ", ".join(f"seed {unit:g} collapsed" for unit in collapsed)
    found: Row = {"missing": "; ".join([*texts, *([fallen] if fallen else [])]), "others": len(collapsed)}
    if texts:
        found["status"] = UNDEFINED if set(lacks.lacks) == {AT_ZERO} else INCOMPLETE
    return found


STUDY = Study(
    axes=Axes(AT, "method", ("budget_kind",), SEED, "kept"),
    levels=(Level("share", (), (*AT, "arm")),),
    rows=rows,
    against=against,
    beside=faults,
    scale=SHARE,
    relative=True,
)


WORDS = ["recipe", "pattern", "allocation", "schedule", "reconstruct", "bn"]
Limits = Mapping[float, float]  # budget kept -> share of the control that has to be kept


def limits_of(declared: Declared) -> Limits:
    return {limit.kept: limit.share for limit in declared.limits} if isinstance(declared, Within) else {}


def used(rows: Sequence[Line], limits: Limits) -> Sequence[Line]:
    """At the budgets of the claim; with the method's merging of nodes, where that was run."""
    merged = [row for row in rows if row["reconstruct"] == "merge"]
    return [row for row in merged or rows if row["budget_asked"] in limits]


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """Supported, or contradicted, only where every setting says so; shares of a control at 0 are undefined and left out.

    Nothing is supported where a cell collapsed: on unbalanced classes a constant answer may be right more often than not.
    """
    limits, alpha = limits_of(declared), tables.params.compare.alpha
    rows = used(rows, limits)
    at = {budget: [row for row in rows if row["budget_asked"] == budget] for budget in limits}
    text = "; ".join(
        f"with {percent(1 - budget)} removed {span(part, False)} of accuracy and {span(part, True)} of robust accuracy kept"
        for budget, part in at.items()
    )
    if not all(row["reconstruct"] == "merge" for row in rows):
        text += "; without the method's merging of nodes, which was not run"
    fallen = sum(row["others"] for row in rows if row["attack"] == NONE)
    if fallen:
        cells = len({key for row in rows for key in row["cells"].split()})
        text += f"; {fallen} of {cells} cells collapsed: a constant answer is robust, and keeps its accuracy"
    needed = " and ".join(percent(1 - budget) for budget in limits)
    defined = [row for row in rows if row["status"] != UNDEFINED]
    if any(row["status"] == INCOMPLETE for row in defined):
        return Judgement(INCONCLUSIVE, f"some cells or controls are missing, the test is refused ({text})")
    if not all(any(row["attack"] != NONE and row["n"] for row in part) for part in at.values()):
        return Judgement(INCONCLUSIVE, f"{needed} removed, all attacked, are needed ({text})")
    if any(row["status"] == INSUFFICIENT for row in defined):
        fewest = min(row["n"] for row in defined)
        return Judgement(INCONCLUSIVE, f"too few seeds, {fewest} of {MIN_CLUSTERS}, no p-value is given ({text})")
    settings: dict[str, list[Line]] = {}
    for row in defined:
        settings.setdefault(setting_words(row, WORDS), []).append(row)
    verdicts = {all_above(own, limits, alpha) for own in settings.values()}
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    words = {SUPPORTED: "all above their limits", CONTRADICTED: "some clearly below their limit"}
    verdict = verdicts.pop()
    if verdict == SUPPORTED and fallen:
        return Judgement(INCONCLUSIVE, f"all above their limits, but what collapsed has kept nothing ({text})")
    return Judgement(verdict, f"{words.get(verdict, 'not all shown to be above their limits')} ({text})")


def all_above(rows: Sequence[Line], limits: Limits, alpha: float) -> str:
    """All shares above their limits, or at least one below (Bonferroni over the setting's shares)."""
    each = [one_sided(row, limits[row["budget_asked"]]) for row in rows]
    if all(above <= alpha for above, _ in each):
        return SUPPORTED
    return CONTRADICTED if any(below <= alpha / len(rows) for _, below in each) else INCONCLUSIVE


def span(rows: Sequence[Line], attacked: bool) -> str:
    """Range of mean shares over settings and attacks."""
    means = [row["difference"] for row in rows if (row["attack"] != NONE) == attacked and row["n"]]
    ends = list(dict.fromkeys(f"{100 * end:.0f}" for end in (min(means), max(means)))) if means else []
    return f"{' to '.join(ends)} %" if ends else "an unknown share"


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    """p is of "not above the limit"."""
    limits = limits_of(declared)
    for row in used(rows.to_dict("records"), limits):
        attack = "no attack" if row["attack"] == NONE else row["attack"]
        p = one_sided(row, limits[row["budget_asked"]])[0]
        words = f"{setting_words(row, WORDS)}: {percent(1 - row['budget_asked'])} removed, {attack}"
        yield measured(row, words, p, p)


READING = Reading(
    level="share",
    tests={
        "within": "one-sided t-tests over pretraining seeds that each share lies above its limit; all of a setting have to "
        "hold, in every setting"
    },
    weigh=weigh,
    show=show,
    quantity="share kept",
    contrast=lambda declared, labels, tables: "share of the dense control's accuracy and robust accuracy that is kept",
)
