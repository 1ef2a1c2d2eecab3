"""When each layer is dense in sparse training: heat maps of layer by step with the loss below, and densities at the end."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from maskbank.report.sparse_words import (
    how_words,
    in_method_order,
    in_setup_order,
    layer_order,
    removed,
    task_words,
)
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label
from maskbank.statistics.sparse_curves import PARALLEL

SHOWN = ("c_gap", PARALLEL, "gmp", "ac_dc", "imp", "prune_from_dense", "rigl")  # those whose masks move, in this order
MOST = 4
NO_TIMELINE, NO_DENSITY = "no sparse training has a curve of densities", "no sparse net has the density of a layer"
COLOURS, NORM = "BuPu", PowerNorm(0.5, 0, 1)
MOST_NAMES = 40  # layers, above which names are left out


def timeline_rows(course: pd.DataFrame) -> pd.DataFrame:
    """Of the first data set and backbone (images before others): up to MOST trainings whose masks move."""
    drawn = in_setup_order(course[course.kind.isin(["density", "loss", "partition"])])
    known = set(drawn[drawn.kind == "density"].method)
    chosen = [name for name in SHOWN if name in known][:MOST]
    moving = drawn[drawn.method.isin(chosen)]
    order = moving.assign(generated=moving.dataset.str.startswith("synthetic")).sort_values("generated", kind="stable")
    if order.empty:
        return moving
    first = order.iloc[0]
    return moving[
        (moving.dataset == first.dataset) & (moving.backbone == first.backbone) & (moving.setup == first.setup)
    ]


def timeline_figure(course: pd.DataFrame) -> Drawing:
    """From `course`: a column a method, density of layer by step above, training loss below; P-GaP a heat map a worker."""
    data = timeline_rows(course)
    names = [name for name in SHOWN if name in set(data[data.kind == "density"].method)]
    layers = layer_order(data[data.kind == "density"].name)
    height = float(np.clip(0.13 * len(layers), 1.1, 4.0))
    with house_style():
        figure = Figure(
            figsize=(max(2.3 * len(names) + 1.6, 5.0), height + 2.3 if names else 2.6), layout="constrained"
        )
        if not names:
            empty_panel(figure, NO_TIMELINE)
        else:
            first = data.iloc[0]
            title = f"{task_words(first)}: {how_words(first)}, {removed(first.budget_asked)} removed, seed {first.seed}"
            figure.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
            columns(figure, data, names, layers)
    caption = (
        "Density of each prunable layer while training (colour, layers in the order of their names) over the steps in line, and "
        "the training loss below: one training a method, a view and no measurement. Numbers above C-GaP: which of its partitions "
        "is dense. P-GaP: the workers of each round train side by side, a heat map a worker, before the combined net is "
        "fine-tuned; its losses are the workers'."
    )
    alt = "Heat maps of layer density over training steps with the training loss below, a column a method."
    return Drawing("sparse_timeline", "Schedules: which layers are dense when", caption, alt, data, figure)


def columns(figure: Figure, data: pd.DataFrame, names: list[str], layers: list[str]) -> None:
    losses = data[data.kind == "loss"].value
    *parts, scale = figure.subfigures(
        1, len(names) + 1, squeeze=False, width_ratios=[1.4, *[1] * (len(names) - 1), 0.3]
    )[0]
    for place, (part, name) in enumerate(zip(parts, names, strict=True)):
        own = data[data.method == name]
        density = own[own.kind == "density"]
        workers = sorted(set(density.worker[density.worker >= 0])) or [-1.0]
        *maps, below = stacked(part, len(workers))
        for axes, worker in zip(maps, workers, strict=True):
            heat_map(axes, density[density.worker.isin([worker, -1.0])], layers)
            named = place == 0 and len(layers) <= MOST_NAMES
            axes.set_yticks(range(len(layers)) if named else [], layers if named else [])
            axes.tick_params(axis="y", labelsize=5.5, length=0)
            if worker >= 0:
                axes.set_ylabel(f"worker {worker:g}", fontsize=7)
        alone = name == PARALLEL and workers == [-1.0]
        maps[0].set_title(label(name) + (" (workers missing)" if alone else ""), fontsize=9, pad=11)
        for row in own[own.kind == "partition"].to_dict("records"):
            middle = (row["start"] + row["end"]) / 2
            maps[0].annotate(
                f"{row['value']:g}", (middle, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=6
            )
        loss_panel(below, own, name)
        if len(losses):
            below.set_ylim(0.9 * losses.min(), 1.1 * losses.max())
        if place == 0:
            below.set_ylabel("training loss", fontsize=8)
    bar = scale.colorbar(ScalarMappable(NORM, COLOURS), cax=scale.subplots(), ticks=[0, 0.1, 0.5, 1])
    bar.set_label("density", fontsize=8)
    bar.ax.tick_params(labelsize=7)


def stacked(part: SubFigure, maps: int) -> list[Axes]:
    """Heat maps of equal height with the loss below, all on one axis of steps."""
    grid = part.subplots(maps + 1, 1, squeeze=False, sharex=True, height_ratios=[*[3 / maps] * maps, 1])[:, 0]
    return list(grid)


def heat_map(axes: Axes, density: pd.DataFrame, layers: list[str]) -> None:
    """Spans as rectangles: step by layer."""
    total = float(density.steps_in_line.iloc[0])
    edges = np.unique(np.concatenate([[0.0, total], density.start.to_numpy(float), density.end.to_numpy(float)]))
    values = np.full((len(layers), len(edges) - 1), np.nan)
    for row in density.to_dict("records"):
        inside = slice(*np.searchsorted(edges, [row["start"], row["end"]]))
        values[layers.index(row["name"]), inside] = row["value"]
    axes.pcolormesh(edges, np.arange(len(layers) + 1) - 0.5, values, cmap=COLOURS, norm=NORM, rasterized=True)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlim(0, total)
    axes.grid(visible=False)


def loss_panel(axes: Axes, rows: pd.DataFrame, method: str) -> None:
    """One line a cell: of P-GaP the workers and the fine-tune."""
    for _, own in rows[rows.kind == "loss"].sort_values("start").groupby(["round", "worker"], sort=True):
        axes.plot(own.start, own.value, color=colour(method), linewidth=1, marker=".", markersize=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("steps in line", fontsize=8)


def density_figure(ends: pd.DataFrame) -> Drawing:
    """From `end_densities`: a panel a data set, backbone, pattern and allocation, layer by method."""
    shown = in_setup_order(ends[ends.role != "reference"])
    groups = [
        group for _, group in shown.groupby(["dataset", "backbone", "setup", "pattern", "allocation"], sort=False)
    ]
    with house_style():
        figure = Figure(figsize=figure_size(groups), layout="constrained")
        if not groups:
            empty_panel(figure, NO_DENSITY)
        else:
            rows = [0.13 * group.layer.nunique() + 1.0 for group in groups]
            panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=rows)[:, 0]
            for axes, group in zip(panels, groups, strict=True):
                density_panel(axes, group)
            figure.colorbar(
                ScalarMappable(NORM, COLOURS), ax=list(panels), ticks=[0, 0.1, 0.5, 1], label="density", aspect=40
            )
    caption = (
        "Density of each prunable layer after training, mean over seeds, in percent; one column a method. Under allocation "
        "uniform all layers have the same density by rule. Layers that stay dense are not shown."
    )
    alt = "Heat maps of final density, layer by method of sparse training."
    return Drawing("sparse_density", "Density of layers after sparse training", caption, alt, ends, figure)


def figure_size(groups: list[pd.DataFrame]) -> tuple[float, float]:
    methods = max((group.method.nunique() for group in groups), default=1)
    height = sum(0.13 * group.layer.nunique() + 1.0 for group in groups)
    return max(0.52 * methods + 2.6, 5.0), float(np.clip(height, 2.6, 40))


def density_panel(axes: Axes, group: pd.DataFrame) -> None:
    names, layers = in_method_order(group), layer_order(group.layer)
    table = group.pivot_table(index="layer", columns="method", values="density").reindex(index=layers, columns=names)
    values = table.to_numpy(float)
    axes.pcolormesh(values, cmap=COLOURS, norm=NORM, rasterized=True)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and len(layers) <= MOST_NAMES:
            ink = "white" if NORM(value) > 0.6 else "black"
            axes.text(column + 0.5, row + 0.5, f"{100 * value:.3g}", ha="center", va="center", fontsize=5, color=ink)
    axes.set_ylim(len(layers), 0)
    axes.set_xticks(np.arange(len(names)) + 0.5, [label(name) for name in names], rotation=30, ha="right", fontsize=7)
    axes.set_yticks(np.arange(len(layers)) + 0.5, layers, fontsize=5.5)
    first = group.iloc[0]
    axes.set_title(
        f"{task_words(first)}: {how_words(first)}, {removed(first.budget_asked)} removed", loc="left", fontsize=8
    )
    axes.grid(visible=False)
