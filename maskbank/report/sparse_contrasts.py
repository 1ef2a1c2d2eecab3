"""How contrasts of GaP are read and named."""

from maskbank.report.contrasts import MDE
from maskbank.report.sparse_words import UNDERPOWERED
from maskbank.report.style import label

BEST = "*"


def reading(alpha: float, margin: float) -> str:
    return (
        "Points of the score, GaP minus the other, paired by seed; n counts seeds. Intervals: 95 % t-interval over "
        "seeds. p: exact Wilcoxon signed-rank, none below 6 seeds, with Holm over the methods that one GaP "
        "method is compared with in one setting at one sparsity. Against dense, a question by itself, two one-sided t-tests "
        f"say whether GaP is not below it by more than {100 * margin:g} points (matches or beats) or is, at p ≤ {alpha:g}. "
        f"{MDE} {UNDERPOWERED.capitalize()}: fewer than 6 seeds, or "
        f"so few that no outcome could pass the correction. {BEST}: the rival with the best validation score."
    )


def pair_words(row: dict[object, object]) -> str:
    return f"{label(str(row['method']))} − {label(str(row['rival']))}" + (BEST if row["best_rival"] else "")
