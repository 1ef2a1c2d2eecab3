"""Claims about SNT (Heo et al., arXiv 2305.04526): more compressible and flatter than Adam's nets, at Adam's cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.records.schema import NONE
from maskbank.statistics.claim import Claim, Measured, unanswered
from maskbank.statistics.contrast import MIN_CLUSTERS, TESTED
from maskbank.statistics.facts import Facts
from maskbank.statistics.flatness import ADAPTIVE, TOP, TRACE, sharpness_contrasts, sharpness_rows
from maskbank.statistics.nets import ADAM
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, agreed, superior
from maskbank.statistics.recipe_costs import relative_costs
from maskbank.statistics.recipes import MEAN, SETTING, recipe_contrasts

Row = Mapping[Any, Any]
SNT, SAM = "snt", "sam"
PAPER = "Heo et al., arXiv 2305.04526"
COST_LIMIT = 1.05  # of Adam's: our reading of "about Adam's cost"
SAYS = {
    "l1": ("unstructured", "after pruning", "up to +2 points after pruning"),
    "quantize": ("weights", "after quantization of its weights", "up to +5.4 points after quantization"),
}
NET_WORDS = {"trained": "as trained", "folded": "folded", "steps": "equal steps", "loss": "matched loss"}
FEW_SEEDS = "insufficient seeds"
EVERYWHERE = "it has to hold with every stop, form and BN handling that was run"
PERCENT = "percent of Adam's"


def snt_claims(facts: Facts) -> list[Claim]:
    """Each claim for each backbone; one that the records cannot answer is inconclusive, with the reason."""
    found = [claim for method in SAYS for claim in compressed_claims(facts, method)]
    return [*found, *flat_claims(facts), *cost_claims(facts)]


def compressed_claims(facts: Facts, method: str) -> list[Claim]:
    """Accuracy of recipe snt minus adam after compression by one method; the mean over its points decides."""
    kind, when, reported = SAYS[method]
    fixed: dict[str, Any] = {
        "paper": PAPER,
        "says": f"A net pretrained with the transformation keeps more accuracy {when} than one of Adam",
        "reported": reported,
        "contrast": f"{SNT} minus {ADAM}",
        "test": f"Wilcoxon signed-rank over pretraining seeds of the mean over all points; {EVERYWHERE}",
    }
    both, nets = (rows[rows.recipe.isin([SNT, ADAM])] for rows in (facts.records, facts.nets))
    found = recipe_contrasts(both[both.method == method], nets, facts.params.compare)
    found = found[found.kind == kind]
    claims = []
    for (dataset, backbone), group in found.groupby(["dataset", "backbone"], sort=True):
        rows = group.to_dict("records")
        heads = [row for row in rows if row["level"] == MEAN]
        judgement = agreed({net_words(row): judged(row["difference"], row, facts) for row in heads})
        judgement = at_every_stop(judgement, group, facts)
        claims.append(
            Claim(
                f"snt-{method}-{backbone}", **fixed, where=f"{dataset}, {backbone}", verdict=judgement.verdict,
                reason=judgement.reason, measured=[as_difference(row) for row in sorted(rows, key=in_order)],
            )
        )  # fmt: skip
    return claims or [unanswered(f"snt-{method}", fixed)]


def judged(difference: float, row: Row, facts: Facts) -> Judgement:
    status = row["status"].replace("seeds", "tasks")
    return superior(difference, row["p"], status, facts.params.compare.alpha, unit="seeds")


def at_every_stop(judgement: Judgement, measured: pd.DataFrame, facts: Facts) -> Judgement:
    """No verdict while nets of both recipes exist for a stop that was not measured."""
    dataset, backbone = measured.dataset.iloc[0], measured.backbone.iloc[0]
    nets = facts.nets[(facts.nets.dataset == dataset) & (facts.nets.backbone == backbone)]
    stops = [
        str(stop)
        for stop, own in nets.groupby("stop")
        if {SNT, ADAM} <= set(own.recipe) and stop not in {*measured.stop}
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


def flat_claims(facts: Facts) -> list[Claim]:
    """Top eigenvalue, trace and adaptive sharpness at every rho: all have to be lower, with every stop that was run."""
    fixed: dict[str, Any] = {
        "paper": PAPER,
        "says": "The minima are flatter than Adam's",
        "reported": "flatter than Adam's",
        "contrast": f"sharpness, {SNT} over {ADAM}",
        "test": "Wilcoxon signed-rank over pretraining seeds of log ratios; largest eigenvalue and trace of the Hessian and "
        "adaptive sharpness all have to be lower, with every stop that was run",
        "quantity": PERCENT,
    }
    found = sharpness_contrasts(sharpness_rows(facts.records, facts.metrics), facts.nets, facts.params.compare)
    claims = []
    for (dataset, backbone), group in found[found.recipe == SNT].groupby(["dataset", "backbone"], sort=True):
        rows = group.to_dict("records")
        judgement = at_every_stop(judge_flat(rows, facts), group, facts)
        claims.append(
            Claim(
                f"snt-flat-{backbone}", **fixed, where=f"{dataset}, {backbone}", verdict=judgement.verdict,
                reason=judgement.reason, measured=[as_ratio(row) for row in rows],
            )
        )  # fmt: skip
    return claims or [unanswered("snt-flat", fixed)]


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


def cost_claims(facts: Facts) -> list[Claim]:
    """Multiply-adds and CPU seconds of training at equal steps, relative to Adam; SAM's beside them."""
    fixed: dict[str, Any] = {
        "paper": PAPER,
        "says": f"Training costs about what Adam costs (our reading: at most {COST_LIMIT:g} times), where SAM pays twice",
        "reported": "about Adam's cost; SAM pays twice",
        "contrast": f"cost of training, {SNT} over {ADAM}",
        "test": f"one-sided t-test over pretraining seeds that CPU seconds stay below {COST_LIMIT:g} times Adam's; "
        "multiply-adds are counted",
        "quantity": PERCENT,
    }
    found = relative_costs(facts.nets, COST_LIMIT)
    found = found[(found.n > 0) & (found.stop != "loss") & found.cost_of.isin(["macs", "seconds"])]
    claims = []
    for (dataset, backbone), group in found.groupby(["dataset", "backbone"], sort=True):
        own = group[group.recipe == SNT].to_dict("records")
        if not own:
            continue
        beside = group[group.recipe == SAM].to_dict("records")
        judgement = judge_cost(own, facts.params.compare)
        claims.append(
            Claim(
                f"snt-cost-{backbone}", **fixed, where=f"{dataset}, {backbone}", verdict=judgement.verdict,
                reason=judgement.reason, measured=[cost_measured(row) for row in [*own, *beside]],
            )
        )  # fmt: skip
    return claims or [unanswered("snt-cost", fixed)]


