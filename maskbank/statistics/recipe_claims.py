"""Claims about SNT (Heo et al., arXiv 2305.04526): more compressible and flatter than Adam's nets, at Adam's cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maskbank.hypotheses import CompressesBetter, CostsNoMore, IsFlatter
from maskbank.records.schema import NONE
from maskbank.statistics.claim import Claim, Measured, decided, stated, unanswered
from maskbank.statistics.contrast import MIN_CLUSTERS, TESTED
from maskbank.statistics.facts import Facts
from maskbank.statistics.flatness import ADAPTIVE, TOP, TRACE, sharpness_contrasts, sharpness_rows
from maskbank.statistics.nets import ADAM
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, agreed, superior
from maskbank.statistics.recipe_costs import relative_costs
from maskbank.statistics.recipes import MEAN, SETTING, recipe_contrasts

Row = Mapping[Any, Any]
NET_WORDS = {"trained": "as trained", "folded": "folded", "steps": "equal steps", "loss": "matched loss"}
FEW_SEEDS = "insufficient seeds"
EVERYWHERE = "it has to hold with every stop, form and BN handling that was run"
PERCENT = "percent of Adam's"


def compressed_claims(name: str, declared: CompressesBetter, facts: Facts) -> list[Claim]:
    """Accuracy of a recipe minus Adam's after compression by one method; the mean over its points decides."""
    fixed = stated(
        name, declared, f"{declared.recipe} minus {ADAM}",
        f"Wilcoxon signed-rank over pretraining seeds of the mean over all points; {EVERYWHERE}",
    )  # fmt: skip
    both, nets = (rows[rows.recipe.isin([declared.recipe, ADAM])] for rows in (facts.records, facts.nets))
    found = recipe_contrasts(both[both.method == declared.method], nets, facts.params.compare)
    found = found[found.kind == declared.kind]
    claims = []
    for (dataset, backbone), group in found.groupby(["dataset", "backbone"], sort=True):
        rows = group.to_dict("records")
        heads = [row for row in rows if row["level"] == MEAN]
        judgement = agreed({net_words(row): judged(row["difference"], row, facts) for row in heads})
        judgement = at_every_stop(judgement, group, declared.recipe, facts)
        measured = [as_difference(row) for row in sorted(rows, key=in_order)]
        claims.append(decided(fixed, str(backbone), f"{dataset}, {backbone}", judgement, measured))
    return claims or [unanswered(fixed)]


def judged(difference: float, row: Row, facts: Facts) -> Judgement:
    status = row["status"].replace("seeds", "tasks")
    return superior(difference, row["p"], status, facts.params.compare.alpha, unit="seeds")


def at_every_stop(judgement: Judgement, measured: pd.DataFrame, recipe: str, facts: Facts) -> Judgement:
    """No verdict while nets of both recipes exist for a stop that was not measured."""
    dataset, backbone = measured.dataset.iloc[0], measured.backbone.iloc[0]
    nets = facts.nets[(facts.nets.dataset == dataset) & (facts.nets.backbone == backbone)]
    stops = [
        str(stop)
        for stop, own in nets.groupby("stop")
        if {recipe, ADAM} <= set(own.recipe) and stop not in {*measured.stop}
    ]
    if judgement.verdict == INCONCLUSIVE or not stops:
        return judgement
    words = ", ".join(NET_WORDS.get(stop, stop) for stop in stops)
    return Judgement(INCONCLUSIVE, f"nets of both recipes at {words} exist, but do not compare ({judgement.reason})")


def in_order(row: Row) -> tuple[object, ...]:
    """The mean of each setting first, then its points from the mildest on."""
    mean = row["level"] == MEAN
    return (*(row[name] for name in SETTING), not mean, 0 if mean else -row["budget_asked"], row["allocation"])


def as_difference(row: Row) -> Measured:
    """A contrast of `recipe_contrasts` as the claim shows it."""
    point = f"{row['method']} {row['budget_asked']:g} {'bits' if row['budget_kind'] == 'bits' else 'kept'}"
    what = f"mean over {row['points']} points" if row["level"] == MEAN else f"{point}{other_words(row)}"
    words = ", ".join(part for part in (net_words(row), aside_words(row["set_aside"])) if part)
    return Measured(
        f"{words}: {what}" if words else what, "seeds", row["n"], row["difference"], row["ci_low"], row["ci_high"],
        row["p"], row["p"], row["minimal_detectable_effect"], row["status"], row["missing"],
    )  # fmt: skip


def other_words(row: Row) -> str:
    """What else was chosen at a point, where it is not usual."""
    unusual = [row[name] for name in ("allocation", "reconstruct") if row[name] not in (NONE, "global")]
    return "".join(f", {word}" for word in unusual)


def net_words(row: Row) -> str:
    """Stop, form and BN handling in words; what does not apply is left out."""
    words = [NET_WORDS[row[key]] for key in ("stop", "form") if row.get(key, NONE) != NONE]
    return ", ".join([*words, *([f"{row['bn']} BN"] if row.get("bn", NONE) != NONE else [])])


def aside_words(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''} set aside (loss not reached)" if count else ""


def flat_claims(name: str, declared: IsFlatter, facts: Facts) -> list[Claim]:
    """Top eigenvalue, trace and adaptive sharpness at every rho: all have to be lower, with every stop that was run."""
    fixed = stated(
        name, declared, f"sharpness, {declared.recipe} over {ADAM}",
        "Wilcoxon signed-rank over pretraining seeds of log ratios; largest eigenvalue and trace of the Hessian and "
        "adaptive sharpness all have to be lower, with every stop that was run", quantity=PERCENT,
    )  # fmt: skip
    found = sharpness_contrasts(sharpness_rows(facts.records, facts.metrics), facts.nets, facts.params.compare)
    claims = []
    for (dataset, backbone), group in found[found.recipe == declared.recipe].groupby(
        ["dataset", "backbone"], sort=True
    ):
        rows = group.to_dict("records")
        judgement = at_every_stop(judge_flat(rows, facts), group, declared.recipe, facts)
        claims.append(
            decided(fixed, str(backbone), f"{dataset}, {backbone}", judgement, [as_ratio(row) for row in rows])
        )
    return claims or [unanswered(fixed)]


