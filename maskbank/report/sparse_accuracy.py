"""Accuracy of sparse training by sparsity: means over seeds of each arm, their figure, and tables of arms and of rates."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from maskbank.report.aggregate import MARKS, marked, off_budget
from maskbank.report.end_labels import label_right
from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.panels import DASHES
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.tables import DAGGER, MARKED, TIED, Cell, Sheet, bold
from maskbank.report.venues import Venue
from maskbank.report.words import how_words, metric_words, number_range, points, removed, task_words
from maskbank.statistics.effects import half_width
from maskbank.statistics.pairing import DEFAULT
from maskbank.statistics.sparse_arms import ARM, GAPS, SETTING, TASK, UNEQUAL, dense_beside, in_rate_order
from maskbank.statistics.traces import CELLS, joined

MEANS = [
    *ARM,
    "role",
    "metric",
    "schedule",
    "choice",
    "lacks",
    "n",
    "failed",
    "score",
    "sd",
    "half_width",
    "off_budget",
    *MARKS,
    CELLS,
]
ACROSS = 3
PANEL_SIZE = (3.2, 2.5)  # inches
AXES_HEIGHT = 1.75  # of a panel without title and axis
UNEQUAL_MARK = "‡"
CHOICE_WORDS = (
    "Each arm at the learning-rate handling with the best mean score on validation data, never on the test set"
)


def sparse_means(best: pd.DataFrame) -> pd.DataFrame:
    """One row an arm at its best handling, with MEANS: its test score over seeds; `best` are the rows of `at_best`."""
    found = []
    for _, arm in best.groupby([*ARM, "role"], sort=True):
        scores = arm.score.dropna()
        sd = float(scores.std(ddof=1))
        known = arm[arm.budget_achieved.notna()]
        numbers = {
            "n": len(scores), "failed": int((arm.status != "ok").sum()), "score": float(scores.mean()), "sd": sd,
            "half_width": half_width(sd, len(scores)), "off_budget": len(known) > 0 and off_budget(known),
            CELLS: joined(arm.cell_key),
        }  # fmt: skip
        found.append(arm[[name for name in MEANS if name in arm]].iloc[0].to_dict() | numbers)
    means = pd.DataFrame(found, columns=[name for name in MEANS if name not in MARKS])
    usual, column = best[best.variant == DEFAULT], [*SETTING, "budget_asked"]
    default = marked(means[means.variant == DEFAULT], usual, column, ["method"], ["seed"], "score")[MARKS]
    return means.join(default.reindex(means.index, fill_value=False))[MEANS]


def panels_of(data: pd.DataFrame) -> list[tuple[str, list[tuple[str, pd.DataFrame]]]]:
    """A group a data set and backbone, a panel a setup, pattern and allocation, the dense reference in each."""
    known = data[data.score.notna() & (data.variant == DEFAULT)]
    sparse = in_setup_order(known[known.role != "reference"])
    groups = []
    for names, task in sparse.groupby(TASK, sort=False):
        panels = []
        for _, own in task.groupby(["setup", "pattern", "allocation"], sort=False):
            dense = dense_beside(known, *map(str, names), own.setup.iloc[0])  # type: ignore[call-arg]
            panels.append((how_words(own.iloc[0]), pd.concat([own, dense])))
        groups.append((task_words(task.iloc[0]), panels))
    return groups


def sparse_figure(data: pd.DataFrame) -> Drawing:
    """From `sparse_means`: score against sparsity, one line a method, named at its end."""
    groups = panels_of(data)
    shown = data[data.score.notna()] if groups else data.iloc[:0]

    def draw(venue: Venue) -> Figure:
        lines = [
            Line(title, [(words, (own, metric_words(own.metric.iloc[0]))) for words, own in panels], PANEL_SIZE[1])
            for title, panels in groups
        ]
        return panel_lines(
            venue, lines, lambda axes, given: sparse_panel(axes, *given), width=PANEL_SIZE[0], most=ACROSS,
            finish=lambda axes, given: label_right(axes, ends_of(axes, given[0]), AXES_HEIGHT),
        )  # fmt: skip

    caption = (
        f"Test score after sparse training; points are means over n = {number_range(shown.n)} seeds, bars and bands 95 % "
        "t-intervals; no test."
    )
    notes = (
        f"Against the share of prunable weights removed. {CHOICE_WORDS}. Bold: GaP; dashed: the dense reference; "
        f"short dashes: controls; hollow: arms that were run with fewer handlings than others. Arms share seeds, so that bars "
        "that overlap do not show equality; the paired tests are in the table of contrasts."
    )
    alt = "Line plots of the test score against sparsity, one line a method of sparse training, panels by setup."
    return Drawing("sparse_training", "Sparse training: accuracy against sparsity", caption, notes, alt, shown, draw)


def sparse_panel(axes: Axes, own: pd.DataFrame, metric: str) -> None:
    """Lines over sparsity, methods set apart a little, GaP above all others."""
    dense, sparse = own[own.role == "reference"], own[own.role != "reference"]
    for row in dense.to_dict("records"):
        level, width = 100 * row["score"], 100 * np.nan_to_num(row["half_width"])
        axes.axhline(level, color=colour(row["method"]), linestyle=DASHES["reference"], linewidth=1.2)
        axes.axhspan(level - width, level + width, color=colour(row["method"]), alpha=0.07, lw=0)
    for name, shift in list(apart(sparse).items())[::-1]:
        arm, gap = sparse[sparse.method == name].sort_values("budget_asked"), name in GAPS
        x, level, width = -np.log2(arm.budget_asked) + shift, 100 * arm.score, 100 * arm.half_width.fillna(0)
        dots: dict[str, Any] = {"color": colour(name), "marker": marker(name), "markersize": 5 if gap else 3.4}
        axes.errorbar(
            x, level, yerr=width, linewidth=2.0 if gap else 0.9, elinewidth=0.7, capsize=1.2, zorder=3 if gap else 2,
            linestyle=DASHES["control"] if arm.role.iloc[0] == "control" else "-", **dots,
        )  # fmt: skip
        hollow = arm.choice == UNEQUAL
        axes.plot(
            x[hollow], level[hollow], linestyle="none", markerfacecolor="white", zorder=3.1 if gap else 2.1, **dots
        )
        if gap:
            axes.fill_between(x, level - width, level + width, color=colour(name), alpha=0.13, lw=0)
    budgets = sorted(set(sparse.budget_asked), reverse=True)
    axes.xaxis.set_major_locator(FixedLocator([-np.log2(budget) for budget in budgets]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * (1 - 2**-value):.4g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(-np.log2(max(budgets)) - 0.25, -np.log2(min(budgets)) + 0.25)
    axes.set_xlabel("weights removed (%)")
    axes.set_ylabel(f"{metric} (points)" if axes.get_subplotspec().is_first_col() else "")  # type: ignore[union-attr]


def apart(sparse: pd.DataFrame) -> dict[str, float]:
    """How far each method stands aside of its sparsity, in doublings."""
    names = in_method_order(sparse)
    return dict(zip(names, np.linspace(-0.09, 0.09, len(names)) if len(names) > 1 else [0.0], strict=True))


def ends_of(axes: Axes, own: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Where the line of each method ends, in data."""
    sparse, ends = own[own.role != "reference"], dict[str, tuple[float, float]]()
    for name, shift in list(apart(sparse).items())[::-1]:
        last = sparse[sparse.method == name].sort_values("budget_asked").iloc[0]
        ends[name] = (shift - float(np.log2(last.budget_asked)), 100 * float(last.score))
    for row in own[own.role == "reference"].to_dict("records"):
        ends[row["method"]] = (axes.get_xlim()[1], 100 * row["score"])
    return ends


