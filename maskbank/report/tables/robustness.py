"""What structured pruning leaves, alone and under attack: a row a model, setting, attack and method, one column a budget."""

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.robustness import HOW, attack_label
from maskbank.report.run import Run
from maskbank.report.style import label, pattern_label
from maskbank.report.table import MARKED, Cell, Columns, across, bold, counts, first, groups_of, marks
from maskbank.report.words import points
from maskbank.statistics.kept import attack_order

ORDER = 190
TITLE = "Robustness of structured pruning"
CAPTION = (
    "Points of the test set still right after structured pruning without fine-tuning, each attack on the pruned model "
    "itself: mean ± sample sd over pretraining seeds, and in brackets the share kept, that is the mean over seeds of "
    "the ratio to the dense control under the same attack. n counts seeds. "
    f"{bold('a model, pattern, attack and budget', 'seeds')} {MARKED}"
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.structured


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    place = {attack: place for place, attack in enumerate(sorted(set(data.attack), key=attack_order))}
    keys = ["backbone", "recipe", *HOW, "bn", "place", "method"]
    return groups_of(data.assign(place=data.attack.map(place)), keys)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    budgets = sorted(data.budget_asked.unique(), reverse=True)
    return {
        "model": first(
            lambda row: f"{row.backbone}, {label(row.recipe)}" + ("" if row.bn == NONE else f", BN {row.bn}")
        ),
        "pattern": first(lambda row: pattern_label(*row[HOW])),
        "attack": first(lambda row: attack_label(row.attack)),
        "method": first(lambda row: label(row.method)),
        "dense": first(lambda row: "–" if pd.isna(row.dense) else f"{points(row.dense)} ± {points(row.dense_sd)}"),
        **across({f"keep {budget:g}": ("budget_asked", budget) for budget in budgets}, left),
        "n": counts,
    }


def left(row: pd.Series) -> Cell:
    share = "–" if pd.isna(row.kept) else f"{100 * row.kept:.0f} %"
    share += f", n {row.kept_n}" if 0 < row.kept_n < row.n else ""
    return Cell(f"{points(row.value)} ± {points(row.sd)} ({share})" + marks(row), row.best)
