"""Claims about PAODING (Meng et al., arXiv 2405.00074): size, robustness, and ours against simpler choices of units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE
from maskbank.statistics.claim import NOWHERE, Claim, Measured, from_contrast, no_records
from maskbank.statistics.contrast import INCOMPLETE, MIN_CLUSTERS, TESTED
from maskbank.statistics.effects import half_width
from maskbank.statistics.equivalence import not_below
from maskbank.statistics.facts import Facts
from maskbank.statistics.kept import AT_ZERO, attack_order, kept_rows, structured_rows
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, superior
from maskbank.statistics.power import minimal_detectable_effect
from maskbank.statistics.seeded import Seeded, paoding_against

PAPER = "Meng et al., arXiv 2405.00074"
RIVALS = {"l1": "the L1 norm", "random": "chance", "paoding_shipped": "the tool as shipped"}
FEW, UNDEFINED = "insufficient seeds", "undefined"

PUBLISHED = {"mlp": 6_145, "paoding_xray": 558_273, "paoding_mnist": 753_738, "paoding_cifar": 753_866}  # parameters
SAME_SIZE = 0.02  # of the published count: logits are one a class here, and theirs counts running statistics
CUTS = {0.656: (0.365, 0.494), 0.375: (0.639, 0.781)}  # kept at the tool's nominal 25 % and 50 %: published size cuts
SIZE_BUDGETS = {0.75: "", 0.656: ", the tool's nominal 25 %", 0.5: "", 0.375: ", the tool's nominal 50 %"}
ROUNDING = 0.002  # a budget of 21/32 may be written 0.656

LIMITS = {0.8: 0.95, 0.5: 0.5}  # budget kept: share of the control that has to be kept (0.95: our reading)
SIZED = ["recipe", "pattern", "allocation", "schedule"]  # what a size may depend on
SETTING = [*SIZED, "reconstruct", "bn"]


def paoding_claims(facts: Facts) -> list[Claim]:
    """Each claim for each backbone; one that the records cannot answer is inconclusive, with the reason."""
    return [*size_claims(facts), *robustness_claims(facts), *rival_claims(facts)]


def described(setting: str, values: pd.Series, status: str, p: float = np.nan, missing: str = "") -> Measured:
    """Mean of values [seeds] with its t-interval; NaN among them are left out."""
    known = values.dropna().to_numpy(float)
    n = len(known)
    mean, sd = (float(known.mean()) if n else np.nan), (float(known.std(ddof=1)) if n > 1 else np.nan)
    half = half_width(sd, n)
    return Measured(
        setting, "seeds", n, mean, mean - half, mean + half, p, p, minimal_detectable_effect(sd, n), status, missing
    )


def setting_words(row: pd.Series, keys: list[str]) -> str:
    """Labels of a setting in one line; defaults are left out."""
    words = {key: str(row[key]) for key in keys if row[key] not in (NONE, "one_shot")}
    return ", ".join(f"BN {word}" if key == "bn" else word for key, word in words.items())


def percent(value: float) -> str:
    """A fraction as 34.4 %, or 20 %."""
    return f"{round(100 * value, 1):g} %"


def near(values: pd.Series, budget: float) -> pd.Series:
    return (values - budget).abs() <= ROUNDING


def size_claims(facts: Facts) -> list[Claim]:
    """Parameters that leave with the units. Reconstruction and BN handling change no size, so they are averaged over."""
    fixed: dict[str, Any] = {
        "paper": PAPER,
        "says": "Nominal 25 % and 50 % pruning without data cuts the size by 36.5-49.4 % and 63.9-78.1 %; our ratios are "
        "exact, the tool's remove 34.4 % and 62.5 % of the units",
        "reported": "36.5-49.4 % and 63.9-78.1 % smaller, over four nets; the top of both ranges are counts of parameters",
        "contrast": "1 - parameters / parameters of the dense net",
        "test": "none: sizes are counted",
        "quantity": "size cut",
    }
    rows = structured_rows(facts.records)
    rows = rows[(rows.method == "paoding") & (rows.budget_kind == "units") & rows.params.notna()]
    rows = rows.assign(cut=1 - rows.params / rows.params_dense)
    claims = []
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        measured = []
        for _, own in group.groupby(SIZED, sort=True):
            words = setting_words(own.iloc[0], SIZED)
            for budget, note in SIZE_BUDGETS.items():
                here = own[near(own.budget_asked, budget)]
                if len(here):
                    text = f"{words}: {percent(here.removed.mean())} of units removed{note}"
                    measured.append(described(text, here.groupby("unit").cut.mean(), "counted"))
        judgement = judge_size(str(backbone), group)
        claims.append(
            Claim(
                f"paoding-size-{backbone}", **fixed, where=f"{dataset}, {backbone}", verdict=judgement.verdict,
                reason=judgement.reason, measured=measured,
            )
        )  # fmt: skip
    return claims or [
        Claim("paoding-size", **fixed, where=NOWHERE, verdict=INCONCLUSIVE, reason=no_records("paoding-size"))
    ]


def judge_size(backbone: str, rows: pd.DataFrame) -> Judgement:
    """Published nets only, at the fractions that the tool removes for its nominal 25 % and 50 %, alike in every layer."""
    text = f"exact ratios remove fewer units than the tool's nominal ones (34.4 % and 62.5 %); {cuts_of(rows)}"
    if backbone not in PUBLISHED:
        return Judgement(INCONCLUSIVE, f"{text}; not one of the published nets")
    size, published = rows.params_dense.mean(), PUBLISHED[backbone]
    if abs(size / published - 1) > SAME_SIZE:
        return Judgement(INCONCLUSIVE, f"{text}; with {size:,.0f} parameters not the published net of {published:,}")
    rows = rows[rows.allocation == "uniform"]
    parts = {budget: rows[near(rows.budget_asked, budget)] for budget in CUTS}
    if any(part.empty for part in parts.values()):
        needed = " and ".join(f"{budget:g}" for budget in CUTS)
        return Judgement(INCONCLUSIVE, f"{text}; the tool's need budgets {needed} of units under allocation uniform")
    cuts = {budget: part.groupby(SIZED).cut.mean().round(3) for budget, part in parts.items()}
    inside = all(cuts[budget].between(*CUTS[budget]).all() for budget in CUTS)
    verdict, where = (SUPPORTED, "both inside") if inside else (CONTRADICTED, "not both inside")
    return Judgement(verdict, f"{text}; at the tool's fractions {where} the published ranges")


def cuts_of(rows: pd.DataFrame) -> str:
    """What was measured at the budgets of the claim, as a range over settings."""
    found = []
    for budget in SIZE_BUDGETS:
        here = rows[near(rows.budget_asked, budget)]
        if len(here):
            means = here.groupby(SIZED).cut.mean()
            ends = dict.fromkeys((percent(means.min()), percent(means.max())))
            found.append(f"{percent(here.removed.mean())} of units removed cut {' to '.join(ends)}")
    return ", ".join(found) or "neither 25 % nor 50 % were removed"


@dataclass(frozen=True)
class Share:
    """What is kept in one setting at one budget under one attack; `below`: p of "not below the limit"."""

    setting: str
    measured: Measured
    below: float


def robustness_claims(facts: Facts) -> list[Claim]:
    """Shares kept at 20 % and 50 % of units removed, without and under each attack; seeds are the unit."""
    fixed: dict[str, Any] = {
        "paper": PAPER,
        "says": "Accuracy and robustness survive pruning without data: nearly unchanged with 20 % of the units removed "
        "(our reading: at least 95 % kept), and more than half kept with 50 % removed",
        "reported": "nearly unchanged to 20 % of neurons; more than half kept at 50 %",
        "contrast": "share of the dense control's accuracy and robust accuracy that is kept",
        "test": "one-sided t-tests over pretraining seeds that the share lies above 95 % and 50 %; all of a setting have "
        "to hold, in every setting",
        "quantity": "share kept",
    }
    rows = kept_rows(facts.records, facts.metrics)
    rows = rows[(rows.method == "paoding") & (rows.budget_kind == "units") & rows.budget_asked.isin(LIMITS)]
    claims = []
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        merged = group[group.reconstruct == "merge"]
        used = group if merged.empty else merged
        found = shares(used)
        judgement = judge_shares(used, found, facts.params.compare.alpha)
        claims.append(
            Claim(
                f"paoding-robustness-{backbone}", **fixed, where=f"{dataset}, {backbone}", verdict=judgement.verdict,
                reason=judgement.reason, measured=[share.measured for share in found],
            )
        )  # fmt: skip
    reason = no_records("paoding-robustness")
    return claims or [Claim("paoding-robustness", **fixed, where=NOWHERE, verdict=INCONCLUSIVE, reason=reason)]


def shares(rows: pd.DataFrame) -> list[Share]:
    """Every setting, budget and attack; the p that is shown is of "not above the limit"."""
    found = []
    for _, own in rows.groupby(SETTING, sort=True):
        words = setting_words(own.iloc[0], SETTING)
        for budget, limit in LIMITS.items():
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
                tested = status == TESTED
                text = f"{words}: {percent(1 - budget)} removed, {'no attack' if attack == NONE else attack}"
                p, below = (not_below(kept, limit), not_below(-kept, -limit)) if tested else (np.nan, np.nan)
                found.append(Share(words, described(text, kept, status, p, missing), below))
    return found


def judge_shares(rows: pd.DataFrame, found: list[Share], alpha: float) -> Judgement:
    """Supported, or contradicted, only where every setting says so; shares of a control at 0 are undefined and left out."""
    at = {budget: rows[rows.budget_asked == budget] for budget in LIMITS}
    text = "; ".join(
        f"with {percent(1 - budget)} removed {span(part[part.attack == NONE])} of accuracy and "
        f"{span(part[part.attack != NONE])} of robust accuracy kept"
        for budget, part in at.items()
    )
    text += "" if (rows.reconstruct == "merge").all() else "; without the method's merging of nodes, which was not run"
    defined = [share for share in found if share.measured.status != UNDEFINED]
    if any(share.measured.status == INCOMPLETE for share in defined):
        return Judgement(INCONCLUSIVE, f"some cells or controls are missing, the test is refused ({text})")
    if any(part[(part.attack != NONE) & part.kept.notna()].empty for part in at.values()):
        return Judgement(INCONCLUSIVE, f"20 % and 50 % removed, both attacked, are needed ({text})")
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


def rival_claims(facts: Facts) -> list[Claim]:
    """Accuracy of paoding minus that of each rival at equal budgets; it has to hold with every kind of reconstruction."""
    params, claims = facts.params.compare, []
    for rival, words in RIVALS.items():
        fixed: dict[str, Any] = {
            "paper": PAPER,
            "says": f"Units chosen by PAODING's bound cost less accuracy than those chosen by {words}",
            "reported": "not a claim of the paper: a comparison of ours at equal budgets",
            "contrast": f"paoding minus {rival}",
            "test": "Wilcoxon signed-rank over pretraining seeds, each rival by itself, with every kind of reconstruction",
        }
        name = f"paoding-rivals-{rival}"
        found: dict[tuple[str, str], list[tuple[str, Seeded]]] = {}
        for how, item in paoding_against(facts.records, rival, params):
            found.setdefault((item.dataset, item.backbone), []).append((how, item))
        for (dataset, backbone), items in found.items():
            judgement = over_reconstructions(items, params.alpha)
            measured = [from_contrast(*each, each[1].p) for _, item in items for each in item.contrasts]
            claims.append(
                Claim(
                    f"{name}-{backbone}", **fixed, where=f"{dataset}, {backbone}", verdict=judgement.verdict,
                    reason=judgement.reason, measured=measured,
                )
            )  # fmt: skip
        if not found:
            claims.append(Claim(name, **fixed, where=NOWHERE, verdict=INCONCLUSIVE, reason=no_records(name)))
    return claims


def over_reconstructions(items: list[tuple[str, Seeded]], alpha: float) -> Judgement:
    """One verdict where all kinds agree."""
    each = {}
    for how, item in items:
        head = item.contrasts[0][1]
        each[how] = superior(head.difference, head.p, head.status, alpha, unit="seeds")
    verdicts = {judgement.verdict for judgement in each.values()}
    text = "; ".join(f"reconstruct {how}: {judgement.reason}" for how, judgement in each.items())
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    return Judgement(verdicts.pop(), text)
