"""What structured pruning leaves of accuracy, alone and under attack: a figure and a table."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from maskbank.records.schema import NONE
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label, marker, pattern_label
from maskbank.report.tables import DAGGER, Cell, Sheet, number_range, points
from maskbank.statistics.kept import SETTING, attack_order

NO_STRUCTURED = "no cell of structured pruning has an accuracy"
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
    lines = list(shown.groupby(SETTING, sort=True))
    attacks = sorted(set(shown.attack), key=attack_order)
    with house_style():
        size = (2.2 * max(len(attacks), 2) + 0.6, 2.35 * max(len(lines), 1) + 0.35)
        figure = Figure(figsize=size, layout="constrained")
        if not lines:
            empty_panel(figure, NO_STRUCTURED)
        else:
            draw_panels(figure, lines, attacks)
    n = number_range(shown.n)
    caption = (
        f"Accuracy after structured pruning without fine-tuning, without attack and under each attack (L-infinity, eps "
        f"in pixels of 0 to 1, steps and restarts in the parameters) on the pruned net itself; n = {n} pretraining "
        "seeds. Points: means; bars: ± one sample sd over seeds, not an interval of the mean. At 0 %: the dense control. "
        "Points are set apart a little where methods share a budget. No test is drawn: the claims hold what is tested, "
        "and below 6 seeds nothing is."
    )
    alt = "Line plots of accuracy against the fraction removed, one line a method, a column an attack."
    return Drawing("robustness", "Robustness of structured pruning", caption, alt, data, figure)


def draw_panels(figure: Figure, lines: list[tuple[Any, pd.DataFrame]], attacks: list[str]) -> None:
    """Panels of a line share the scale of their y axis; one legend for all, below them."""
    ratios = [1.0] * len(lines) + [0.16]
    *parts, last = figure.subfigures(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
    handles: dict[Any, Any] = {}
    for part, (_, group) in zip(parts, lines, strict=True):
        row = part.subplots(1, len(attacks), squeeze=False, sharey="row")[0]
        part.suptitle(setting_label(group.iloc[0].to_dict()), x=0.01, ha="left", fontsize=9, fontweight="bold")
        for axes, attack in zip(row, attacks, strict=True):
            here = group[group.attack == attack]
            if here.empty:
                axes.text(0.5, 0.5, "not attacked", transform=axes.transAxes, ha="center", va="center", color="#555555")
            robustness_panel(axes, here, OF_WHAT[group.budget_kind.iloc[0]])
            axes.set_title(attack_label(attack))
            handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        row[0].set_ylabel("accuracy (points)")
        row[0].set_ylim(bottom=0)
    last.legend(handles.values(), handles.keys(), loc="center", ncols=min(len(handles), 6))


def robustness_panel(axes: Axes, group: pd.DataFrame, what: str) -> None:
    """One line a method from the dense control at 0; PAODING above the others."""
    methods = sorted(set(group.method))
    for place, (method, rows) in enumerate(group.groupby("method", sort=True)):
        name, own = str(method), rows.sort_values("removed")
        start = own[["dense", "dense_sd"]].iloc[:1].dropna(subset="dense").assign(removed=0.0)
        start = start.rename(columns={"dense": "value", "dense_sd": "sd"})
        own = own.assign(removed=own.removed + 0.006 * (place - (len(methods) - 1) / 2))
        line = pd.concat([start, own[["removed", "value", "sd"]]])
        axes.plot(line.removed, 100 * line.value, color=colour(name), zorder=3 if name == "paoding" else 2)
        axes.errorbar(
            own.removed, 100 * own.value, yerr=100 * own.sd.fillna(0), linestyle="none", marker=marker(name), markersize=4,
            capsize=2, elinewidth=0.9, color=colour(name), label=label(name), zorder=3 if name == "paoding" else 2,
        )  # fmt: skip
    control = group[group.dense.notna()].head(1)
    if len(control):
        axes.errorbar(
            [0], 100 * control.dense, yerr=100 * control.dense_sd.fillna(0), linestyle="none", marker=marker("dense"),
            markersize=5, capsize=2, color=colour("dense"), label="dense control", zorder=4,
        )  # fmt: skip
    axes.set_xlim(-0.04, max(0.7, group.removed.max() + 0.04 if len(group) else 0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
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
            best = group.groupby("budget_asked").value.max()
            for method, own in group.groupby("method", sort=True):
                first = own.iloc[0]
                net = f"{backbone}, {label(recipe)}" + ("" if bn == NONE else f", BN {bn}")
                cells = [Cell(text) for text in (net, pattern_label(*how), attack_label(attack), label(str(method)))]
                cells.append(Cell("–" if pd.isna(first.dense) else f"{points(first.dense)} ± {points(first.dense_sd)}"))
                for budget in budgets:
                    here = own[own.budget_asked == budget]
                    cells.append(robustness_cell(here.iloc[0], best.get(budget)) if len(here) else Cell(""))
                rows.append((*cells, Cell(number_range(own.n))))
    head = ("net", "pattern", "attack", "method", "dense", *(f"keep {budget:g}" for budget in budgets), "n")
    caption = (
        "Points of the test set still right after structured pruning without fine-tuning, each attack on the pruned net "
        "itself: mean ± sample sd over pretraining seeds, and in brackets the share kept, that is the mean over seeds of "
        "the ratio to the dense control under the same attack. n counts seeds. Bold: highest mean of a net, pattern, "
        f"attack and budget, which is not a test. {DAGGER}: the budget achieved misses the one asked by more than 0.5 %. "
        "✗: cells that did not end ok."
    )
    return Sheet("robustness", "Robustness of structured pruning", caption, head, tuple(rows), data)


def robustness_cell(row: pd.Series, best: float | None) -> Cell:
    share = "–" if pd.isna(row.kept) else f"{100 * row.kept:.0f} %"
    share += f", n {row.kept_n}" if 0 < row.kept_n < row.n else ""
    text = f"{points(row.value)} ± {points(row.sd)} ({share})"
    text += f" {DAGGER}" if row.off_budget else ""
    text += f" ✗{row.failed}" if row.failed else ""
    return Cell(text, best is not None and row.value == best)
