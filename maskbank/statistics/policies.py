"""Whether headlines survive the removal of any rival and any policy for failed cells (rule X13)."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.contrast import INCOMPLETE, NOT_RUN
from maskbank.statistics.holm import holm
from maskbank.statistics.pairing import pair, setting_words, settings, tabulate


def unstable_headlines(rows: pd.DataFrame, headlines: pd.DataFrame, params: Compare) -> list[str]:
    """Names of headlines whose verdict, or sign, is not the same throughout."""
    found = []
    headlines = headlines[headlines.status != NOT_RUN]
    for _, family in headlines.groupby("family", sort=True):
        verdicts = verdicts_of(family.difference, family.p_holm, params.alpha)
        for dropped, absent in zip(family.index, family.rival, strict=True):
            rest = family.drop(dropped)
            without = verdicts_of(rest.difference, pd.Series(holm(rest.p.to_numpy()), rest.index), params.alpha)
            changed = rest[without != verdicts.drop(dropped)]
            found += [
                f"{row['method']} - {row['rival']} ({setting_words(row)}, without {absent})"
                for row in changed.to_dict("records")
            ]
    for row in headlines[headlines.status == INCOMPLETE].to_dict("records"):
        signs = {np.sign(round(value, 9)) for value in under_policies(rows, row)}
        if len(signs) != 1:
            found.append(f"{row['method']} - {row['rival']} ({setting_words(row)}, failures)")
    return list(dict.fromkeys(found))


def verdicts_of(differences: pd.Series, p_values: pd.Series, alpha: float) -> pd.Series:
    """1 better, -1 worse, 0 not shown."""
    return np.sign(differences).fillna(0) * (p_values <= alpha)


def under_policies(rows: pd.DataFrame, headline: dict[Hashable, Any]) -> list[float]:
    """Mean difference with incomplete blocks left out, and with failures counted as chance (1 / ways)."""
    chance = rows.assign(accuracy=rows.accuracy.fillna(1 / rows.ways))
    values = []
    for policy in (rows, chance):
        for setting, group in settings(policy):
            if all(setting[key] == headline[key] for key in setting):
                clusters = pair(tabulate(group), headline["method"], headline["rival"]).clusters
                values.append(float(clusters.mean()) if len(clusters) else np.nan)
    return values
