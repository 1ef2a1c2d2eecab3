"""The page "What compression-friendly pretraining buys, measured": Markdown, every number taken from the tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.contrasts import MDE, counted, detectable
from maskbank.report.flatness import FLATTER, HOW_FAR, SHARPER, ratio_interval
from maskbank.report.nets import SHOWN, cost_text, mean_text
from maskbank.report.pretraining_material import Pretraining
from maskbank.report.recipe_words import (
    KIND_WORDS,
    SNT,
    UNDERPOWERED,
    Row,
    between,
    in_net_order,
    in_recipe_order,
    measure_words,
    net_words,
    number,
    p_text,
    verdict,
)
from maskbank.report.relations import correlation_text, interval_text
from maskbank.report.style import label
from maskbank.report.tables import number_range, points
from maskbank.report.transfer_material import distinct, grid, names, section
from maskbank.statistics.contrast import MIN_CLUSTERS
from maskbank.statistics.nets import ADAM, GROUP
from maskbank.statistics.recipes import DENSE, KINDS, MEAN, compressed

TITLE = "What compression-friendly pretraining buys, measured"
About = Mapping[str, Any]  # alpha, margin, records_hash
Judged = Sequence[Mapping[str, Any]]
DIFFERENCE = ("net", "kind", "recipe − Adam", "difference", "95 % interval", "n", "p", "MDE", "verdict")
RIVAL = "sam"
JUDGES = ("compressed", "flatness", "cost")


def pretraining_page(given: Pretraining, records: pd.DataFrame, claims: Judged, rules: Judged, about: About) -> str:
    """The whole page. Parts that are missing are said to be missing, in one line each."""
    if not given.rivals:
        return f"# {TITLE}\n\nThe records hold no recipe beside Adam, so there is nothing to tell.\n"
    alpha = about["alpha"]
    opening = (
        "Written by the stage `report` from the records, the metrics and the timings; no number is typed by hand. What is said "
        "holds for our reading of SNT, in this setting."
    )
    reading = (
        "Differences are recipe minus Adam in points of accuracy, paired by pretraining seed; n counts seeds. p: exact "
        "Wilcoxon signed-rank over seeds, with Holm's correction over the kinds of compression of one recipe in one setting; "
        "nothing is corrected across recipes, and none is called the best. Intervals: 95 % t-interval over seeds; below "
        f"6 seeds there is no p. {MDE} The verdict is of the recipe: higher or lower at p ≤ {alpha:g}; equivalent: within ± "
        f"{100 * about['margin']:g} points by two one-sided tests; {UNDERPOWERED}: fewer than {MIN_CLUSTERS} seeds, or so few "
        "that no outcome could pass the correction."
    )
    parts = [
        setting(given, records, about), answer(given, claims, alpha), after(given, alpha), area(given, alpha), before(given),
        flat(given, alpha), sharp_and_dropped(given), cost(given), judged(claims), limits(given, rules),
    ]  # fmt: skip
    return "\n\n".join([f"# {TITLE}", opening, reading, *parts]) + "\n"


def setting(given: Pretraining, records: pd.DataFrame, about: About) -> str:
    nets, rows = given.nets, compressed(records)
    reached = nets[(nets.stop == "loss") & nets.accuracy.notna()]
    lines = {
        "data set": distinct(nets.dataset),
        "backbones": distinct(nets.backbone),
        "recipes": names(label(name) for name in in_recipe_order(nets.recipe)),
        "seeds": number_range(nets.groupby([*GROUP, "recipe"]).unit.nunique()),
        "steps (nets of equal steps)": distinct(nets[nets.stop != "loss"].steps),
        "nets that did not reach the matched loss": f"{int(reached.aside.sum())} of {len(reached)}",
        "forms compressed": distinct(rows.form[rows.form != NONE]),
        "kinds of compression": names(KIND_WORDS[kind] for kind in KINDS if kind in set(rows.kind)),
        "cells that did not end ok": failures(records),
        "suite": f"{distinct(nets_of(records).suite)}, version {distinct(nets_of(records).suite_version)}",
        "profile": distinct(nets_of(records).profile),
        "records (SHA-256, first 16 digits)": str(about["records_hash"]),
    }
    return section(
        "Setting", grid(("what", "here"), list(lines.items())), "![Accuracy after compression](figures/recipes.png)"
    )


def nets_of(records: pd.DataFrame) -> pd.DataFrame:
    return records[records.stage.isin(["pretrain", "compress", "sharpness"])]


def failures(records: pd.DataFrame) -> str:
    rows = nets_of(records)
    return f"{rows[rows.status != 'ok'].cell_key.nunique()} of {rows.cell_key.nunique()}"


def answer(given: Pretraining, claims: Judged, alpha: float) -> str:
    """The question in one line a claim and kind, from the verdicts alone."""
    own = [claim for claim in claims if claim["judge"] in JUDGES]
    lines = [f"- {claim['says']} ({claim['where']}): **{claim['verdict']}**." for claim in own]
    rows = means_of(given, SNT)
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    lines += [
        f"- SNT − Adam, {KIND_WORDS[kind]}: {tallied([row for row in rows if row['kind'] == kind], alpha)}."
        for kind in kinds
    ]
    return section(
        "SNT against Adam, in short",
        "\n".join(lines) if lines else "SNT was not trained beside Adam.",
        seeds_note(rows),
    )


def seeds_note(rows: Sequence[Row]) -> str:
    few = sum(row["n"] < MIN_CLUSTERS for row in rows)
    if not few:
        return ""
    which = f"All {few}" if few == len(rows) else f"{few} of the {len(rows)}"
    return f"{which} contrasts of SNT have fewer than {MIN_CLUSTERS} seeds: they show a size, and test nothing."


def means_of(given: Pretraining, recipe: str) -> list[dict[Any, Any]]:
    """Contrasts of the means of kinds of one recipe, in order."""
    rows = given.contrasts
    return in_net_order(rows[(rows.level == MEAN) & (rows.recipe == recipe)]).to_dict("records")


def tallied(rows: Sequence[Row], alpha: float) -> str:
    """Range of the differences, and their verdicts counted."""
    known = [row["difference"] for row in rows if not pd.isna(row["difference"])]
    if not known:
        return "not measured"
    low, high = points(min(known), signed=True), points(max(known), signed=True)
    span = low if low == high else f"{low} to {high}"
    return f"{span} points; {counted([verdict(row, alpha) for row in rows], 'setting')}"


def after(given: Pretraining, alpha: float) -> str:
    """Each recipe against Adam after compression."""
    lines, body = [], []
    for recipe in in_recipe_order(given.rivals):
        rows = [row for row in means_of(given, recipe) if row["kind"] != DENSE]
        if rows:
            lines.append(f"- {label(recipe)}: {tallied(rows, alpha)}.")
        body += [difference_line(row, alpha) for row in rows]
    return section(
        "After compression",
        "\n".join(lines) or "No recipe was compressed beside Adam.",
        grid(DIFFERENCE, body),
        "Means over the points of a kind at which both were run. Single points: "
        "[tables/recipe_contrasts.csv](tables/recipe_contrasts.csv)." if body else "",
        "![Recipes against Adam](figures/recipe_forest.png)" if body else "",
    )  # fmt: skip


def difference_line(row: Row, alpha: float) -> list[str]:
    return [
        net_words(row), KIND_WORDS[row["kind"]], label(row["recipe"]), points(row["difference"], signed=True), between(row),
        str(row["n"]), p_text(row["p_holm"]), detectable(row), verdict(row, alpha),
    ]  # fmt: skip


def area(given: Pretraining, alpha: float) -> str:
    title = "Area under accuracy against sparsity"
    if given.areas.empty:
        return section(title, "Magnitude pruning was not run at two sparsities that recipes share.")
    body = []
    for row in in_net_order(given.areas).to_dict("records"):
        span = f"{100 * row['sparsity_low']:.3g}–{100 * row['sparsity_high']:.3g} %"
        body.append([
            net_words(row), span, label(row["recipe"]), points(row["difference"], signed=True), between(row), str(row["n"]),
            p_text(row["p"]), detectable(row), verdict(row, alpha),
        ])  # fmt: skip
    head = ("net", "sparsity", "recipe − Adam", "difference", "95 % interval", "n", "p", "MDE", "verdict")
    words = (
        "One-shot magnitude pruning of single weights, in points of accuracy averaged over the sparsities. Each p is of one "
        "test by itself: it says once more what the section above says of unstructured pruning."
    )
    return section(title, words, grid(head, body))


def before(given: Pretraining) -> str:
    """Nets before compression: accuracy, losses, the gap between training and test."""
    known = in_net_order(given.means[given.means.n > 0])
    body = []
    for _, group in known.groupby(GROUP, sort=False):
        for recipe in in_recipe_order(group.recipe):
            own = group[group.recipe == recipe].set_index("measure")
            count = number_range(own.n)
            body.append([net_words(own.iloc[0]), label(recipe), *(mean_text(own, name) for name in SHOWN), count])
    return section(
        "Before compression",
        grid(("net", "recipe", "test accuracy", "gap", "training loss", "test loss", "n"), body),
        "Mean ± sd over seeds. The generalization gap is training minus test accuracy. An advantage before compression is part "
        "of one after it: to be more accurate after compression is not the same as to lose less by it.",
        "![Accuracy and gap](figures/generalization.png)",
    )


def flat(given: Pretraining, alpha: float) -> str:
    rows = in_net_order(given.sharpness).to_dict("records")
    if not rows:
        return section("Flatness", "The stage sharpness did not run, or has no recipe beside Adam.")
    lines, body = [], []
    for recipe in in_recipe_order(row["recipe"] for row in rows):
        own = [row for row in rows if row["recipe"] == recipe]
        ratios = [row["ratio"] for row in own if not pd.isna(row["ratio"])]
        span = f"{number(min(ratios))} to {number(max(ratios))} times Adam's" if ratios else "not measured"
        told = counted([verdict(row, alpha, SHARPER, FLATTER) for row in own], "measure")
        lines.append(f"- {label(recipe)}: {span}; {told}.")
        body += [
            [
                net_words(row), measure_words(row["measure"]), label(recipe), number(row["ratio"]), ratio_interval(row),
                str(row["n"]), p_text(row["p_holm"]), verdict(row, alpha, SHARPER, FLATTER),
            ]
            for row in own
        ]  # fmt: skip
    return section(
        "Flatness",
        "\n".join(lines),
        grid(("net", "measure", "recipe", "ratio to Adam", "95 % interval", "n", "p", "verdict"), body),
        "Holm over the measures of one recipe on one net. Below 1: flatter. Eigenvalue and trace depend on how weights are "
        "scaled, adaptive sharpness does not.",
        "![Loss along one direction](figures/landscape_line.png)" if len(given.line) else "",
        "![Loss over two directions](figures/landscape.png)" if len(given.plane) else "",
    )


def sharp_and_dropped(given: Pretraining) -> str:
    title = "Does flatness go with what compression costs"
    if given.correlated.empty:
        return section(title, "No net has both a sharpness and an accuracy after compression.")
    body = [
        [
            net_words(row), KIND_WORDS[row["kind"]], measure_words(row["measure"]), correlation_text(row["pooled"]),
            interval_text(row["pooled_low"], row["pooled_high"]), correlation_text(row["within"]),
            interval_text(row["within_low"], row["within_high"]), f"{row['n']} ({row['recipes']} × {row['seeds']})",
        ]
        for row in in_net_order(given.correlated).to_dict("records")
    ]  # fmt: skip
    lines = [
        f"- {words}: {counted([shown(row, name) for row in given.correlated.to_dict('records')], 'correlation')}."
        for name, words in (("pooled", "Pooled over nets"), ("within", "Within recipes"))
    ]
    head = (
        "net",
        "kind",
        "measure",
        "pooled",
        "95 % interval",
        "within recipes",
        "95 % interval",
        "nets (recipes × seeds)",
    )
    return section(
        title,
        "\n".join(lines),
        grid(head, body),
        f"{HOW_FAR} The drop is dense accuracy minus the mean accuracy after a kind of compression. Many correlations are "
        "shown and none is corrected for. A correlation is no cause.",
        "![Sharpness and drop](figures/sharpness_drop.png)",
    )


def shown(row: Row, name: str) -> str:
    """By whether the interval holds 0."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if pd.isna(low):
        return f"{UNDERPOWERED}, no interval"
    if low > 0:
        return "positive"
    return "negative" if high < 0 else "none shown"