def arms_table(data: pd.DataFrame) -> Sheet:
    """A row a setting and method, a column a budget, from `sparse_means`."""
    shown = in_setup_order(data)
    budgets = sorted(set(data.budget_asked), reverse=True)
    rows = []
    for _, group in shown.groupby(SETTING, sort=False):
        for method in in_method_order(group):
            for variant, own in group[group.method == method].groupby("variant", sort=True):
                name = label(method) + ("" if variant == DEFAULT else f", {variant}")
                cells = [Cell(task_words(own.iloc[0])), Cell(how_words(own.iloc[0])), Cell(name)]
                for budget in budgets:
                    here = own[own.budget_asked == budget].to_dict("records")
                    cells.append(Cell(arm_text(here[0]), here[0]["best"]) if here else Cell(""))
                rows.append((*cells, Cell(number_range(own.n))))
    head = ("net", "setting", "method", *(removed(budget) for budget in budgets), "n")
    caption = (
        "Test score in points (accuracy, or the metric named) at the share of prunable weights removed: mean ± half of the 95 % "
        f"t-interval over seeds, and the learning-rate handling. {CHOICE_WORDS}. {UNEQUAL_MARK}: run with fewer handlings than "
        f"others. {bold('a setting and sparsity', 'seeds')} Single weights and allocation uniform where not said. "
        f"{MARKED} Masked weights are simulated sparsity: no time is saved."
    )
    return Sheet("sparse_arms", "Sparse training", caption, head, tuple(rows), data, together=2)


