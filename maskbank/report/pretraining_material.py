"""What the page of pretraining recipes, and the figures and tables beside it, are made of."""

from dataclasses import dataclass

import pandas as pd

from maskbank.config import Compare
from maskbank.report.nets import net_means
from maskbank.statistics.areas import area_contrasts
from maskbank.statistics.drops import drop_correlations, drops, sharp_drops
from maskbank.statistics.flatness import landscapes, sharpness_contrasts, sharpness_rows
from maskbank.statistics.nets import ADAM, pretrained, recipes_in
from maskbank.statistics.recipe_costs import relative_costs
from maskbank.statistics.recipes import recipe_contrasts


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