def cost(given: Pretraining) -> str:
    known = in_net_order(given.costs[given.costs.n > 0])
    if known.empty:
        return section("Cost", "No cost of training is known beside Adam's.")
    body = []
    for _, group in known.groupby(GROUP, sort=False):
        for recipe in in_recipe_order(group.recipe):
            own = group[group.recipe == recipe].set_index("cost_of")
            cells = [cost_text(own, kind) for kind in ("macs", "seconds", "steps")]
            body.append([net_words(own.iloc[0]), label(recipe), *cells, number_range(own.n)])
    other = int(given.costs.other_machines.sum())
    return section(
        "Cost",
        grid(("net", "recipe", "MACs", "CPU s", "steps", "n"), body),
        "Training relative to Adam with the same seed: median (least to most) over seeds. MACs are counted, seconds are those "
        "of the training loop." + (f" {other} pairs ran on two machine classes and give no seconds." if other else ""),
        "" if RIVAL in set(known.recipe) else f"{label(RIVAL)}, the rival that pays twice, was not trained.",
        "![Cost](figures/recipe_costs.png)",
    )


def judged(claims: Judged) -> str:
    own = [claim for claim in claims if claim["judge"] in JUDGES]
    body = [[claim["id"], claim["where"], claim["says"], claim["verdict"], claim["reason"]] for claim in own]
    return section(
        "The paper's claims",
        grid(("claim", "where", "says", "verdict", "reason"), body) or "No claim was judged.",
        "A claim is supported, or contradicted, only where all its settings say so: every stop, form and BN handling that was "
        "run." if body else "",
    )  # fmt: skip


