"""Score of sparse training against what it cost, at one sparsity: a line of panels a setting, a panel a kind of cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.end_labels import label_right
from maskbank.report.facets import Line, facets
from maskbank.report.marks import DASHED, SOFT, points
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.run import Run
from maskbank.report.style import colour, look
from maskbank.report.venues import Venue
from maskbank.report.words import focus_words, metric_words
from maskbank.statistics.sparse_arms import GAPS

ORDER = 180
TITLE = "Cost of sparse training against accuracy"
CAPTION = (
    "Test score against what training cost; means over n = {n} seeds, bars 95 % t-intervals of the score; no test."
)
NOTES = (
    "Training MACs are theoretical, at the density of each step. Live parameters count those of dense layers; of "
    "P-GaP they are those of one worker. Sequential steps are those that cannot run side by side: of P-GaP one worker's of each "
    "round. The name at the right belongs to the marks at its height."
)
ALT = "Scatter plots of the test score against training MACs, peak live parameters and sequential steps, one mark a method."
KINDS = {
    "train_share": "training MACs\n(of dense training's)", "peak_share": "live parameters at their peak\n(of the dense model's)",
    "sequential_share": "sequential steps\n(of dense training's)",
}  # fmt: skip
FIRST, *_, LAST = KINDS
ROW, AXES_HEIGHT = 2.3, 1.4  # inches
GROUP = ["dataset", "backbone", "setup"]
Given = tuple[pd.DataFrame, str]


def read(run: Run) -> pd.DataFrame:
    """Points of groups that have a sparse arm with a known score and cost."""
    data = run.sparse.points
    shown = in_setup_order(data[data.score.notna() & data[list(KINDS)].notna().any(axis=1)])
    groups = [group for _, group in shown.groupby(GROUP, sort=False) if (group.role != "reference").any()]
    return pd.concat(groups) if groups else shown.iloc[:0]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    groups = data.groupby(GROUP, sort=False)
    lines = [Line(focus_words(group), [("", (group, kind)) for kind in KINDS], ROW) for _, group in groups]
    return facets(venue, lines, panel, width=1.9, most=3, finish=name_marks)


def panel(axes: Axes, given: Given) -> None:
    group, kind = given
    for row in group.to_dict("records"):
        name, y, gap = row["method"], 100 * row["score"], row["method"] in GAPS
        axes.axhline(y, color=colour(name), linewidth=0.4, alpha=0.6, zorder=1)
        seen = look(name, markersize=6 if gap else 4.5, zorder=3 if gap else 2)
        points(axes, [row[kind]], [y], seen, 100 * row["half_width"])
    axes.set_xlim(0, 1.08 * np.nanmax([1.0, *group[kind].astype(float)]))
    axes.axvline(1, color=SOFT, linewidth=0.8, linestyle=DASHED)
    axes.set_xlabel(KINDS[kind])
    axes.set_ylabel(f"{metric_words(group.metric.iloc[0])} (points)" if kind == FIRST else "")
    axes.grid(axis="y", visible=False)


def name_marks(axes: Axes, given: Given) -> None:
    """Name the marks right of the last panel."""
    group, kind = given
    if kind == LAST:
        scores = {name: 100 * group[group.method == name].score.iloc[0] for name in in_method_order(group)}
        label_right(axes, {name: (axes.get_xlim()[1], score) for name, score in scores.items()}, AXES_HEIGHT)
