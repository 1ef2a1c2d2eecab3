"""How sharpness is told: words of figures, tables and the page."""

import pandas as pd

from maskbank.report.recipe_words import Row, number

FLATTER, SHARPER = "flatter", "sharper"
HOW_FAR = (
    "Pooled: Spearman's rank correlation over all nets; its interval draws recipes with all their nets, as nets of one recipe "
    "are alike, and below 6 recipes there is none. Within: of what is left after each recipe's mean is taken off (of the "
    "logarithm of sharpness); its interval draws seeds, and below 6 seeds there is none. 95 % percentile bootstrap. No test."
)


def ratio_interval(row: Row) -> str:
    return "–" if pd.isna(row["ratio_low"]) else f"{number(row['ratio_low'])} to {number(row['ratio_high'])}"
