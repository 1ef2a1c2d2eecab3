"""Tables of the studies of pretraining recipes and of sparse training, each made once for all that shows them."""

from dataclasses import dataclass

import pandas as pd

from maskbank.config import Compare
from maskbank.report.nets import net_means
from maskbank.report.sparse_accuracy import sparse_means
from maskbank.report.sparse_costs import cost_points
from maskbank.statistics.areas import area_contrasts
from maskbank.statistics.drops import drop_correlations, drops, sharp_drops
from maskbank.statistics.flatness import landscapes, sharpness_contrasts, sharpness_rows
from maskbank.statistics.nets import ADAM, pretrained, recipes_in
from maskbank.statistics.recipe_costs import relative_costs
from maskbank.statistics.recipes import recipe_contrasts
from maskbank.statistics.sparse_arms import at_best, rate_choices, sparse_rows
from maskbank.statistics.sparse_contrasts import sparse_contrasts
from maskbank.statistics.sparse_costs import cost_means, sparse_costs
from maskbank.statistics.sparse_curves import course, end_densities, first_seed, first_setup, focus, near_budget

FOCUS = 0.1  # kept, in figures of one sparsity: where the paper claims to beat other pruning


@dataclass(frozen=True)
class Pretraining:
    """Tables by recipe: `nets` one row a net, `means` over seeds, the rest as `maskbank.statistics` makes them."""

    nets: pd.DataFrame
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
    def rivals(self) -> list[str]:
        """Recipes that were trained beside Adam."""
        return recipes_in(self.nets) if ADAM in set(self.nets.recipe) else []


def pretraining(records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame, params: Compare) -> Pretraining:
    nets = pretrained(records, metrics, timings)
    sharp = sharpness_rows(records, metrics)
    dropped = sharp_drops(drops(records, nets), sharp)
    line, plane = landscapes(records, metrics)
    return Pretraining(
        nets=nets,
        means=net_means(nets),
        costs=relative_costs(nets),
        contrasts=recipe_contrasts(records, nets, params),
        areas=area_contrasts(records, nets, params),
        sharpness=sharpness_contrasts(sharp, nets, params),
        dropped=dropped,
        correlated=drop_correlations(dropped, params),
        line=line,
        plane=plane,
    )


@dataclass(frozen=True)
class Sparse:
    """Tables of sparse training: `best` one row a cell at the chosen handling of the learning rate, `means` one an arm.

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
    records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame, curves: pd.DataFrame, params: Compare
) -> Sparse:
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
        contrasts=sparse_contrasts(rows, choices, params),
        costs=cost_means(costs),
        points=cost_points(costs[costs.cell_key.isin(shown.cell_key)]),
        course=course(first_seed(first_setup(shown)), records, curves),
        ends=end_densities(near_budget(first_setup(best), FOCUS), curves),
    )