def cost_measured(row: Row) -> Measured:
    counted = row["cost_of"] == "macs"
    status = "counted" if counted else TESTED if row["n"] >= MIN_CLUSTERS else FEW_SEEDS
    p = np.nan if counted else row["p_below"]
    name = f"{row['recipe']}: {'multiply-adds' if counted else 'CPU seconds'} of training"
    missing = f"{row['other_machines']} seeds on several machine classes" if row["other_machines"] else ""
    return Measured(
        name, "seeds", int(row["n"]), row["mean"], row["ci_low"], row["ci_high"], p, p, np.nan, status, missing
    )


def judge_cost(rows: Sequence[Row], params: Compare) -> Judgement:
    """Contradicted by multiply-adds above the limit or seconds shown above it; supported where both are below."""
    costs = {row["cost_of"]: row for row in rows}
    macs, seconds = costs.get("macs"), costs.get("seconds")
    text = "; ".join(
        f"{words} {costs[kind]['mean']:.3g} times Adam's"
        for kind, words in (("macs", "multiply-adds"), ("seconds", "CPU seconds"))
        if kind in costs
    )
    if macs is not None and macs["low"] > COST_LIMIT:
        return Judgement(CONTRADICTED, f"multiply-adds above the limit in every seed ({text})")
    if macs is None or seconds is None:
        return Judgement(INCONCLUSIVE, f"multiply-adds and CPU seconds on one machine class are both needed ({text})")
    if seconds["other_machines"]:
        return Judgement(INCONCLUSIVE, f"some pairs ran on several machine classes, the test is refused ({text})")
    if seconds["n"] < MIN_CLUSTERS:
        return Judgement(INCONCLUSIVE, f"{FEW_SEEDS}, no p-value is given ({text})")
    below, above = seconds["p_below"], seconds["p_above"]
    if above <= params.alpha:
        return Judgement(CONTRADICTED, f"CPU seconds above the limit, one-sided p {above:.3g} ({text})", above)
    if below <= params.alpha and macs["high"] <= COST_LIMIT:
        return Judgement(SUPPORTED, f"both below the limit, one-sided p {below:.3g} ({text})", below)
    reason = f"CPU seconds neither shown below nor above the limit, one-sided p {below:.3g} and {above:.3g} ({text})"
    return Judgement(INCONCLUSIVE, reason, below)
