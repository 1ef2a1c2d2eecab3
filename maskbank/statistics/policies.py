"""Whether headlines survive the removal of any rival and any policy for failed cells (rule X13)."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.contrast import INCOMPLETE, NOT_RUN
from maskbank.statistics.holm import holm
from maskbank.statistics.scores import Scores, pair, tabulate
from maskbank.statistics.transfer import SCORED, SETTING, settings


def unstable_headlines(rows: pd.DataFrame, headlines: pd.DataFrame, params: Compare) -> dict[Hashable, list[str]]:
    """Headlines, by their index, whose verdict or sign is not the same throughout, with what changes it."""
    found: dict[Hashable, list[str]] = {}
    headlines = headlines[headlines.status != NOT_RUN]
    for _, family in headlines.groupby("family", sort=True):
        verdicts = verdicts_of(family.difference, family.p_holm, params.alpha)
        for dropped, absent in zip(family.index, family.rival, strict=True):
            rest = family.drop(dropped)
            without = verdicts_of(rest.difference, pd.Series(holm(rest.p.to_numpy()), rest.index), params.alpha)
            changed = rest[without != verdicts.drop(dropped)]
            for index in changed.index:
                found.setdefault(index, []).append(f"without {absent}")
    incomplete = headlines[headlines.status == INCOMPLETE]
    policies = scores_by_policy(rows) if len(incomplete) else []
    for index, row in zip(incomplete.index, incomplete.to_dict("records"), strict=True):
        signs = {np.sign(round(value, 9)) for value in differences(policies, row)}
        if len(signs) != 1:
            found.setdefault(index, []).append("failures")
    return found


def verdicts_of(differences: pd.Series, p_values: pd.Series, alpha: float) -> pd.Series:
    """1 better, -1 worse, 0 not shown."""
    return np.sign(differences).fillna(0) * (p_values <= alpha)


Scored = dict[tuple[str, ...], Scores]


def scores_by_policy(rows: pd.DataFrame) -> list[Scored]:
    """Scores by setting, with incomplete blocks left out, and with failures counted as chance (1 / ways)."""
    kept = rows[SCORED]
    policies = (kept, kept.assign(accuracy=kept.accuracy.fillna(1 / kept.ways)))
    return [{tuple(setting.values()): tabulate(group) for setting, group in settings(policy)} for policy in policies]


def differences(policies: list[Scored], headline: dict[Hashable, Any]) -> list[float]:
    """The mean difference of a headline under each policy."""
    setting = tuple(str(headline[key]) for key in SETTING)
    found = (pair(scores[setting], headline["method"], headline["rival"]).clusters for scores in policies)
    return [float(clusters.mean()) if len(clusters) else np.nan for clusters in found]
