"""Scores of sparse training: a row a setting and method, a column a budget."""

import pandas as pd

from maskbank.report.order import in_setup_order
from maskbank.report.run import Run
from maskbank.report.sparse_accuracy import CHOICE_WORDS, arm_groups, arm_name
from maskbank.report.table import DAGGER, MARKED, TIED, Cell, Columns, across, bold, counts, first, groups_of
from maskbank.report.words import how_words, points, removed, task_words
from maskbank.statistics.sparse_arms import SETTING, UNEQUAL

ORDER = 150
UNEQUAL_MARK = "‡"
TITLE = "Sparse training"
CAPTION = (
    "Test score in points (accuracy, or the metric named) at the share of prunable weights removed: mean ± half of the 95 % "
    f"t-interval over seeds, and the learning-rate schedule. {CHOICE_WORDS}. {UNEQUAL_MARK}: run with fewer schedules than "
    f"others. {bold('a setting and sparsity', 'seeds')} Single weights and allocation uniform where not said. "
    f"{MARKED} Masked weights are simulated sparsity: no time is saved."
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.sparse.means


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    return [own for group in groups_of(in_setup_order(data), SETTING, sort=False) for own in arm_groups(group)]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    budgets = sorted(set(data.budget_asked), reverse=True)
    return {
        "model": first(task_words),
        "setting": first(how_words),
        "method": first(arm_name),
        **across({removed(budget): ("budget_asked", budget) for budget in budgets}, score),
        "n": counts,
    }


def score(row: pd.Series) -> Cell:
    marks = [TIED] if row.tied else []
    marks += [UNEQUAL_MARK] if row.choice == UNEQUAL else []
    marks += [DAGGER] if row.off_budget and row.role != "reference" else []
    marks += [f"✗{row.failed}"] if row.failed else []
    return Cell(" ".join([f"{points(row.score)} ± {points(row.half_width)} ({row.schedule})", *marks]), row.best)
