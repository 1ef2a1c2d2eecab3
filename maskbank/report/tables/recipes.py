"""Models before compression and what they cost relative to Adam: a row a model and recipe."""

from collections.abc import Callable

import pandas as pd

from maskbank.report.models import SHOWN
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns, first
from maskbank.report.words import cost_text, mean_text, model_words, number_range
from maskbank.statistics.models import ADAM, GROUP

ORDER = 100
TITLE = "Recipes before compression"
CAPTION = (
    "Models before compression, mean ± sample sd over seeds: accuracies in points; gap: training minus test accuracy. Cost of "
    "training relative to Adam with the same seed: median (least to most) over seeds; seconds inside one machine class "
    "only. n counts seeds; excluded: models that did not reach the matched training loss. ✗: cells that did not end ok. "
    "No test."
)
TOGETHER = 1
MEASURES = dict(zip(("test accuracy", "gap", "training loss", "test loss"), SHOWN, strict=True))
COSTS = {"MACs, of Adam's": "macs", "CPU s, of Adam's": "seconds", "steps, of Adam's": "steps"}


def read(run: Run) -> pd.DataFrame:
    """Means, with columns `macs_median`, `macs_low`, ... of the costs of each recipe."""
    means, keys = run.pretraining.means, [*GROUP, "recipe"]
    return in_model_order(means[means.n > 0]).merge(wide(run.pretraining.costs, keys), on=keys, how="left")


def wide(costs: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if costs.empty:
        return pd.DataFrame(columns=keys)
    table = costs.pivot(index=keys, columns="cost_of", values=["median", "low", "high"])
    table.columns = pd.Index(["_".join(map(str, names[::-1])) for names in table.columns])
    return table.reset_index()


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    """One group of rows a recipe of each model, its index the measures."""
    groups = [group for _, group in data.groupby(GROUP, sort=False)]
    return [
        group[group.recipe == name].set_index("measure") for group in groups for name in in_recipe_order(group.recipe)
    ]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    costs = run.pretraining.costs

    def cost(kind: str) -> Callable[[pd.DataFrame], str]:
        def of(own: pd.DataFrame) -> str:
            keys = [*GROUP, "recipe"]
            same = costs[(costs[keys] == list(own[keys].iloc[0])).all(axis=1)].set_index("cost_of")
            return "1" if own.recipe.iloc[0] == ADAM else cost_text(same, kind)

        return of

    def mean(measure: str) -> Callable[[pd.DataFrame], str]:
        return lambda own: mean_text(own, measure)

    return {
        "model": first(model_words),
        "recipe": first(lambda row: label(row.recipe)),
        **{head: mean(measure) for head, measure in MEASURES.items()},
        **{head: cost(kind) for head, kind in COSTS.items()},
        "n": count,
    }


def count(own: pd.DataFrame) -> str:
    row = own.iloc[0]
    notes = [f"{row.excluded} excluded"] if row.excluded else []
    notes += [f"✗{row.failed}"] if row.failed else []
    return " ".join([number_range(own.n[own.n > 0]), *notes])
