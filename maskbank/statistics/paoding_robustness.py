"""The claim that accuracy and robustness survive PAODING (Meng et al., arXiv 2405.00074)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from maskbank.hypotheses import KeepsRobustness
from maskbank.records.schema import NONE
from maskbank.statistics.claim import Claim, Measured, decided, described, percent, stated, unanswered
from maskbank.statistics.contrast import INCOMPLETE, MIN_CLUSTERS, TESTED
from maskbank.statistics.equivalence import not_below
from maskbank.statistics.facts import Facts
from maskbank.statistics.kept import AT_ZERO, attack_order, kept_rows, setting_words
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement

FEW, UNDEFINED = "insufficient seeds", "undefined"
Limits = Mapping[float, float]  # budget kept -> share of the control that has to be kept
SETTING = ["recipe", "pattern", "allocation", "schedule", "reconstruct", "bn"]


@dataclass(frozen=True)
class Share:
    """What is kept in one setting at one budget under one attack; `below`: p of "not below the limit"."""

    setting: str
    measured: Measured
    below: float


def robustness_claims(name: str, declared: KeepsRobustness, facts: Facts) -> list[Claim]:
    """Shares kept at 20 % and 50 % of units removed, without and under each attack; seeds are the unit."""
    limits = {limit.kept: limit.share for limit in declared.limits}
    above = " and ".join(percent(share) for share in limits.values())
    fixed = stated(
        name, declared, "share of the dense control's accuracy and robust accuracy that is kept",
        f"one-sided t-tests over pretraining seeds that the share lies above {above}; all of a setting have to hold, in "
        "every setting", quantity="share kept",
    )  # fmt: skip
    rows = kept_rows(facts.records, facts.metrics)
    rows = rows[(rows.method == declared.method) & (rows.budget_kind == "units") & rows.budget_asked.isin(limits)]
    claims = []
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        merged = group[group.reconstruct == "merge"]
        used = group if merged.empty else merged
        found = shares(used, limits)
        judgement = judge_shares(used, found, limits, facts.params.compare.alpha)
        claims.append(
            decided(fixed, str(backbone), f"{dataset}, {backbone}", judgement, [share.measured for share in found])
        )
    return claims or [unanswered(fixed)]


def shares(rows: pd.DataFrame, limits: Limits) -> list[Share]:
    """Every setting, budget and attack; the p that is shown is of "not above the limit"."""
    found = []
    for _, own in rows.groupby(SETTING, sort=True):
        words = setting_words(own.iloc[0], SETTING)
        for budget, limit in limits.items():
            point = own[own.budget_asked == budget]
            for attack in sorted(set(point.attack), key=attack_order):
                here = point[point.attack == attack]
                kept = here.groupby("unit").kept.mean()
                lacks = here[here.kept.isna()].sort_values("unit")
                missing = "; ".join(
                    f"seed {unit:g}: {what}" for unit, what in zip(lacks.unit, lacks.lacks, strict=True)
                )
                status = FEW if len(kept) < MIN_CLUSTERS else TESTED
                if missing:
                    status = UNDEFINED if set(lacks.lacks) == {AT_ZERO} else INCOMPLETE
                tested, fallen = status == TESTED, here[here.status == "collapsed"].unit
                missing += ("; " if missing and len(fallen) else "") + ", ".join(
                    f"seed {unit:g} collapsed" for unit in fallen
                )
                text = f"{words}: {percent(1 - budget)} removed, {'no attack' if attack == NONE else attack}"
                p, below = (not_below(kept, limit), not_below(-kept, -limit)) if tested else (np.nan, np.nan)
                found.append(Share(words, described(text, kept, status, p, missing), below))
    return found


def judge_shares(rows: pd.DataFrame, found: list[Share], limits: Limits, alpha: float) -> Judgement:
    """Supported, or contradicted, only where every setting says so; shares of a control at 0 are undefined and left out.

    Nothing is supported where a cell collapsed: on unbalanced classes a constant answer may be right more often than not.
    """
    at = {budget: rows[rows.budget_asked == budget] for budget in limits}
    text = "; ".join(
        f"with {percent(1 - budget)} removed {span(part[part.attack == NONE])} of accuracy and "
        f"{span(part[part.attack != NONE])} of robust accuracy kept"
        for budget, part in at.items()
    )
    needed = " and ".join(percent(1 - budget) for budget in limits)
    text += "" if (rows.reconstruct == "merge").all() else "; without the method's merging of nodes, which was not run"
    fallen = rows[rows.status == "collapsed"].cell_key.nunique()
    if fallen:
        text += f"; {fallen} of {rows.cell_key.nunique()} cells collapsed: a constant answer is robust, and keeps its accuracy"
    defined = [share for share in found if share.measured.status != UNDEFINED]
    if any(share.measured.status == INCOMPLETE for share in defined):
        return Judgement(INCONCLUSIVE, f"some cells or controls are missing, the test is refused ({text})")
    if any(part[(part.attack != NONE) & part.kept.notna()].empty for part in at.values()):
        return Judgement(INCONCLUSIVE, f"{needed} removed, all attacked, are needed ({text})")
    fewest = min(share.measured.n for share in defined)
    if fewest < MIN_CLUSTERS:
        return Judgement(INCONCLUSIVE, f"insufficient seeds, {fewest} of {MIN_CLUSTERS}, no p-value is given ({text})")
    verdicts = {
        judge_setting([share for share in defined if share.setting == setting], alpha)
        for setting in {share.setting for share in defined}
    }
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    words = {SUPPORTED: "all above their limits", CONTRADICTED: "some clearly below their limit"}
    verdict = verdicts.pop()
    if verdict == SUPPORTED and fallen:
        return Judgement(INCONCLUSIVE, f"all above their limits, but what collapsed has kept nothing ({text})")
    return Judgement(verdict, f"{words.get(verdict, 'not all shown to be above their limits')} ({text})")


def judge_setting(own: list[Share], alpha: float) -> str:
    """All shares above their limits, or at least one below (Bonferroni over the setting's shares)."""
    if all(share.measured.p <= alpha for share in own):
        return SUPPORTED
    return CONTRADICTED if any(share.below <= alpha / len(own) for share in own) else INCONCLUSIVE


def span(rows: pd.DataFrame) -> str:
    """Range of mean shares over settings and attacks."""
    means = rows.groupby([*SETTING, "attack"]).kept.mean().dropna()
    if means.empty:
        return "an unknown share"
    low, high = f"{100 * means.min():.0f}", f"{100 * means.max():.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
