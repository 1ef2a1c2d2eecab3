"""Compression: a pretraining recipe minus Adam after one-shot pruning or quantization, paired by pretraining seed."""

from collections.abc import Iterator, Sequence

import pandas as pd

from maskbank.config import Params
from maskbank.hypotheses import Declared
from maskbank.records.schema import NONE
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured
from maskbank.statistics.judges import INCONCLUSIVE, Judgement, agreed, superior
from maskbank.statistics.models import ADAM, GROUP, recipes_in
from maskbank.statistics.recipes import KINDS, POINT, SETTING, compressed, dense_rows
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables

ARMS = "RECIPES"  # the registry of what a claim may name
JUDGES = ("superior",)

KIND = (*SETTING, "kind")
MEAN, BY_METHOD, AT_POINT = "mean", "method", "point"


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """By model, form, BN handling and kind of compression; the models before it are a kind of their own, without a point."""
    columns = [*KIND, *POINT, "recipe", "unit", "accuracy", "status", "cell_key"]
    every = pd.concat([dense_rows(tables.models)[columns], compressed(tables.records)[columns]], ignore_index=True)
    every = every.assign(place=every.kind.map(KINDS.index)).sort_values([*SETTING, "place"], kind="stable")
    yield from parts(every, KIND, sort=False)


def against(rows: pd.DataFrame, params: Params) -> Arms:
    return [(recipe, ADAM) for recipe in recipes_in(rows)]


def excluded(tables: Tables) -> pd.DataFrame:
    """Models that did not reach the training loss that others stopped at."""
    return tables.models.loc[tables.models.excluded, [*GROUP, "recipe", "unit"]]


STUDY = Study(
    axes=Axes(KIND, "recipe", tuple(POINT), SEED),
    levels=(  # Holm over the kinds of one recipe, or over the methods or the points of one kind; not across recipes
        Level(MEAN, (), (*SETTING, "arm")),
        Level(BY_METHOD, ("method",), (*KIND, "arm")),
        Level(AT_POINT, tuple(POINT), (*KIND, "arm")),
    ),
    rows=rows,
    against=against,
    excluded=excluded,
)


MODEL_WORDS = {"trained": "as trained", "folded": "folded", "steps": "equal steps", "loss": "matched loss"}
EVERYWHERE = "it has to hold with every stop, form and BN handling that was run"


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    found = agreed({model_words(row): superior(row, tables.params.compare.alpha) for row in rows})
    return at_every_stop(found, rows, tables)


def at_every_stop(judgement: Judgement, rows: Sequence[Line], tables: Tables) -> Judgement:
    """No verdict while models of both recipes exist for a stop that was not measured."""
    first = rows[0]
    models = tables.models[(tables.models.dataset == first["dataset"]) & (tables.models.backbone == first["backbone"])]
    both, seen = {first["arm"], first["baseline"]}, {row["stop"] for row in rows}
    stops = [str(stop) for stop, own in models.groupby("stop") if both <= set(own.recipe) and stop not in seen]
    if judgement.verdict == INCONCLUSIVE or not stops:
        return judgement
    words = ", ".join(MODEL_WORDS.get(stop, stop) for stop in stops)
    return Judgement(INCONCLUSIVE, f"models of both recipes at {words} exist, but do not compare ({judgement.reason})")


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    """Of each setting the mean over its points first, then the points from the mildest on."""
    rows = rows.assign(point=rows.level != BY_METHOD, milder=-rows.budget_asked.fillna(0))
    for row in rows.sort_values([*SETTING, "point", "milder", "allocation"], kind="stable").to_dict("records"):
        at = f"{row['method']} {row['budget_asked']:g} {'bits' if row['budget_kind'] == 'bits' else 'kept'}"
        others = [f", {row[name]}" for name in ("allocation", "reconstruct") if row[name] not in (NONE, "global")]
        what = at + "".join(others) if row["point"] else f"mean over {row['points']} points"
        yield measured(row, f"{model_words(row, excluded=True)}: {what}", row["p"], row["p"])


def model_words(row: Line, *, excluded: bool = False) -> str:
    """Stop, form and BN handling in words, and how many seeds were excluded; what does not apply is left out."""
    words = [MODEL_WORDS[row[key]] for key in ("stop", "form") if row[key] != NONE]
    words += [f"{row['bn']} BN"] if row["bn"] != NONE else []
    count = row["excluded"] if excluded else 0
    return ", ".join(
        [*words, *([f"{count} seed{'s' if count > 1 else ''} excluded (loss not reached)"] if count else [])]
    )


READING = Reading(
    level=BY_METHOD,
    tests={"superior": f"paired t-test over pretraining seeds of the mean over all points; {EVERYWHERE}"},
    weigh=weigh,
    show=show,
    contrast=lambda declared, labels, tables: f"{' and '.join(declared.arms)} minus {ADAM}",
)
