"""The page "What compression-friendly pretraining buys, measured": recipes against Adam, before and after compression."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.models import SHOWN
from maskbank.report.order import SNT, in_model_order, in_recipe_order
from maskbank.report.run import Run
from maskbank.report.words import (
    FLATTER,
    HOW_FAR,
    SHARPER,
    cost_text,
    counted,
    mean_text,
    number_range,
    sign_words,
    span,
    verdict,
)
from maskbank.statistics.models import ADAM, GROUP
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.recipes import DENSE, KINDS, compressed
from maskbank.statistics.studies.compression import MEAN

STUDIES = ("compression", "sharpness", "cost")
Rows = list[dict[Any, Any]]


def data(run: Run) -> dict[str, Any]:
    given = run.pretraining
    if not given.rivals:
        return {"rivals": given.rivals}
    models, means = given.models, given.contrasts[given.contrasts.level == MEAN]
    snt, rows = in_order(means[means.recipe == SNT]), compressed(run.records)
    pruned = means[means.kind != DENSE]
    after = {recipe: in_order(pruned[pruned.recipe == recipe]) for recipe in in_recipe_order(given.rivals)}
    matched = models[(models.stop == "loss") & models.accuracy.notna()]
    return {
        "rivals": given.rivals, "models": models, "matched": matched, "excluded": int(matched.excluded.sum()),
        "seeds": models.groupby([*GROUP, "recipe"]).unit.nunique(), "most_seeds": models.groupby("recipe").unit.nunique().max(),
        "steps": models[models.stop != "loss"].steps, "forms": rows.form[rows.form != NONE],
        "kinds": [kind for kind in KINDS if kind in set(rows.kind)],
        "cells": run.records[run.records.stage.isin(["pretrain", "compress", "sharpness"])],
        "claims": [claim for claim in run.claims if claim["study"] in STUDIES],
        "snt": {kind: own for kind in KINDS if (own := [row for row in snt if row["kind"] == kind])}, "snt_contrasts": len(snt),
        "few": sum(row["n"] < MIN_CLUSTERS for row in snt), "least": MIN_CLUSTERS, "adam_trained": ADAM in set(models.recipe),
        "after": {recipe: own for recipe, own in after.items() if own}, "areas": in_order(given.areas),
        "before": by_recipe(given.means, lambda own: [mean_text(own, name) for name in SHOWN]),
        **flatness(in_order(given.sharpness)), "correlations": in_order(given.correlated),
        "signs": signs(given.correlated), "how_far": HOW_FAR,
        "costs": by_recipe(given.costs, lambda own: [cost_text(own, kind) for kind in ("macs", "seconds", "steps")], "cost_of"),
        "other_machines": given.other_machines, "sam_known": "sam" in set(given.costs.recipe[given.costs.n > 0]),
    }  # fmt: skip


def in_order(frame: pd.DataFrame) -> Rows:
    return in_model_order(frame).to_dict("records")


def by_recipe(frame: pd.DataFrame, texts: Callable[[pd.DataFrame], list[str]], index: str = "measure") -> Rows:
    """A row a model and recipe of what is known, with the `texts` of its rows."""
    found = []
    for _, group in in_model_order(frame[frame.n > 0]).groupby(GROUP, sort=False):
        for recipe in in_recipe_order(group.recipe):
            own = group[group.recipe == recipe].set_index(index)
            found.append(own.iloc[0].to_dict() | {"texts": texts(own), "n": number_range(own.n)})
    return found


def flatness(rows: Rows) -> dict[str, Any]:
    """Recipe -> the range of its sharpness relative to Adam's, and verdicts counted; then the rows recipe by recipe."""
    lines, shown = {}, []
    for recipe in in_recipe_order(row["recipe"] for row in rows):
        own = [row | {"verdict": verdict(row, SHARPER, FLATTER)} for row in rows if row["recipe"] == recipe]
        ratios = span(row["ratio"] for row in own)
        verdicts = counted([row["verdict"] for row in own], "measure")
        lines[recipe] = (f"{ratios} times Adam's" if ratios else "not measured") + f"; {verdicts}"
        shown += own
    return {"flat": lines, "sharpness": shown}


def signs(correlated: pd.DataFrame) -> dict[str, str]:
    """How often each sign was shown, pooled and within recipes."""
    rows = correlated.to_dict("records")
    return {
        words: counted([sign_words(row[f"{name}_low"], row[f"{name}_high"]) for row in rows], "correlation")
        for name, words in (("pooled", "Pooled over models"), ("within", "Within recipes"))
        if rows
    }
