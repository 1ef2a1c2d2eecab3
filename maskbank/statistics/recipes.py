"""Recipes against Adam: accuracy after compression without fine-tuning, paired by pretraining seed.

A setting is a data set, backbone, stop, form and BN handling; nothing is averaged over these. Inside it a recipe minus
Adam is measured at every point of compression, for the mean over the points of each kind, and for the dense nets.
"""

from dataclasses import asdict

import pandas as pd

from maskbank import patterns
from maskbank.config import Compare
from maskbank.records.schema import NONE
from maskbank.statistics.contrast import NOT_RUN, Contrast, measure
from maskbank.statistics.holm import can_reject, holm
from maskbank.statistics.nets import ADAM, GROUP, Aside, recipes_in, set_aside
from maskbank.statistics.seeded import recipe_pairs
from maskbank.statistics.traces import AGAINST, CELLS, joined

SETTING = ["dataset", "backbone", "stop", "form", "bn"]
POINT = [
    "method", "pattern", "allocation", "schedule", "reconstruct", "budget_kind", "budget_asked", "activations",
]  # fmt: skip
DENSE = "dense"
KINDS = (DENSE, "unstructured", "n:m", "blocks", "units", "weights", "activations")  # in the order they are shown
MEAN, AT_POINT = "mean", "point"
TESTED_COLUMNS = [
    "status", "n", "set_aside", "difference", "sd", "ci_low", "ci_high", "wins", "ties", "losses", "p", "smallest_p",
    "p_holm", "family_size", "can_reject", "equivalence_p", "equivalent", "minimal_detectable_effect", "units_needed",
    "missing", CELLS, AGAINST,
]  # fmt: skip
LABELS = ["level", *SETTING, "kind", *POINT, "recipe", "points"]
COLUMNS = [*LABELS, *TESTED_COLUMNS]
ADJUSTED = ("p_holm", "family_size", "can_reject")  # what `corrected` adds
Labels = dict[str, object]


def compressed(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the stage compress in one shot, with `kind`, `unit` (the pretraining seed) and `activations`.

    `activations` is the width of the activations in bits, or "none" where they stay float32. The unpruned controls of
    structured pruning are left out: the dense nets are those of the stage pretrain.
    """
    rows = records[(records.stage == "compress") & (records.role != "reference")]
    rows = rows[rows.schedule.isin(["one_shot", NONE])]
    known = rows.activation_bits.notna()
    widths = [f"{bits:g}" if has else NONE for bits, has in zip(rows.activation_bits, known, strict=True)]
    kinds = map(kind_of, rows.pattern, rows.budget_kind, known)
    return rows.assign(
        unit=rows.pretrain_seed.fillna(rows.seed).astype(float),
        activations=pd.Series(widths, rows.index, dtype=object),
        kind=pd.Series(list(kinds), rows.index, dtype=object),
    )


def kind_of(pattern: str, budget_kind: str, quantized_activations: bool) -> str:
    """One of KINDS."""
    if budget_kind == "bits":
        return "activations" if quantized_activations else "weights"
    kind = patterns.kind_of(pattern) or "unstructured"
    return "blocks" if kind == "block" else kind


def dense_rows(nets: pd.DataFrame) -> pd.DataFrame:
    """The nets before compression as rows of kind "dense"; a fold changes no answer, so they have no form."""
    point = dict.fromkeys(POINT, NONE) | {"budget_asked": 1.0}
    return nets.assign(form=NONE, bn=NONE, kind=DENSE, **point)


def recipe_contrasts(records: pd.DataFrame, nets: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a contrast of a recipe minus Adam, with COLUMNS; `nets` are those of `nets.pretrained`.

    `level` "mean" is the mean over all points of a kind at which both were run, "point" a single point. A family of
    Holm is the means of one recipe in one setting (at most one a kind), or its points of one kind; the dense net is a
    family by itself. Nothing is corrected across recipes: each is a question of its own, and none is called the best.
    """
    keys = [*SETTING, "kind"]
    columns = list(dict.fromkeys([*keys, *POINT, "recipe", "unit", "accuracy", "cell_key"]))
    rows = pd.concat([dense_rows(nets)[columns], compressed(records)[columns]], ignore_index=True)
    rows = rows.assign(point=rows.groupby(POINT).ngroup(), recipe=rows.recipe.astype(object))
    aside = set_aside(nets)
    found: list[Labels] = []
    for names, group in rows.groupby(keys, sort=True):
        labels: Labels = dict(zip(keys, names, strict=True))
        points = [own for _, own in group.groupby("point", sort=True)] if labels["kind"] != DENSE else []
        for recipe in recipes_in(group):
            found.append(against(group, recipe, {**labels, "level": MEAN}, aside, params))
            for own in points:
                where = labels | {"level": AT_POINT} | {name: own[name].iloc[0] for name in POINT}
                found.append(against(own, recipe, where, aside, params))
    ran = [row for row in found if row["status"] != NOT_RUN]
    frame = pd.DataFrame(ran, columns=[name for name in COLUMNS if name not in ADJUSTED])
    frame = frame.assign(**{name: frame[name].fillna(NONE) for name in POINT if name != "budget_asked"})
    frame = frame.assign(place=frame.kind.map(KINDS.index), dense=frame.kind == DENSE)
    means = corrected(frame[frame.level == MEAN], [*SETTING, "recipe", "dense"], params.alpha)
    single = corrected(frame[frame.level == AT_POINT], [*SETTING, "kind", "recipe"], params.alpha)
    every = pd.concat([means, single], ignore_index=True)
    return every.sort_values([*SETTING, "place", "level", *POINT, "recipe"], ignore_index=True)[COLUMNS]


def against(rows: pd.DataFrame, recipe: str, labels: Labels, aside: Aside, params: Compare) -> Labels:
    """One row of a table of contrasts, before correction; `rows` are of one setting, as `recipe_pairs` needs them."""
    group = tuple(str(labels[name]) for name in GROUP)
    seeds = aside.get((*group, recipe), set()) | aside.get((*group, ADAM), set())
    pairs, points = recipe_pairs(rows, recipe, seeds)
    own, adam = (rows[(rows.recipe == name) & ~rows.unit.isin(seeds)] for name in (recipe, ADAM))
    cells = {
        CELLS: joined(own.cell_key[own.point.isin(adam.point)]),
        AGAINST: joined(adam.cell_key[adam.point.isin(own.point)]),
    }
    found = told(measure(pairs, params), params)
    return {**labels, "recipe": recipe, "points": points, "set_aside": len(seeds), **found, **cells}


def told(found: Contrast, params: Compare) -> Labels:
    """A contrast whose unit is the seed, in the words of seeds."""
    return {
        **asdict(found),
        "status": found.status.replace("tasks", "seeds"),
        "equivalent": bool(found.equivalence_p <= params.alpha),
    }


def corrected(frame: pd.DataFrame, family: list[str], alpha: float) -> pd.DataFrame:
    """Add Holm's p inside each family, its size, and whether the strongest outcome could pass at all."""
    groups = frame.groupby(family, sort=False)
    p_holm = groups["p"].transform(lambda p: holm(p.to_numpy(float))) if len(frame) else frame["p"]
    sizes = groups["p"].transform("size") if len(frame) else frame["n"]
    able = [can_reject(smallest, int(size), alpha) for smallest, size in zip(frame.smallest_p, sizes, strict=True)]
    return frame.assign(p_holm=p_holm, family_size=sizes.astype(int), can_reject=able)
