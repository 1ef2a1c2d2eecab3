"""How names look in every figure, and the settings under which figures are drawn."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

from maskbank.records.schema import NONE
from maskbank.report.venues import PAGE, Venue

# Okabe and Ito's palette, filled up from Tol's muted one: distinct to readers with any common colour blindness.
# No palette has a colour for each name; those of one colour differ in their marker.
LOOKS = {  # name -> colour, marker
    "smsp": ("#0072B2", "o"), "dense": ("#000000", "P"),
    "universal": ("#E69F00", "s"), "random": ("#8C8C8C", "X"), "random_neighbours": ("#DDCC77", "X"),
    "farthest": ("#CC6677", "v"), "nearest": ("#88CCEE", "h"), "shuffled": ("#999933", "d"),
    "magnitude_widths": ("#117733", ">"), "class_gates": ("#AA4499", "p"), "mvp": ("#332288", "*"),
    "scratch": ("#5A5A5A", "v"), "oracle": ("#CC79A7", "*"),
    "l1": ("#661100", "<"), "l2": ("#009E73", "^"), "taylor": ("#D55E00", "D"), "iterative_taylor": ("#882255", "D"),
    "bn_scale": ("#44AA99", "p"), "fpgm": ("#6699CC", "h"), "fisher": ("#DDCC77", "s"), "hessian": ("#117733", "s"),
    "snip": ("#44AA99", "<"), "grasp": ("#88CCEE", ">"), "synflow": ("#999933", "^"), "lamp": ("#332288", "d"),
    "mean_activation": ("#CC6677", "D"), "apoz": ("#AA4499", "^"), "hrank": ("#E69F00", "^"),
    "paoding": ("#332288", "o"), "paoding_shipped": ("#AA4499", "s"),
    "adam": ("#000000", "o"), "snt": ("#0072B2", "s"), "sam": ("#D55E00", "^"), "asam": ("#E69F00", "v"),
    "cram": ("#009E73", "D"), "snt_sam": ("#CC79A7", "p"), "reparam": ("#882255", "h"), "adam_long": ("#8C8C8C", ">"),
    "shallow": ("#999933", "<"), "adamw": ("#56B4E9", "d"), "sgd": ("#117733", "X"),
    "c_gap": ("#882255", "o"), "p_gap": ("#CC6677", "s"), "prune_from_dense": ("#009E73", "<"), "gmp": ("#0072B2", "^"),
    "imp": ("#DDCC77", "v"), "set": ("#E69F00", "p"), "rigl": ("#D55E00", "h"), "ac_dc": ("#332288", "X"),
    "static": ("#8C8C8C", "d"),
    "heldout": ("#0072B2", "D"), "unseen": ("#E69F00", "o"), "foreign": ("#882255", "s"),
}  # fmt: skip
OTHER_COLOURS = ("#999933", "#DDCC77", "#117733", "#88CCEE", "#CC6677")
OTHER_MARKERS = ("v", "p", "d", "h", ">", "<")
LABELS = {
    "smsp": "SMSP", "snt": "SNT", "adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "sam": "SAM", "asam": "ASAM",
    "cram": "CrAM", "snt_sam": "SNT with SAM", "reparam": "re-parametrised", "adam_long": "Adam, twice the steps",
    "shallow": "Adam, shallow model", "c_gap": "C-GaP", "p_gap": "P-GaP", "prune_from_dense": "prune from dense",
    "gmp": "GMP", "imp": "IMP", "set": "SET", "rigl": "RigL", "ac_dc": "AC/DC", "static": "static random",
    "paoding": "PAODING", "paoding_shipped": "PAODING as shipped", "global_macs": "global (per MAC)",
    "none": "as trained", "l1": "L1", "l2": "L2", "taylor": "Taylor", "iterative_taylor": "iterative Taylor",
    "random_neighbours": "random neighbours", "farthest": "farthest neighbours", "nearest": "nearest neighbour",
    "magnitude_widths": "magnitude in SMSP's widths", "shuffled": "shuffled in SMSP's widths",
    "class_gates": "class gates", "mvp": "MVP", "scratch": "SMSP's model from scratch", "oracle": "oracle (target's own mask)",
    "universal": "universal (whole bank)", "random": "random units", "bn_scale": "BN scale", "fpgm": "FPGM",
    "fisher": "Fisher", "hessian": "Hessian", "snip": "SNIP", "grasp": "GraSP", "synflow": "SynFlow", "lamp": "LAMP",
    "apoz": "APoZ", "wanda": "Wanda", "hrank": "HRank", "heldout": "held out",
}  # fmt: skip


def colour(method: str) -> str:
    """The one colour of a method, in every figure."""
    return LOOKS[method][0] if method in LOOKS else OTHER_COLOURS[zlib.crc32(method.encode()) % len(OTHER_COLOURS)]


def marker(method: str) -> str:
    return LOOKS[method][1] if method in LOOKS else OTHER_MARKERS[zlib.crc32(method.encode()) % len(OTHER_MARKERS)]


def look(name: str, **others: Any) -> dict[str, Any]:
    """Colour and marker of a name, as keywords of a line; `others` are added."""
    return {"color": colour(name), "marker": marker(name)} | others


def label(name: str) -> str:
    """A name as a reader sees it."""
    return LABELS.get(name, name.replace("_", " "))


def pattern_label(pattern: str, budget_kind: str, allocation: str, schedule: str, reconstruct: str) -> str:
    """What was pruned and how; left out where it goes without saying: global, in one shot, nothing reconstructed."""
    kinds = {"params": "by parameters", "macs": "by MACs", "bytes": "by bytes", "peak": "by peak memory"}
    words = ["" if pattern == NONE else pattern, kinds.get(budget_kind, "")]
    words += ["" if allocation in ("global", NONE) else label(allocation)]
    words += ["" if schedule in ("one_shot", NONE) else label(schedule)]
    words += ["" if reconstruct == NONE else label(reconstruct)]
    return ", ".join(word for word in words if word) or "–"


STYLE: dict[str, Any] = {  # the same at every venue; lines and ticks as in seaborn's context "paper" and style "ticks"
    **dict.fromkeys(("axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "text.color"), ".15"),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 1.0),
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width", "patch.linewidth"), 0.8),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size", "lines.markersize"), 4.8),
    "xtick.minor.size": 3.2, "ytick.minor.size": 3.2, "lines.solid_capstyle": "round", "lines.linewidth": 1.4,
    "patch.edgecolor": "w", "patch.force_edgecolor": True, "figure.titleweight": "bold", "mathtext.fontset": "stix",
    "axes.grid": True, "grid.color": "#E6E6E6", "grid.linewidth": 0.6, "axes.axisbelow": True, "axes.spines.top": False,
    "axes.spines.right": False, "legend.frameon": False, "svg.hashsalt": "maskbank", "svg.fonttype": "path",
    "pdf.fonttype": 42, "ps.fonttype": 42, "text.hinting": "no_hinting",
}  # fmt: skip


@contextmanager
def house_style(venue: Venue = PAGE) -> Iterator[None]:
    """Settings under which figures are drawn and written."""
    settings: Any = STYLE | dict(venue.sizes) | {
        "font.family": list(venue.fonts), "figure.titlesize": venue.sizes["axes.titlesize"],
        "figure.labelsize": venue.sizes["axes.labelsize"], "legend.title_fontsize": venue.sizes["legend.fontsize"],
    }  # fmt: skip
    with mpl.rc_context(settings):
        yield
