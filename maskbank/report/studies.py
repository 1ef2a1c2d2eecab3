"""Tables of the studies of pretraining recipes and of sparse training, each made once for all that shows them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.report.models import model_means
from maskbank.report.sparse_accuracy import sparse_means
from maskbank.report.sparse_costs import cost_points
from maskbank.statistics.contrasts import view
from maskbank.statistics.drops import drop_correlations, drops, sharp_drops
from maskbank.statistics.flatness import landscapes, sharpness_rows
from maskbank.statistics.models import ADAM, pretrained, recipes_in
from maskbank.statistics.recipe_costs import cost_ratios, relative_costs
from maskbank.statistics.sparse_arms import at_best, rate_choices, sparse_rows
from maskbank.statistics.sparse_costs import cost_means, sparse_costs
from maskbank.statistics.sparse_curves import course, end_densities, first_seed, first_setup, focus, near_budget
from maskbank.statistics.studies.compression import AT_POINT, MEAN

FOCUS = 0.1  # kept, in figures of one sparsity: where the paper claims to beat other pruning


@dataclass(frozen=True)
class Pretraining:
    """Tables by recipe: `models` one row a model, `means` over seeds, the rest as `maskbank.statistics` makes them."""

    models: pd.DataFrame
    means: pd.DataFrame
    costs: pd.DataFrame
    contrasts: pd.DataFrame
    areas: pd.DataFrame
    sharpness: pd.DataFrame
    dropped: pd.DataFrame
    correlated: pd.DataFrame
    line: pd.DataFrame
    plane: pd.DataFrame

    @property
    def other_machines(self) -> int:
        """Costs that do not compare, as they are seconds of another machine class than Adam's."""
        return int(cost_ratios(self.models).ratio.isna().sum())

    @property
    def rivals(self) -> list[str]:
        """Recipes that were trained beside Adam."""
        return recipes_in(self.models) if ADAM in set(self.models.recipe) else []


def pretraining(
    records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame, table: pd.DataFrame, params: Compare
) -> Pretraining:
    """`table` is that of contrasts."""
    models = pretrained(records, metrics, timings)
    sharp = sharpness_rows(records, metrics)
    dropped = sharp_drops(drops(records, models), sharp)
    line, plane = landscapes(records, metrics)
    return Pretraining(
        models=models,
        means=model_means(models),
        costs=relative_costs(models),
        contrasts=view(table, "compression", MEAN, AT_POINT),
        areas=view(table, "area").rename(columns={"arm_score": "area", "baseline_score": "area_adam"}),
        sharpness=ratios(view(table, "sharpness")),
        dropped=dropped,
        correlated=drop_correlations(dropped, params),
        line=line,
        plane=plane,
    )


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Contrasts of logarithms with the ratio to Adam's, its interval, and the medians of both sides."""
    ends = {"ratio": "difference", "ratio_low": "ci_low", "ratio_high": "ci_high"}
    found = rows.assign(**{name: np.exp(rows[key].astype(float)) for name, key in ends.items()})
    return found.drop(columns="level").rename(columns={"arm_score": "level", "baseline_score": "level_adam"})


@dataclass(frozen=True)
class Sparse:
    """Tables of sparse training: `best` one row a cell at the chosen learning-rate schedule, `means` one an arm.

    `points` are costs and scores at one sparsity, `course` is what happened when in one training a method, `ends` are the
    densities of layers after training.
    """

    rows: pd.DataFrame
    choices: pd.DataFrame
    best: pd.DataFrame
    means: pd.DataFrame
    contrasts: pd.DataFrame
    costs: pd.DataFrame
    points: pd.DataFrame
    course: pd.DataFrame
    ends: pd.DataFrame


def sparse_training(
    records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame, curves: pd.DataFrame, table: pd.DataFrame
) -> Sparse:
    """`table` is that of contrasts."""
    rows = sparse_rows(records, metrics)
    choices = rate_choices(rows)
    best = at_best(rows, choices)
    shown = focus(best, FOCUS)
    costs = sparse_costs(best, records, metrics, timings)
    return Sparse(
        rows=rows,
        choices=choices,
        best=best,
        means=sparse_means(best),
        contrasts=view(table, "sparse").rename(
            columns={"rate_baseline": "rate_rival", "validation_baseline": "validation_rival"}
        ),
        costs=cost_means(costs),
        points=cost_points(costs[costs.cell_key.isin(shown.cell_key)]),
        course=course(first_seed(first_setup(shown)), records, curves),
        ends=end_densities(near_budget(first_setup(best), FOCUS), curves),
    )