def arm_text(row: dict[Any, Any]) -> str:
    marks = [TIED] if row["tied"] else []
    marks += [UNEQUAL_MARK] if row["choice"] == UNEQUAL else []
    marks += [DAGGER] if row["off_budget"] and row["role"] != "reference" else []
    marks += [f"✗{row['failed']}"] if row["failed"] else []
    return " ".join([f"{points(row['score'])} ± {points(row['half_width'])} ({row['schedule']})", *marks])


def rates_table(choices: pd.DataFrame) -> Sheet:
    """A row an arm, a column a handling of the learning rate, from `rate_choices`: what was tried, and what was chosen."""
    shown = in_setup_order(choices)
    rates = in_rate_order(choices.schedule)
    rows = []
    for _, group in shown.groupby([*SETTING, "budget_asked"], sort=False):
        for method in in_method_order(group):
            for variant, own in group[group.method == method].groupby("variant", sort=True):
                first = own.iloc[0]
                name = label(method) + ("" if variant == DEFAULT else f", {variant}")
                cells = [Cell(task_words(first)), Cell(how_words(first)), Cell(removed(first.budget_asked)), Cell(name)]
                for rate in rates:
                    here = own[own.schedule == rate].to_dict("records")
                    cells.append(rate_cell(here[0]) if here else Cell(""))
                lacks = f"lacks {first.lacks}: unequal trials" if first.lacks else f"{len(own)} trials"
                rows.append((*cells, Cell("1 trial" if lacks == "1 trials" else lacks)))
    head = ("net", "setting", "removed", "method", *rates, "trials")
    caption = (
        "Every handling of the learning rate that each arm was run with: mean score on validation data in points, and in "
        "brackets on the test set, over seeds. Bold: the one chosen, by validation alone; of several that differ in failed seeds "
        "those with the fewest are asked. The number of handlings is the number of trials; contrasts of arms with unequal trials "
        "are refused. ✗: cells that did not end ok."
    )
    return Sheet("sparse_rates", "Learning-rate handling of each arm", caption, head, tuple(rows), choices, together=3)


def rate_cell(row: dict[Any, Any]) -> Cell:
    text = f"{points(row['validation_score'])} ({points(row['score'])})" + (
        f" ✗{row['failed']}" if row["failed"] else ""
    )
    return Cell(text, row["choice"] != "not chosen")