def flat_words(row: Row) -> str:
    words = [net_words({"stop": row["stop"]}), aside_words(row["set_aside"])]
    return ": ".join([*(part for part in [", ".join(filter(None, words))] if part), row["measure"].replace("_", " ")])


def as_ratio(row: Row) -> Measured:
    """Ratio to Adam with its interval; the detectable effect as the change of the ratio from 1."""
    return Measured(
        flat_words(row), "seeds", row["n"], row["ratio"], row["ratio_low"], row["ratio_high"], row["p"], row["p"],
        float(np.expm1(row["minimal_detectable_effect"])), row["status"], row["missing"],
    )  # fmt: skip


def judge_flat(rows: Sequence[Row], facts: Facts) -> Judgement:
    """Supported, or contradicted, only where all measures say so; all three kinds of measure are needed."""
    each = {}
    for row in rows:
        told = judged(-row["difference"], row, facts)
        words = {SUPPORTED: "flatter", CONTRADICTED: "sharper"}
        if told.verdict == SUPPORTED and not row["ci_high"] < 0:
            told = Judgement(INCONCLUSIVE, f"the interval holds 1, p {told.p:.3g}", told.p)
        elif told.verdict in words:
            told = Judgement(told.verdict, f"{words[told.verdict]}, p {told.p:.3g}", told.p)
        each[flat_words(row)] = told
    judgement = agreed(each)
    kinds = {row["measure"].partition(" ")[0] for row in rows}
    lacking = [name.replace("_", " ") for name in (TOP, TRACE, ADAPTIVE) if name not in kinds]
    if judgement.verdict == SUPPORTED and lacking:
        return Judgement(INCONCLUSIVE, f"not measured: {', '.join(lacking)} ({judgement.reason})")
    return judgement


def cost_claims(name: str, declared: CostsNoMore, facts: Facts) -> list[Claim]:
    """Multiply-adds and CPU seconds of training at equal steps, relative to Adam; those of another recipe beside them."""
    fixed = stated(
        name, declared, f"cost of training, {declared.recipe} over {ADAM}",
        f"one-sided t-test over pretraining seeds that CPU seconds stay below {declared.limit:g} times Adam's; "
        "multiply-adds are counted", quantity=PERCENT,
    )  # fmt: skip
    found = relative_costs(facts.nets, declared.limit)
    found = found[(found.n > 0) & (found.stop != "loss") & found.cost_of.isin(["macs", "seconds"])]
    claims = []
    for (dataset, backbone), group in found.groupby(["dataset", "backbone"], sort=True):
        own = group[group.recipe == declared.recipe].to_dict("records")
        if not own:
            continue
        beside = group[group.recipe == declared.beside].to_dict("records")
        judgement = judge_cost(own, declared.limit, facts.params.compare.alpha)
        measured = [cost_measured(row) for row in [*own, *beside]]
        claims.append(decided(fixed, str(backbone), f"{dataset}, {backbone}", judgement, measured))
    return claims or [unanswered(fixed)]


def cost_measured(row: Row) -> Measured:
    counted = row["cost_of"] == "macs"
    status = "counted" if counted else TESTED if row["n"] >= MIN_CLUSTERS else FEW_SEEDS
    p = np.nan if counted else row["p_below"]
    name = f"{row['recipe']}: {'multiply-adds' if counted else 'CPU seconds'} of training"
    missing = f"{row['other_machines']} seeds on several machine classes" if row["other_machines"] else ""
    return Measured(
        name, "seeds", int(row["n"]), row["mean"], row["ci_low"], row["ci_high"], p, p, np.nan, status, missing
    )


def judge_cost(rows: Sequence[Row], limit: float, alpha: float) -> Judgement:
    """Contradicted by multiply-adds above the limit or seconds shown above it; supported where both are below."""
    costs = {row["cost_of"]: row for row in rows}
    macs, seconds = costs.get("macs"), costs.get("seconds")
    text = "; ".join(
        f"{words} {costs[kind]['mean']:.3g} times Adam's"
        for kind, words in (("macs", "multiply-adds"), ("seconds", "CPU seconds"))
        if kind in costs
    )
    if macs is not None and macs["low"] > limit:
        return Judgement(CONTRADICTED, f"multiply-adds above the limit in every seed ({text})")
    if macs is None or seconds is None:
        return Judgement(INCONCLUSIVE, f"multiply-adds and CPU seconds on one machine class are both needed ({text})")
    if seconds["other_machines"]:
        return Judgement(INCONCLUSIVE, f"some pairs ran on several machine classes, the test is refused ({text})")
    if seconds["n"] < MIN_CLUSTERS:
        return Judgement(INCONCLUSIVE, f"{FEW_SEEDS}, no p-value is given ({text})")
    below, above = seconds["p_below"], seconds["p_above"]
    if above <= alpha:
        return Judgement(CONTRADICTED, f"CPU seconds above the limit, one-sided p {above:.3g} ({text})", above)
    if below <= alpha and macs["high"] <= limit:
        return Judgement(SUPPORTED, f"both below the limit, one-sided p {below:.3g} ({text})", below)
    reason = f"CPU seconds neither shown below nor above the limit, one-sided p {below:.3g} and {above:.3g} ({text})"
    return Judgement(INCONCLUSIVE, reason, below)
