"""Performance profiles: the share of runs that reach a share of dense accuracy; a panel a setting."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.marks import curve
from maskbank.report.panels import MANY, line_look, method_key, methods_of
from maskbank.report.run import Run
from maskbank.report.settings import by_setting
from maskbank.report.venues import Venue
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.profiles import PROFILE, performance_profiles, relative
from maskbank.statistics.transfer import SETTING, setting_name

ORDER = 70
TITLE = "Performance profiles"
CAPTION = (
    "Share of runs with at least τ times dense's accuracy; n = {n} splits, bands pointwise 95 % bootstrap intervals; "
    "no test."
)
NOTES = (
    "A run is a task and seed, budgets and steps averaged, against dense on the same task; splits weigh the same. Bands are "
    "of the method, and of all where methods are few; the bootstrap draws splits, then tasks."
)
ALT = "Curves that fall from left to right; a curve above another is better at every level."


def read(run: Run) -> pd.DataFrame:
    """Performance profiles of each setting that has a whole reference, with roles and the number of splits."""
    found, params = [], run.params.compare
    for given in run.ranked:
        scores, reference = given.scores, given.design.reference
        if reference and len(scores.methods) > 1:
            generator = generator_for(f"profiles/{setting_name(given.setting)}", params.seed)
            own = performance_profiles(relative(scores, reference), params.resamples, generator)
            roles = own.method.map(given.design.roles)
            found.append(own.assign(**given.setting, role=roles, n=len(set(scores.splits))))
    columns = [*SETTING, "role", "n", *PROFILE]
    return (pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns))[columns]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    return facets(
        venue, [Line("", by_setting(data), 2.4)], panel, width=3.2, most=2, key=method_key(data, marker=""), share_x=True,
        xlabel="τ: accuracy as a share of dense", ylabel="share of runs at τ or above",
    )  # fmt: skip


def panel(axes: Axes, group: pd.DataFrame) -> None:
    many = group.method.nunique() > MANY
    for method, role in methods_of(group)[::-1]:
        own = group[group.method == method].sort_values("tau")
        banded = own.low.notna().all() and (not many or role == "method")
        band = (own.low, own.high) if banded else ()
        curve(axes, own.tau, own.share, line_look(method, role) | {"marker": ""}, *band)
