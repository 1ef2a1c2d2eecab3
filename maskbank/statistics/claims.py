"""The papers' claims (docs/methods.md) as hypotheses on the records: of our reading of the method, in this setting."""

from collections.abc import Hashable
from typing import Any

from maskbank.config import Compare
from maskbank.statistics.claim import Claim, Measured, unanswered
from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.facts import FAIL, Facts, Verdict
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, superior
from maskbank.statistics.pairing import setting_words
from maskbank.statistics.paoding import paoding_claims
from maskbank.statistics.recipe_claims import snt_claims
from maskbank.statistics.sparse_claims import gap_claims

NEEDED = ("B3", "B6", "W1", "X2", "X3", "X4", "X10", "X12", "X13", "X15")


def judge_claims(facts: Facts, rules: list[Verdict]) -> list[Claim]:
    """Every declared claim; one that the records cannot answer is inconclusive, with the reason."""
    return [*smsp_claims(facts, rules), *paoding_claims(facts), *snt_claims(facts), *gap_claims(facts)]


def smsp_claims(facts: Facts, rules: list[Verdict]) -> list[Claim]:
    """The compared method against each rival proper, on each backbone.

    It has to hold in every setting in which both were run, under two allocations, and under every tuning of the method.
    """
    params, heads = facts.params.compare, facts.headlines
    broken = [rule.id for rule in rules if rule.id in NEEDED and rule.verdict == FAIL]
    fixed: dict[str, Any] = {
        "paper": "Zhao & Long, arXiv 2307.04365",
        "says": "Masks from similar tasks beat popular pruning baselines on held-out tasks after few steps",
        "reported": "beats the baselines compared, CNN and ViT, at different memory budgets",
        "test": "Wilcoxon signed-rank over splits, Holm over all headline contrasts of a setting, in every setting",
    }
    rivals = heads[heads.role == "rival"]
    if rivals.empty:
        return [unanswered("smsp", fixed | {"contrast": f"{params.method} minus rivals"})]
    foreign = set(facts.transfer[facts.transfer.task_split == "foreign"].dataset)
    claims = []
    for (dataset, backbone, rival), rows in rivals.groupby(["dataset", "backbone", "rival"], sort=True):
        ran = rows[rows.status != NOT_RUN].to_dict("records")
        if dataset in foreign and not ran:
            continue
        measured = [from_headline(row) for row in ran]
        own = facts.transfer[(facts.transfer.dataset == dataset) & (facts.transfer.backbone == backbone)]
        tunings = sorted(set(own[own.method == params.method].tuning))
        judgement = over_settings(ran, tunings, params)
        if judgement.verdict == SUPPORTED and broken:
            judgement = Judgement(
                INCONCLUSIVE, f"the tests agree, but no headline is given while rules fail: {', '.join(broken)}"
            )
        where = f"{dataset}-{backbone}" if dataset in foreign else backbone
        claims.append(
            Claim(
                id=f"smsp-{where}-{rival}", **fixed, contrast=f"{params.method} minus {rival}",
                where=f"{dataset}, {backbone}", verdict=judgement.verdict, reason=judgement.reason, measured=measured,
            )
        )  # fmt: skip
    return claims


def over_settings(headlines: list[dict[Hashable, Any]], tunings: list[str], params: Compare) -> Judgement:
    """Supported, or contradicted, only when every setting says so.

    At least two allocations are needed, and every one of the method's tunings: a difference that is gone once both are
    tuned was one of tuning.
    """
    if not headlines:
        return Judgement(INCONCLUSIVE, "the two were run in no common setting")
    each = [superior(row["difference"], row["p_holm"], row["status"], params.alpha) for row in headlines]
    verdicts = {judgement.verdict for judgement in each}
    text = "; ".join(f"{setting_words(row)}: {found.reason}" for row, found in zip(headlines, each, strict=True))
    lacking = [tuning for tuning in tunings if tuning not in {row["tuning"] for row in headlines}]
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    if verdicts == {INCONCLUSIVE}:
        return Judgement(INCONCLUSIVE, text)
    if len({row["allocation"] for row in headlines}) < 2:
        return Judgement(INCONCLUSIVE, f"one allocation only, two are needed ({text})")
    if lacking:
        return Judgement(INCONCLUSIVE, f"the rival was not run with tuning {', '.join(lacking)} ({text})")
    return Judgement(verdicts.pop(), text)


def from_headline(row: dict[Hashable, Any]) -> Measured:
    name = f"{setting_words(row)}, kept {row['budgets']}, T {row['steps_averaged']}"
    return Measured(
        name, "splits", int(row["n"]), row["difference"], row["ci_low"], row["ci_high"], row["p"], row["p_holm"],
        row["minimal_detectable_effect"], row["status"], row["missing"],
    )  # fmt: skip


def count_verdicts(claims: list[Claim]) -> dict[str, int]:
    return {
        verdict: sum(claim.verdict == verdict for claim in claims)
        for verdict in (SUPPORTED, CONTRADICTED, INCONCLUSIVE)
    }
