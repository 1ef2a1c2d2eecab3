"""What sparse training costs, beside its score: a figure at one sparsity, and a table with the bytes of checkpoints."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.end_labels import label_right
from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import (
    focus_words,
    how_words,
    metric_words,
    number,
    number_range,
    points,
    removed,
    task_words,
)
from maskbank.statistics.effects import half_width
from maskbank.statistics.pairing import DEFAULT
from maskbank.statistics.sparse_arms import ARM, GAPS
from maskbank.statistics.sparse_costs import SHARES

KINDS = {
    "train_share": "training MACs\n(of dense training's)", "peak_share": "live parameters at their peak\n(of the dense net's)",
    "line_share": "steps in line\n(of dense training's)",
}  # fmt: skip
ROW = 2.3  # inches
AXES_HEIGHT = 1.4
FIRST, *_, LAST = KINDS
DATA = [*ARM, "role", "metric", "schedule", "n", "score", "half_width", *SHARES]


def cost_points(costs: pd.DataFrame) -> pd.DataFrame:
    """One row an arm, with DATA; `costs` are rows of `sparse_costs`, of one pattern, allocation and budget a setting."""
    found = []
    for _, arm in costs.groupby(ARM, sort=True):
        scores = arm.score.dropna()
        numbers = {
            "n": len(scores), "score": scores.mean(), "half_width": half_width(float(scores.std(ddof=1)), len(scores))
        }  # fmt: skip
        shares = {name: arm[name].mean() for name in SHARES}
        found.append(arm[[*ARM, "role", "metric", "schedule"]].iloc[0].to_dict() | numbers | shares)
    return pd.DataFrame(found, columns=DATA)


def sparse_costs_figure(data: pd.DataFrame) -> Drawing:
    """From `cost_points`: a line of panels a data set, backbone and setup, the score against each kind of cost."""
    shown = in_setup_order(data[data.score.notna() & data[list(KINDS)].notna().any(axis=1)])
    groups = [group for _, group in shown.groupby(["dataset", "backbone", "setup"], sort=False)]
    groups = [group for group in groups if (group.role != "reference").any()]

    def draw(venue: Venue) -> Figure:
        lines = [Line(focus_words(group), [("", (group, kind)) for kind in KINDS], ROW) for group in groups]
        return panel_lines(
            venue, lines, lambda axes, given: cost_panel(axes, *given), width=1.9, most=3,
            finish=lambda axes, given: name_marks(axes, *given),
        )  # fmt: skip

    shown = pd.concat(groups) if groups else shown.iloc[:0]
    caption = (
        f"Test score against what training cost; means over n = {number_range(shown.n)} seeds, bars 95 % t-intervals of the "
        "score; no test."
    )
    notes = (
        "Training MACs are theoretical, at the density of each step. Live parameters count those of dense layers; of "
        "P-GaP they are those of one worker. Steps in line are those that cannot run side by side: of P-GaP one worker's of each "
        "round. The name at the right belongs to the marks at its height."
    )
    alt = "Scatter plots of the test score against training MACs, peak live parameters and steps in line, one mark a method."
    return Drawing("sparse_costs", "Cost of sparse training against accuracy", caption, notes, alt, shown, draw)


def cost_panel(axes: Axes, group: pd.DataFrame, kind: str) -> None:
    for row in group.to_dict("records"):
        name, level, width = row["method"], 100 * row["score"], 100 * np.nan_to_num(row["half_width"])
        axes.axhline(level, color=colour(name), linewidth=0.4, alpha=0.6, zorder=1)
        axes.errorbar(
            [row[kind]], [level], yerr=[width], color=colour(name), marker=marker(name), linestyle="none", capsize=1.5,
            markersize=6 if name in GAPS else 4.5, elinewidth=0.8, zorder=3 if name in GAPS else 2,
        )  # fmt: skip
    most = np.nanmax([1.0, *group[kind].astype(float)])
    axes.set_xlim(0, 1.08 * most)
    axes.axvline(1, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xlabel(KINDS[kind])
    axes.set_ylabel(f"{metric_words(group.metric.iloc[0])} (points)" if kind == FIRST else "")
    axes.grid(axis="y", visible=False)


def name_marks(axes: Axes, group: pd.DataFrame, kind: str) -> None:
    """Name the marks right of the last panel."""
    if kind == LAST:
        edge = axes.get_xlim()[1]
        scores = {name: 100 * group[group.method == name].score.iloc[0] for name in in_method_order(group)}
        label_right(axes, {name: (edge, score) for name, score in scores.items()}, AXES_HEIGHT)


def sparse_costs_table(means: pd.DataFrame) -> Sheet:
    """A row an arm, from `cost_means`."""
    shown = in_setup_order(
        means.assign(milder=-means.budget_asked).sort_values(["pattern", "allocation", "milder"], kind="stable")
    )
    rows = []
    for _, group in shown.groupby(
        ["dataset", "backbone", "setup", "pattern", "allocation", "budget_asked"], sort=False
    ):
        for method in in_method_order(group):
            for row in group[group.method == method].to_dict("records"):
                name = label(method) + ("" if row["variant"] == DEFAULT else f", {row['variant']}")
                speed = row["steps"] / row["steps_in_line"] if row["steps_in_line"] else np.nan
                texts = (
                    task_words(row), how_words(row), removed(row["budget_asked"]), name, points(row["score"]),
                    points(row["sparsity"]), *(number(row[kind]) for kind in SHARES[1:5]), number(row["steps"], 0),
                    number(row["steps_in_line"], 0), number(speed), number(row["cpu_seconds"], 1),
                    *(kilobytes(row[f"bytes_{form}"]) for form in ("dense", "masked", "packed")), str(row["n"]),
                )  # fmt: skip
                rows.append(tuple(map(Cell, texts)))
    head = (
        "net", "setting", "removed", "method", "score", "parameters removed (%)", "inference MACs", "training MACs",
        "selection MACs", "peak live parameters", "steps", "steps in line", "steps over steps in line", "CPU s", "dense kB",
        "masked kB", "packed kB", "n",
    )  # fmt: skip
    caption = (
        "Means over seeds of each arm at its chosen learning-rate handling. Parameters removed counts layers that stay dense. "
        "Inference MACs and peak live parameters are of the dense net's, MACs of training and selection of the dense training's "
        "in the same setting; all are theoretical, as masked weights are simulated. Steps over steps in line: the most that side "
        "by side training can save (P-GaP alone). CPU seconds count P-GaP's workers, and are left out where machine classes "
        "differ. Checkpoints: all weights, weights and a boolean mask, non-zero values and a packed mask (kB are 1000 bytes)."
    )
    return Sheet("sparse_costs", "Cost of sparse training", caption, head, tuple(rows), means, together=3)


def kilobytes(value: float) -> str:
    return number(value / 1000, 1)
