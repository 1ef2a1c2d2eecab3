"""Ablations: each variant of a method minus the method as it is, on the same tasks and seeds."""

from dataclasses import asdict, fields

import pandas as pd

from maskbank.config import Compare
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.statistics.contrast import Contrast, measure
from maskbank.statistics.pairing import DEFAULT, POINT, SCORED, SETTING, every_variant, pair, tabulate
from maskbank.statistics.traces import AGAINST, CELLS, sides

LABELS = [*SETTING, "method", "variant", "bank", "bank_default", "budgets", "steps_averaged"]
COLUMNS = [*LABELS, *(field.name for field in fields(Contrast)), CELLS, AGAINST]


def ablations(records: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a setting, method and variant, with COLUMNS; empty where no variant was run.

    `difference` is variant minus default, the mean over the budgets and steps at which both were run. These contrasts
    describe: p is of one test alone, corrected for nothing. Assays are no ablations. `bank` names the bank that the variant read.
    """
    keys, found = [*SETTING, "method"], []
    every = every_variant(records[[*SCORED, "bank", "cell_key"]])
    changed = every[~every.variant.isin([DEFAULT, SHUFFLED_LABELS])]
    for labels, rows in every.merge(changed[keys].drop_duplicates()).groupby(keys, sort=True):
        named = dict(zip(keys, map(str, labels), strict=True))
        banks = rows.groupby("variant").bank.agg(lambda names: " ".join(sorted(set(names))))
        scores = tabulate(rows.assign(method=rows.variant))
        for variant in sorted(set(rows.variant) - {DEFAULT, SHUFFLED_LABELS}):
            points = scores.points[scores.ran(variant, DEFAULT)]
            found.append(
                {
                    **named,
                    "variant": variant,
                    "bank": banks[variant],
                    "bank_default": banks.get(DEFAULT, ""),
                    "budgets": " ".join(f"{budget:g}" for budget in sorted(points.budget_asked.unique())),
                    "steps_averaged": " ".join(str(steps) for steps in sorted(points.steps.unique())),
                    **asdict(measure(pair(scores, variant, DEFAULT), params)),
                    **sides(rows.merge(points, on=POINT), "variant", variant, DEFAULT),
                }
            )
    return pd.DataFrame(found, columns=COLUMNS)
