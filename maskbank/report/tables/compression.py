"""Recipes and methods of compression, a row each, one column a budget."""

from collections.abc import Callable

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.aggregate import seeded_means
from maskbank.report.robustness import HOW
from maskbank.report.run import Run
from maskbank.report.style import label, pattern_label
from maskbank.report.table import MARKED, Cell, Columns, bold, first, groups_of, marks
from maskbank.report.words import points

ORDER = 90
TITLE = "Compression"
CAPTION = (
    "Accuracy in points without fine-tuning: mean ± sample sd over seeds, and n. Patterns of units are removed for real; "
    "masked weights are simulated sparsity: "
    "no time is saved. A budget is of weights, of units, or as the pattern says. Not said in the pattern: allocation "
    "global, one shot, nothing reconstructed. Not said of the model: as it "
    "was trained, for its steps; activations not said are float32. "
    f"{bold('a model, pattern, budget and BN handling', 'seeds')} {MARKED}"
)
TOGETHER = 3


def read(run: Run) -> pd.DataFrame:
    return seeded_means(run.records)


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    return groups_of(data, ["stage", "backbone", "stop", "form", *HOW, "activations", "method", "bn", "recipe"])


def columns(run: Run, data: pd.DataFrame) -> Columns:
    kinds = set(zip(data.budget_kind == "bits", data.budget_asked, strict=True))
    budgets = sorted(kinds, key=lambda item: (item[0], -item[1]))
    return {
        "stage": first(lambda row: row.stage),
        "model": first(model),
        "pattern": first(lambda row: pattern_label(*row[HOW])),
        "method": first(method),
        "BN": first(lambda row: "–" if row.bn == NONE else row.bn),
        "recipe": first(lambda row: label(row.recipe)),
        **{f"{budget:g} bits" if bits else f"keep {budget:g}": at(bits, budget) for bits, budget in budgets},
    }


def model(row: pd.Series) -> str:
    """A backbone, and what is not usual of its models: folded, trained to a loss."""
    words = ["folded" if row.form == "folded" else "", "trained to a loss" if row.stop == "loss" else ""]
    return ", ".join([row.backbone, *filter(None, words)])


def method(row: pd.Series) -> str:
    return label(row.method) + ("" if row.activations == NONE else f", {row.activations} bits of activations")


def at(bits: bool, budget: float) -> Callable[[pd.DataFrame], Cell]:
    """Accuracy of a group at a budget, in bits or kept."""

    def of(group: pd.DataFrame) -> Cell:
        here = group[(group.budget_asked == budget) & ((group.budget_kind == "bits") == bits)]
        if here.empty:
            return Cell("")
        row = here.iloc[0]
        return Cell(f"{points(row.accuracy)} ± {points(row.sd)}, n {row.n}{marks(row)}", row.best)

    return of
