"""Which layers are dense when in sparse training: a column a method, density of layer by step above, training loss below."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import SubFigure

from maskbank.report.facets import fitted
from maskbank.report.marks import DENSITY, DENSITY_TICKS, curve, logarithmic, spans
from maskbank.report.order import in_setup_order, layer_order
from maskbank.report.run import Run
from maskbank.report.style import colour, label
from maskbank.report.venues import Venue
from maskbank.report.words import focus_words
from maskbank.statistics.sparse_arms import PARALLEL

ORDER = 190
TITLE = "Schedules: which layers are dense when"
CAPTION = (
    "Density of layers over sequential steps (colour) and training loss: n = 1 training a method; no interval, no test."
)
NOTES = (
    "Layers are in the order of their names. Numbers above C-GaP: which of its partitions "
    "is dense. P-GaP: the workers of each round train side by side, a heat map a worker, before the combined model is "
    "fine-tuned; its losses are the workers'."
)
ALT = "Heat maps of layer density over training steps with the training loss below, a column a method."
SHOWN = ("c_gap", PARALLEL, "gmp", "ac_dc", "imp", "prune_from_dense", "rigl")  # those whose masks move, in this order
MOST, MOST_NAMES = 4, 40  # methods; layers, above which names are left out
COLUMN, SCALE = 1.7, 0.75  # inches of a method, and of the scale of colours


def read(run: Run) -> pd.DataFrame:
    """Of the first data set and backbone (images before others): up to MOST trainings whose masks move."""
    course = run.sparse.course
    drawn = in_setup_order(course[course.kind.isin(["density", "loss", "partition"])])
    moving = drawn[drawn.method.isin(names_in(drawn)[:MOST])]
    order = moving.assign(generated=moving.dataset.str.startswith("synthetic")).sort_values("generated", kind="stable")
    keys = ["dataset", "backbone", "setup"]
    moving = moving[(moving[keys] == order[keys].iloc[0]).all(axis=1)] if len(order) else moving
    return moving if names_in(moving) else moving[:0]


def names_in(rows: pd.DataFrame) -> list[str]:
    known = set(rows[rows.kind == "density"].method)
    return [name for name in SHOWN if name in known]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    names, layers = names_in(data), layer_order(data[data.kind == "density"].name)
    across = venue.across(len(names), COLUMN, MOST)
    rows = -(-len(names) // across)
    height = float(np.clip(0.13 * len(layers), 1.1, 4.0)) + 2.0
    wide = venue.wide(2.3 * across + 1.6)
    figure = Canvas(figsize=(wide, rows * height + 0.3), layout="constrained")
    title = f"{focus_words(data)}, seed {data.seed.iloc[0]}"
    figure.suptitle(fitted(title, wide - 0.2, "bold"), x=0.01, ha="left")
    widths = [1.4, *[1] * (across - 1), (across + 0.4) * SCALE / (wide - SCALE)]
    parts = figure.subfigures(rows, across + 1, squeeze=False, width_ratios=widths)
    for row, (*places, scale) in enumerate(parts):
        for place, (part, name) in enumerate(zip(places, names[row * across :], strict=False)):
            column(part, data, name, layers, first=place == 0)
        scale.colorbar(ScalarMappable(*DENSITY), cax=scale.subplots(), ticks=DENSITY_TICKS, label="density")
    return figure


def column(part: SubFigure, data: pd.DataFrame, method: str, layers: list[str], first: bool) -> None:
    """Timelines of a method, one a worker, with its loss below; layers are named in the first column."""
    losses, own = data[data.kind == "loss"].value, data[data.method == method]
    density = own[own.kind == "density"]
    workers = sorted(set(density.worker[density.worker >= 0])) or [-1.0]
    ratios = [*[3 / len(workers)] * len(workers), 1]
    grid = part.subplots(len(workers) + 1, 1, squeeze=False, sharex=True, height_ratios=ratios)
    *maps, below = grid[:, 0]
    named = layers if first and len(layers) <= MOST_NAMES else []
    for axes, worker in zip(maps, workers, strict=True):
        spans(
            axes,
            density[density.worker.isin([worker, -1.0])],
            layers,
            float(density.sequential_steps.iloc[0]),
            *DENSITY,
        )
        axes.set_yticks(range(len(named)), named)
        axes.tick_params(axis="y", labelsize="x-small", length=0)
        axes.set_ylabel(f"worker {worker:g}" if worker >= 0 else "", fontsize="small")
    alone = method == PARALLEL and workers == [-1.0]
    maps[0].set_title(label(method) + (" (workers missing)" if alone else ""), pad=11)
    for row in own[own.kind == "partition"].to_dict("records"):
        at = (row["start"] + row["end"]) / 2, 1.01
        maps[0].annotate(f"{row['value']:g}", at, xycoords=("data", "axes fraction"), ha="center", fontsize="x-small")
    loss_panel(below, own, method)
    if len(losses):
        below.set_ylim(0.9 * losses.min(), 1.1 * losses.max())
    below.set_ylabel("training loss" if first else "")


def loss_panel(axes: Axes, rows: pd.DataFrame, method: str) -> None:
    """One line a cell: of P-GaP the workers and the fine-tune."""
    look = {"color": colour(method), "linewidth": 1, "marker": ".", "markersize": 2}
    for _, own in rows[rows.kind == "loss"].sort_values("start").groupby(["round", "worker"], sort=True):
        curve(axes, own.start, own.value, look)
    logarithmic(axes)
    axes.set_xlabel("sequential steps")
