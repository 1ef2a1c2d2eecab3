"""Rank correlations of similarity with overlap and accuracy: a row a setting, similarity and outcome."""

import pandas as pd

from maskbank.report.run import Run
from maskbank.report.table import Columns
from maskbank.report.words import correlation_text, interval_text, outcome_word, relation_words, similarity_word
from maskbank.statistics.correlation import MEASURED, RELATION

ORDER = 60
TITLE = "What similarity is related to"
CAPTION = (
    "Spearman's rank correlation over the entries of a bank inside each target task, averaged over seeds, tasks and "
    "then splits. n counts splits, sd is theirs. Interval: two-level bootstrap (splits, then tasks); below 6 splits "
    "a t-interval over splits. Constant: targets left out because one side is the same for all entries. Pooled: all "
    "pairs ranked together, a view only, as a similarity compares inside one target. The overlap is with the mask "
    "learned on the target itself; above chance: less that of random masks of the same layer widths. No test."
)
TOGETHER = 1


def read(run: Run) -> pd.DataFrame:
    return run.correlations


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "setting": lambda row: relation_words(row[name] for name in RELATION),
        "similarity": lambda row: similarity_word(row["similarity"]),
        "with": lambda row: outcome_word(row["outcome"]),
        "mean": lambda row: correlation_text(row["correlation"]),
        "95 % interval": lambda row: (
            interval_text(row["ci_low"], row["ci_high"]) + ("" if row["status"] == MEASURED else f" ({row['status']})")
        ),
        "sd": lambda row: "–" if pd.isna(row["sd"]) else f"{row['sd']:.2f}",
        "n": lambda row: str(row["n"]),
        "targets": lambda row: str(row["targets"]),
        "pairs": lambda row: str(row["pairs"]),
        "constant": lambda row: str(row["constant"]),
        "pooled": lambda row: correlation_text(row["pooled"]),
    }
