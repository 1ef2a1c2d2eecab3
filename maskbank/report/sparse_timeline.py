"""When each layer is dense in sparse training: heat maps of layer by step with the loss below, and densities at the end."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from maskbank.report.frames import fitted
from maskbank.report.order import in_method_order, in_setup_order, layer_order
from maskbank.report.style import Drawing, colour, label
from maskbank.report.venues import Venue
from maskbank.report.words import focus_words, number_range
from maskbank.statistics.sparse_curves import PARALLEL

SHOWN = ("c_gap", PARALLEL, "gmp", "ac_dc", "imp", "prune_from_dense", "rigl")  # those whose masks move, in this order
MOST = 4
COLOURS, NORM = "BuPu", PowerNorm(0.5, 0, 1)
MOST_NAMES = 40  # layers, above which names are left out
ROW, COLUMN, SCALE = 0.14, 1.7, 0.75  # inches of a layer, of a method in the timeline, and of its scale


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

    def draw(venue: Venue) -> Figure:
        across = venue.across(len(names), COLUMN, MOST)
        rows = -(-len(names) // across)
        height = float(np.clip(0.13 * len(layers), 1.1, 4.0)) + 2.0
        wide = venue.wide(2.3 * across + 1.6)
        figure = Figure(figsize=(wide, rows * height + 0.3), layout="constrained")
        title = f"{focus_words(data)}, seed {data.seed.iloc[0]}"
        figure.suptitle(fitted(title, wide - 0.2, "bold"), x=0.01, ha="left")
        widths = [1.4, *[1] * (across - 1), (across + 0.4) * SCALE / (wide - SCALE)]
        parts = figure.subfigures(rows, across + 1, squeeze=False, width_ratios=widths)
        for row, (*places, scale) in enumerate(parts):
            for place, (part, name) in enumerate(zip(places, names[row * across :], strict=False)):
                column(part, data, name, layers, first=place == 0)
            scale.colorbar(ScalarMappable(NORM, COLOURS), cax=scale.subplots(), ticks=[0, 0.1, 0.5, 1], label="density")
        return figure

    caption = "Density of layers over steps in line (colour) and training loss: n = 1 training a method; no interval, no test."
    notes = (
        "Layers are in the order of their names. Numbers above C-GaP: which of its partitions "
        "is dense. P-GaP: the workers of each round train side by side, a heat map a worker, before the combined net is "
        "fine-tuned; its losses are the workers'."
    )
    alt = "Heat maps of layer density over training steps with the training loss below, a column a method."
    return Drawing(
        "sparse_timeline",
        "Schedules: which layers are dense when",
        caption,
        notes,
        alt,
        data if names else data[:0],
        draw,
    )


def column(part: SubFigure, data: pd.DataFrame, method: str, layers: list[str], first: bool) -> None:
    """Heat maps of a method with its loss below; layers are named in the first column."""
    losses, own = data[data.kind == "loss"].value, data[data.method == method]
    density = own[own.kind == "density"]
    workers = sorted(set(density.worker[density.worker >= 0])) or [-1.0]
    *maps, below = stacked(part, len(workers))
    named = first and len(layers) <= MOST_NAMES
    for axes, worker in zip(maps, workers, strict=True):
        heat_map(axes, density[density.worker.isin([worker, -1.0])], layers)
        axes.set_yticks(range(len(layers)) if named else [], layers if named else [])
        axes.tick_params(axis="y", labelsize="x-small", length=0)
        if worker >= 0:
            axes.set_ylabel(f"worker {worker:g}", fontsize="small")
    alone = method == PARALLEL and workers == [-1.0]
    maps[0].set_title(label(method) + (" (workers missing)" if alone else ""), pad=11)
    for row in own[own.kind == "partition"].to_dict("records"):
        at = (row["start"] + row["end"]) / 2, 1.01
        maps[0].annotate(f"{row['value']:g}", at, xycoords=("data", "axes fraction"), ha="center", fontsize="x-small")
    loss_panel(below, own, method)
    if len(losses):
        below.set_ylim(0.9 * losses.min(), 1.1 * losses.max())
    below.set_ylabel("training loss" if first else "")


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
    axes.set_xlabel("steps in line")


def density_figure(ends: pd.DataFrame) -> Drawing:
    """From `end_densities`: a panel a data set, backbone, pattern and allocation, layer by method."""
    shown = in_setup_order(ends[ends.role != "reference"])
    groups = [
        group for _, group in shown.groupby(["dataset", "backbone", "setup", "pattern", "allocation"], sort=False)
    ]

    def draw(venue: Venue) -> Figure:
        wide = venue.wide(0.52 * max(group.method.nunique() for group in groups) + 2.6)
        rows = [ROW * group.layer.nunique() + 1.0 for group in groups]
        figure = Figure(figsize=(wide, max(sum(rows), 2.6)), layout="constrained")
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=rows)[:, 0]
        for axes, group in zip(panels, groups, strict=True):
            density_panel(axes, group)
            axes.set_title(fitted(focus_words(group), wide - 1.5), loc="left")
        scale = ScalarMappable(NORM, COLOURS)
        figure.colorbar(scale, ax=list(panels), ticks=[0, 0.1, 0.5, 1], label="density", aspect=40)
        return figure

    caption = (
        f"Density of each prunable layer after training, in percent; means over n = {number_range(shown.n)} seeds; no interval, "
        "no test."
    )
    notes = (
        "One column a method. Under allocation "
        "uniform all layers have the same density by rule. Layers that stay dense are not shown."
    )
    alt = "Heat maps of final density, layer by method of sparse training."
    return Drawing("sparse_density", "Density of layers after sparse training", caption, notes, alt, shown, draw)


def density_panel(axes: Axes, group: pd.DataFrame) -> None:
    names, layers = in_method_order(group), layer_order(group.layer)
    table = group.pivot_table(index="layer", columns="method", values="density").reindex(index=layers, columns=names)
    values = table.to_numpy(float)
    axes.pcolormesh(values, cmap=COLOURS, norm=NORM, rasterized=True)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value) and len(layers) <= MOST_NAMES:
            ink = "white" if NORM(value) > 0.6 else "black"
            axes.text(
                column + 0.5, row + 0.5, f"{100 * value:.3g}", ha="center", va="center", fontsize="x-small", color=ink
            )
    axes.set_ylim(len(layers), 0)
    axes.set_xticks(np.arange(len(names)) + 0.5, [label(name) for name in names], rotation=30, ha="right")
    axes.set_yticks(np.arange(len(layers)) + 0.5, layers, fontsize="x-small")
    axes.grid(visible=False)