def limits(given: Pretraining, rules: Judged) -> str:
    failed = [[rule["id"], rule["title"], rule["looked_at"]] for rule in rules if rule["verdict"] == "fail"]
    fixed = [
        "The full text of SNT's paper was not at hand. What is measured is our reading of it.",
        "The seed is the unit of every test: nets of one data set, backbone and recipe. Other data or nets may differ.",
        "A difference that is not shown is not a difference of zero: see the MDE.",
        "One learning rate and one schedule serve all recipes, unless the profile says otherwise.",
        "Quantization and single-weight sparsity are simulated: they show accuracy, not speed.",
        "Loss landscapes are of one net a recipe.",
    ]
    if not (given.nets.stop == "loss").any():
        fixed.append(
            "No net was trained to a matched loss: recipes may differ because some trained further than others."
        )
    elif given.nets.aside.any():
        fixed.append(
            "Seeds whose net did not reach the matched loss are left out on both sides, which may favour a side."
        )
    if ADAM in set(given.nets.recipe) and given.nets.groupby("recipe").unit.nunique().max() < MIN_CLUSTERS:
        fixed.insert(0, f"No recipe has {MIN_CLUSTERS} seeds: nothing on this page is a test.")
    return section(
        "What this does not show",
        "\n".join(f"- {text}" for text in fixed),
        "Rules of a fair benchmark that fail in this run:"
        if failed
        else "No rule of a fair benchmark fails in this run.",
        grid(("rule", "what it asks", "what was found"), failed),
    )
