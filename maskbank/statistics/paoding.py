"""Claims about PAODING (Meng et al., arXiv 2405.00074): size, and our reading against simpler choices of units."""

import pandas as pd

from maskbank.hypotheses import BeatsStructured, CutsSize
from maskbank.statistics.claim import Claim, decided, described, from_contrast, percent, stated, unanswered
from maskbank.statistics.facts import Facts
from maskbank.statistics.kept import setting_words, structured_rows
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, agreed, superior
from maskbank.statistics.seeded import Seeded, structured_against

SAME_SIZE = 0.02  # of the published count: logits are one a class here, and theirs counts running statistics
SIZE_BUDGETS = {0.75: "", 0.656: ", the tool's nominal 25 %", 0.5: "", 0.375: ", the tool's nominal 50 %"}
ROUNDING = 0.002  # a budget of 21/32 may be written 0.656

SIZED = ["recipe", "pattern", "allocation", "schedule"]  # what a size may depend on


def near(values: pd.Series, budget: float) -> pd.Series:
    return (values - budget).abs() <= ROUNDING


def size_claims(name: str, declared: CutsSize, facts: Facts) -> list[Claim]:
    """Parameters that leave with the units. Reconstruction and BN handling change no size, so they are averaged over."""
    fixed = stated(
        name, declared, "1 - parameters / parameters of the dense net", "none: sizes are counted", quantity="size cut"
    )
    rows = structured_rows(facts.records)
    rows = rows[(rows.method == declared.method) & (rows.budget_kind == "units") & rows.params.notna()]
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
        judgement = judge_size(str(backbone), group, declared)
        claims.append(decided(fixed, str(backbone), f"{dataset}, {backbone}", judgement, measured))
    return claims or [unanswered(fixed)]


def judge_size(backbone: str, rows: pd.DataFrame, declared: CutsSize) -> Judgement:
    """Published nets only, at the fractions that the tool removes for its nominal 25 % and 50 %, alike in every layer."""
    text = f"exact ratios remove fewer units than the tool's nominal ones (34.4 % and 62.5 %); {cuts_of(rows)}"
    if backbone not in declared.published:
        return Judgement(INCONCLUSIVE, f"{text}; not one of the published nets")
    size, published = rows.params_dense.mean(), declared.published[backbone]
    if abs(size / published - 1) > SAME_SIZE:
        return Judgement(INCONCLUSIVE, f"{text}; with {size:,.0f} parameters not the published net of {published:,}")
    rows = rows[rows.allocation == "uniform"]
    parts = [rows[near(rows.budget_asked, cut.kept)] for cut in declared.cuts]
    if any(part.empty for part in parts):
        needed = " and ".join(f"{cut.kept:g}" for cut in declared.cuts)
        return Judgement(INCONCLUSIVE, f"{text}; the tool's need budgets {needed} of units under allocation uniform")
    means = [part.groupby(SIZED).cut.mean().round(3) for part in parts]
    inside = all(found.between(cut.low, cut.high).all() for found, cut in zip(means, declared.cuts, strict=True))
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


def structured_claims(name: str, declared: BeatsStructured, facts: Facts) -> list[Claim]:
    """Accuracy of the method minus the rival's at equal budgets; it has to hold with every kind of reconstruction."""
    params, claims = facts.params.compare, []
    fixed = stated(
        name, declared, f"{declared.method} minus {declared.rival}",
        "Wilcoxon signed-rank over pretraining seeds, each rival by itself, with every kind of reconstruction",
    )  # fmt: skip
    found: dict[tuple[str, str], list[tuple[str, Seeded]]] = {}
    for how, item in structured_against(facts.records, declared.method, declared.rival, params):
        found.setdefault((item.dataset, item.backbone), []).append((how, item))
    for (dataset, backbone), items in found.items():
        judgement = over_reconstructions(items, params.alpha)
        measured = [from_contrast(*each, each[1].p) for _, item in items for each in item.contrasts]
        claims.append(decided(fixed, str(backbone), f"{dataset}, {backbone}", judgement, measured))
    return claims or [unanswered(fixed)]


def over_reconstructions(items: list[tuple[str, Seeded]], alpha: float) -> Judgement:
    """One verdict where all kinds agree."""
    each = {}
    for how, item in items:
        head = item.contrasts[0][1]
        each[f"reconstruct {how}"] = superior(head.difference, head.p, head.status, alpha, unit="seeds")
    return agreed(each)
