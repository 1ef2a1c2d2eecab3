"""GaP against each other method of sparse training, as a table."""

import pandas as pd

from maskbank.report.order import in_setup_order
from maskbank.report.tables import Cell, Sheet
from maskbank.report.words import (
    BEST,
    MDE,
    UNDERPOWERED,
    between,
    detectable,
    how_words,
    p_text,
    pair_words,
    points,
    removed,
    task_words,
    verdict,
)

HEAD = (
    "net", "setting", "removed", "GaP − other", "rates", "difference", "95 % interval", "n", "p", "p Holm", "MDE",
    "in words", "status",
)  # fmt: skip


def reading(alpha: float, margin: float) -> str:
    return (
        "Points of the score, GaP minus the other, paired by seed; n counts seeds. Intervals: 95 % t-interval over "
        "seeds. p: exact Wilcoxon signed-rank, none below 6 seeds, with Holm over the methods that one GaP "
        "method is compared with in one setting at one sparsity. Against dense, a question by itself, two one-sided t-tests "
        f"say whether GaP is not below it by more than {100 * margin:g} points (matches or beats) or is, at p ≤ {alpha:g}. "
        f"{MDE} {UNDERPOWERED.capitalize()}: fewer than 6 seeds, or "
        f"so few that no outcome could pass the correction. {BEST}: the rival with the best validation score."
    )


def sparse_contrasts_table(data: pd.DataFrame, alpha: float, margin: float) -> Sheet:
    """A row a setting, sparsity, GaP method and other method, from `sparse_contrasts`."""
    shown = data.assign(milder=-data.budget_asked, last=data.role == "reference")
    shown = shown.sort_values(["pattern", "allocation", "milder", "method", "last", "rival"], kind="stable")
    rows = []
    for row in in_setup_order(shown).to_dict("records"):
        rates = row["rate"] if row["rate"] == row["rate_rival"] else f"{row['rate']}, {row['rate_rival']}"
        texts = (
            task_words(row), how_words(row), removed(row["budget_asked"]), pair_words(row), rates,
            points(row["difference"], signed=True), between(row), str(row["n"]), p_text(row["p"]), p_text(row["p_holm"]),
            detectable(row), verdict(row, alpha),
            str(row["status"]) + (f": {row['missing']}" if row["missing"] else ""),
        )  # fmt: skip
        rows.append(tuple(map(Cell, texts)))
    title = "GaP against other sparse training"
    return Sheet("sparse_contrasts", title, reading(alpha, margin), HEAD, tuple(rows), data, together=3)
