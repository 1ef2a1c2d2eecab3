"""What structured pruning leaves of accuracy, alone and under attack: a figure and a table."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from maskbank.records.schema import NONE
from maskbank.report.frames import Line, panel_lines
from maskbank.report.style import Drawing, colour, label, marker, pattern_label
from maskbank.report.tables import MARKED, Cell, Sheet, bold, marks
from maskbank.report.venues import Venue
from maskbank.report.words import number_range, points
from maskbank.statistics.kept import SETTING, attack_order

HOW = ["pattern", "budget_kind", "allocation", "schedule", "reconstruct"]
OF_WHAT = {"units": "units", "params": "parameters", "macs": "MACs", "bytes": "bytes", "peak": "peak memory"}


def attack_label(attack: str) -> str:
    """An attack as a reader sees it: "pgd eps 0.03" is PGD, eps 0.03."""
    name, eps = attack_order(attack)
    return "no attack" if attack == NONE else f"{name.upper()}, eps {eps:g}"


def setting_label(row: dict[Any, Any]) -> str:
    """The net, and what was removed from it and how."""
    how = pattern_label(*(row[key] for key in HOW))
    bn = {NONE: "", "kept": ", BN kept"}.get(row["bn"], ", BN re-estimated")
    return f"{row['backbone']}, {label(row['recipe'])}: {how}{bn}"


def robustness_figure(data: pd.DataFrame) -> Drawing:
    """Accuracy against the fraction removed, from `structured_means`: a row a net and setting, a column an attack."""
    shown = data[data.value.notna()]
    attacks = sorted(set(shown.attack), key=attack_order)

    def draw(venue: Venue) -> Figure:
        lines = [
            Line(
                setting_label(group.iloc[0].to_dict()),
                [(attack_label(attack), (group[group.attack == attack], group)) for attack in attacks],
                2.1,
            )
            for _, group in shown.groupby(SETTING, sort=True)
        ]
        return panel_lines(
            venue, lines, lambda axes, given: robustness_panel(axes, *given), width=2.05, key=method_key(shown),
            ylabel="accuracy (points)",
        )  # fmt: skip

    caption = (
        f"Accuracy after structured pruning, alone and under attack; means over n = {number_range(shown.n)} pretraining seeds, "
        "bars ± one sd, no interval; no test."
    )
    notes = (
        "Nothing is fine-tuned. Each attack (L-infinity, eps in pixels of 0 to 1, steps and restarts in the parameters) is on "
        "the pruned net itself. Bars: ± one sample sd over seeds. At 0 %: the dense control. "
        "Points are set apart a little where methods share a budget. The claims hold what is tested, "
        "and below 6 seeds nothing is."
    )
    alt = "Line plots of accuracy against the fraction removed, one line a method, a column an attack."
    return Drawing("robustness", "Robustness of structured pruning", caption, notes, alt, shown, draw)


def method_key(shown: pd.DataFrame) -> list[tuple[str, Line2D]]:
    names = [(label(name), name) for name in sorted(set(shown.method))]
    names += [("dense control", "dense")] if shown.dense.notna().any() else []
    return [(words, Line2D([], [], color=colour(name), marker=marker(name))) for words, name in names]


def robustness_panel(axes: Axes, group: pd.DataFrame, line: pd.DataFrame) -> None:
    """One line a method from the dense control at 0, PAODING above the others; `line` are all rows of its line of panels."""
    what = OF_WHAT[line.budget_kind.iloc[0]]
    if group.empty:
        axes.text(0.5, 0.5, "not attacked", transform=axes.transAxes, ha="center", va="center", color="#555555")
    methods = sorted(set(group.method))
    for place, (method, rows) in enumerate(group.groupby("method", sort=True)):
        name, own = str(method), rows.sort_values("removed")
        start = own[["dense", "dense_sd"]].iloc[:1].dropna(subset="dense").assign(removed=0.0)
        start = start.rename(columns={"dense": "value", "dense_sd": "sd"})
        own = own.assign(removed=own.removed + 0.006 * (place - (len(methods) - 1) / 2))
        course = pd.concat([start, own[["removed", "value", "sd"]]])
        axes.plot(course.removed, 100 * course.value, color=colour(name), zorder=3 if name == "paoding" else 2)
        axes.errorbar(
            own.removed, 100 * own.value, yerr=100 * own.sd.fillna(0), linestyle="none", marker=marker(name), markersize=4,
            capsize=2, elinewidth=0.9, color=colour(name), zorder=3 if name == "paoding" else 2,
        )  # fmt: skip
    control = group[group.dense.notna()].head(1)
    if len(control):
        axes.errorbar(
            [0], 100 * control.dense, yerr=100 * control.dense_sd.fillna(0), linestyle="none", marker=marker("dense"),
            markersize=5, capsize=2, color=colour("dense"), zorder=4,
        )  # fmt: skip
    axes.set_xlim(-0.04, max(0.7, group.removed.max() + 0.04 if len(group) else 0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{what} removed (%)")


def robustness_table(data: pd.DataFrame) -> Sheet:
    """A row a net, setting, attack and method, one column a budget, from `structured_means`."""
    budgets = sorted(data.budget_asked.unique(), reverse=True)
    rows = []
    keys = ["backbone", "recipe", *HOW, "bn"]
    for labels, setting in data.groupby(keys, sort=True):
        backbone, recipe, *how, bn = map(str, labels)
        for attack in sorted(set(setting.attack), key=attack_order):
            group = setting[setting.attack == attack]
            for method, own in group.groupby("method", sort=True):
                first = own.iloc[0]
                net = f"{backbone}, {label(recipe)}" + ("" if bn == NONE else f", BN {bn}")
                cells = [Cell(text) for text in (net, pattern_label(*how), attack_label(attack), label(str(method)))]
                cells.append(Cell("–" if pd.isna(first.dense) else f"{points(first.dense)} ± {points(first.dense_sd)}"))
                for budget in budgets:
                    here = own[own.budget_asked == budget]
                    cells.append(robustness_cell(here.iloc[0]) if len(here) else Cell(""))
                rows.append((*cells, Cell(number_range(own.n))))
    head = ("net", "pattern", "attack", "method", "dense", *(f"keep {budget:g}" for budget in budgets), "n")
    caption = (
        "Points of the test set still right after structured pruning without fine-tuning, each attack on the pruned net "
        "itself: mean ± sample sd over pretraining seeds, and in brackets the share kept, that is the mean over seeds of "
        "the ratio to the dense control under the same attack. n counts seeds. "
        f"{bold('a net, pattern, attack and budget', 'seeds')} {MARKED}"
    )
    return Sheet("robustness", "Robustness of structured pruning", caption, head, tuple(rows), data, together=2)


def robustness_cell(row: pd.Series) -> Cell:
    share = "–" if pd.isna(row.kept) else f"{100 * row.kept:.0f} %"
    share += f", n {row.kept_n}" if 0 < row.kept_n < row.n else ""
    text = f"{points(row.value)} ± {points(row.sd)} ({share})"
    return Cell(text + marks(row), row.best)
