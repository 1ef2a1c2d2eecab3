"""How much smaller structured pruning makes a model: 1 - parameters / parameters of the dense model, counted and not tested."""

from collections.abc import Iterator, Sequence

import pandas as pd

from maskbank.hypotheses import Counted, Declared
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured, percent
from maskbank.statistics.contrast import SHARE
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement
from maskbank.statistics.kept import setting_words, structured_rows
from maskbank.statistics.studies.robustness import against
from maskbank.statistics.study import Level, Row, Study, parts
from maskbank.statistics.tables import Tables

ARMS = "COMPRESS"  # the registry of what a claim may name
JUDGES = ("counted",)

COUNTED = "counted"
SIZED = ("dataset", "backbone", "recipe", "pattern", "allocation", "schedule", "budget_kind")  # what a size depends on


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Reconstruction and BN handling change no size, so they are averaged over; the mildest budget comes first."""
    every = structured_rows(tables.records)
    every = every[every.params.notna() & (every.role != "reference")]
    every = every.assign(cut=1 - every.params / every.params_dense, milder=-every.budget_asked)
    for labels, own in parts(every, (*SIZED, "milder")):
        yield labels | {"budget_asked": -labels.pop("milder")}, own


def counts(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    return {"status": COUNTED, "arm_score": own.params.mean(), "baseline_score": own.params_dense.mean()}


STUDY = Study(
    axes=Axes((*SIZED, "budget_asked"), "method", ("budget_kind",), SEED, "cut"),
    levels=(Level("cut", (), (*SIZED, "budget_asked", "arm")),),
    rows=rows,
    against=against,
    beside=counts,
    scale=SHARE,
    relative=True,
)

SAME_SIZE = 0.02  # of the published count: logits are one a class here, and theirs counts running statistics
ROUNDING = 0.002  # a budget of 21/32 may be written 0.656
WORDS = ["recipe", "pattern", "allocation", "schedule"]


def budgets_of(declared: Declared) -> dict[float, str]:
    """The nominal fractions of the tool and those that it removes for them, each with a note."""
    cuts = declared.cuts if isinstance(declared, Counted) else []
    tool = {cut.kept: f", the tool's nominal {percent(cut.nominal)}" for cut in cuts}
    return dict(sorted(({1 - cut.nominal: "" for cut in cuts} | tool).items(), reverse=True))


def near(row: Line, budget: float) -> bool:
    return abs(row["budget_asked"] - budget) <= ROUNDING


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """Published models only, at the fractions that the tool removes for its nominal ones, alike in every layer."""
    assert isinstance(declared, Counted)
    backbone = rows[0]["backbone"]
    exact = " and ".join(percent(1 - cut.kept) for cut in declared.cuts)
    text = f"exact ratios remove fewer units than the tool's nominal ones ({exact}); {cuts_of(rows, declared)}"
    if backbone not in declared.published:
        return Judgement(INCONCLUSIVE, f"{text}; not one of the published models")
    size, published = sum(row["baseline_score"] for row in rows) / len(rows), declared.published[backbone]
    if abs(size / published - 1) > SAME_SIZE:
        return Judgement(INCONCLUSIVE, f"{text}; with {size:,.0f} parameters not the published model of {published:,}")
    uniform = [row for row in rows if row["allocation"] == "uniform"]
    each = [[row["difference"] for row in uniform if near(row, cut.kept)] for cut in declared.cuts]
    if not all(each):
        needed = " and ".join(f"{cut.kept:g}" for cut in declared.cuts)
        return Judgement(INCONCLUSIVE, f"{text}; the tool's need budgets {needed} of units under allocation uniform")
    pairs = zip(each, declared.cuts, strict=True)
    inside = all(cut.low <= round(found, 3) <= cut.high for own, cut in pairs for found in own)
    verdict, where = (SUPPORTED, "both inside") if inside else (CONTRADICTED, "not both inside")
    return Judgement(verdict, f"{text}; at the tool's fractions {where} the published ranges")


def cuts_of(rows: Sequence[Line], declared: Counted) -> str:
    """What was measured at the budgets of the claim, as a range over settings."""
    found = []
    for budget in budgets_of(declared):
        cuts = [row["difference"] for row in rows if near(row, budget)]
        if cuts:
            ends = dict.fromkeys((percent(min(cuts)), percent(max(cuts))))
            found.append(f"{percent(1 - budget)} of units removed cut {' to '.join(ends)}")
    nominal = " nor ".join(percent(cut.nominal) for cut in declared.cuts)
    return ", ".join(found) or f"neither {nominal} were removed"


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    for _, own in parts(rows, SIZED):
        for budget, note in budgets_of(declared).items():
            for row in own.to_dict("records"):
                if near(row, budget):
                    words = f"{setting_words(row, WORDS)}: {percent(1 - budget)} of units removed{note}"
                    yield measured(row, words)


READING = Reading(
    level="cut",
    tests={"counted": "none: sizes are counted"},
    weigh=weigh,
    show=show,
    quantity="size cut",
    contrast=lambda declared, labels, tables: "1 - parameters / parameters of the dense model",
)
