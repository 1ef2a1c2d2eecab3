"""Score of sparse training against sparsity: a line of panels a task, a panel a setting, one line a method, named at its end."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.end_labels import label_right
from maskbank.report.facets import Line, facets
from maskbank.report.marks import curve, level, points, ticks
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.panels import DASHES
from maskbank.report.run import Run
from maskbank.report.sparse_accuracy import CHOICE_WORDS
from maskbank.report.style import colour, look
from maskbank.report.venues import Venue
from maskbank.report.words import how_words, metric_words, task_words
from maskbank.statistics.sparse_arms import GAPS, TASK, UNEQUAL, dense_beside
from maskbank.statistics.transfer import DEFAULT

ORDER = 170
TITLE = "Sparse training: accuracy against sparsity"
CAPTION = (
    "Test score after sparse training; points are means over n = {n} seeds, bars and bands 95 % t-intervals; no test."
)
NOTES = (
    f"Against the share of prunable weights removed. {CHOICE_WORDS}. Bold: GaP; dashed: the dense reference; "
    "short dashes: controls; hollow: arms that were run with fewer schedules than others. Arms share seeds, so that bars "
    "that overlap do not show equality; the paired tests are in the table of contrasts."
)
ALT = "Line plots of the test score against sparsity, one line a method of sparse training, panels by setup."
WIDTH, HEIGHT, AXES_HEIGHT = 3.2, 2.5, 1.75  # inches of a panel; its height without title and axis


def read(run: Run) -> pd.DataFrame:
    """The means that have a score, if any of a sparse arm has."""
    means = run.sparse.means
    known = means[means.score.notna()]
    return known if (known.variant.eq(DEFAULT) & known.role.ne("reference")).any() else means.iloc[:0]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    lines = [Line(title, panels, HEIGHT) for title, panels in panels_of(data)]
    return facets(venue, lines, panel, width=WIDTH, most=3, finish=name_ends)


def panels_of(data: pd.DataFrame) -> list[tuple[str, list[tuple[str, pd.DataFrame]]]]:
    """A group a data set and backbone, a panel a setup, pattern and allocation, the dense reference in each."""
    known = data[data.variant == DEFAULT]
    sparse = in_setup_order(known[known.role != "reference"])
    groups = []
    for (dataset, backbone), task in sparse.groupby(TASK, sort=False):
        panels = []
        for _, own in task.groupby(["setup", "pattern", "allocation"], sort=False):
            dense = dense_beside(known, str(dataset), str(backbone), own.setup.iloc[0])
            panels.append((how_words(own.iloc[0]), pd.concat([own, dense])))
        groups.append((task_words(task.iloc[0]), panels))
    return groups


def panel(axes: Axes, own: pd.DataFrame) -> None:
    """Lines over sparsity, methods set apart a little, GaP above all others."""
    dense, sparse = own[own.role == "reference"], own[own.role != "reference"]
    for row in dense.to_dict("records"):
        seen = {"color": colour(row["method"]), "linestyle": DASHES["reference"], "linewidth": 1.2}
        level(axes, 100 * row["score"], seen, 100 * np.nan_to_num(row["half_width"]))
    for name, shift in list(apart(sparse).items())[::-1]:
        arm, gap = sparse[sparse.method == name].sort_values("budget_asked"), name in GAPS
        x, y, width = -np.log2(arm.budget_asked) + shift, 100 * arm.score, 100 * arm.half_width.fillna(0)
        seen = look(name, markersize=5 if gap else 3.4, zorder=3 if gap else 2)
        dashes = DASHES["control"] if arm.role.iloc[0] == "control" else "-"
        line = {"linewidth": 2.0 if gap else 0.9, "linestyle": dashes, "marker": ""}
        curve(axes, x, y, seen | line, *((y - width, y + width) if gap else ()))
        points(axes, x, y, seen | {"elinewidth": 0.7, "capsize": 1.2}, width)
        hollow = arm.choice == UNEQUAL
        axes.plot(x[hollow], y[hollow], **seen | {"linestyle": "none", "markerfacecolor": "white"})
    budgets = sorted(set(sparse.budget_asked), reverse=True)
    ticks(axes.xaxis, [-np.log2(budget) for budget in budgets], lambda value: f"{100 * (1 - 2**-value):.4g}")
    axes.set_xlim(-np.log2(max(budgets)) - 0.25, -np.log2(min(budgets)) + 0.25)
    axes.set_xlabel("weights removed (%)")
    metric = metric_words(own.metric.iloc[0])
    axes.set_ylabel(f"{metric} (points)" if axes.get_subplotspec().is_first_col() else "")  # type: ignore[union-attr]


def apart(sparse: pd.DataFrame) -> dict[str, float]:
    """How far each method stands aside of its sparsity, in doublings."""
    names = in_method_order(sparse)
    return dict(zip(names, np.linspace(-0.09, 0.09, len(names)) if len(names) > 1 else [0.0], strict=True))


def name_ends(axes: Axes, own: pd.DataFrame) -> None:
    """Name each method where its line ends."""
    sparse, ends = own[own.role != "reference"], dict[str, tuple[float, float]]()
    for name, shift in list(apart(sparse).items())[::-1]:
        last = sparse[sparse.method == name].sort_values("budget_asked").iloc[0]
        ends[name] = (shift - float(np.log2(last.budget_asked)), 100 * float(last.score))
    for row in own[own.role == "reference"].to_dict("records"):
        ends[row["method"]] = (axes.get_xlim()[1], 100 * row["score"])
    label_right(axes, ends, AXES_HEIGHT)
