"""Claims about PAODING (Meng et al., arXiv 2405.00074): size, and our reading against simpler choices of units."""

from typing import Any

import pandas as pd

from maskbank.statistics.claim import PAODING, Claim, described, from_contrast, percent, unanswered
from maskbank.statistics.facts import Facts
from maskbank.statistics.kept import setting_words, structured_rows
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, agreed, superior
from maskbank.statistics.paoding_robustness import robustness_claims
from maskbank.statistics.seeded import Seeded, paoding_against

RIVALS = {"l1": "the L1 norm", "random": "chance", "paoding_shipped": "the tool as shipped"}

PUBLISHED = {"mlp": 6_145, "paoding_xray": 558_273, "paoding_mnist": 753_738, "paoding_cifar": 753_866}  # parameters
SAME_SIZE = 0.02  # of the published count: logits are one a class here, and theirs counts running statistics
CUTS = {0.656: (0.365, 0.494), 0.375: (0.639, 0.781)}  # kept at the tool's nominal 25 % and 50 %: published size cuts
SIZE_BUDGETS = {0.75: "", 0.656: ", the tool's nominal 25 %", 0.5: "", 0.375: ", the tool's nominal 50 %"}
ROUNDING = 0.002  # a budget of 21/32 may be written 0.656

SIZED = ["recipe", "pattern", "allocation", "schedule"]  # what a size may depend on


def paoding_claims(facts: Facts) -> list[Claim]:
    """Each claim for each backbone; one that the records cannot answer is inconclusive, with the reason."""
    return [*size_claims(facts), *robustness_claims(facts), *rival_claims(facts)]


def near(values: pd.Series, budget: float) -> pd.Series:
    return (values - budget).abs() <= ROUNDING


def size_claims(facts: Facts) -> list[Claim]:
    """Parameters that leave with the units. Reconstruction and BN handling change no size, so they are averaged over."""
    fixed: dict[str, Any] = {
        "paper": PAODING,
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
    return claims or [unanswered("paoding-size", fixed)]


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


def rival_claims(facts: Facts) -> list[Claim]:
    """Accuracy of paoding minus that of each rival at equal budgets; it has to hold with every kind of reconstruction."""
    params, claims = facts.params.compare, []
    for rival, words in RIVALS.items():
        fixed: dict[str, Any] = {
            "paper": PAODING,
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
            claims.append(unanswered(name, fixed))
    return claims


def over_reconstructions(items: list[tuple[str, Seeded]], alpha: float) -> Judgement:
    """One verdict where all kinds agree."""
    each = {}
    for how, item in items:
        head = item.contrasts[0][1]
        each[f"reconstruct {how}"] = superior(head.difference, head.p, head.status, alpha, unit="seeds")
    return agreed(each)
