"""Recipes, settings and measures as a reader sees them, in the same order everywhere."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.style import LOOKS, label
from maskbank.report.tables import points
from maskbank.statistics.contrast import INCOMPLETE
from maskbank.statistics.nets import ADAM

Row = Mapping[Any, Any] | pd.Series
SNT = "snt"
FIRST = (ADAM, SNT)  # recipes that the page is about; drawn above the others
KIND_WORDS = {
    "dense": "before compression", "unstructured": "unstructured pruning", "n:m": "N:M pruning", "blocks": "block pruning",
    "units": "structured pruning", "weights": "weights quantized", "activations": "weights and activations quantized",
}  # fmt: skip
STOP_WORDS = {"steps": "equal steps", "loss": "matched training loss"}
FORM_WORDS = {"trained": "as trained", "folded": "folded"}
BN_WORDS = {"kept": "BN kept", "reestimated": "BN re-estimated"}
MEASURE_WORDS = {
    "hessian_top": "largest eigenvalue",
    "hessian_trace": "trace",
    "sharpness_adaptive": "adaptive sharpness",
}
UNDERPOWERED, NOT_WHOLE = "underpowered", "incomplete, not tested"
NOT_SHOWN = "no difference shown"


def in_recipe_order(names: Iterable[str]) -> list[str]:
    """Adam, SNT, then those with a colour of their own, then others by name."""
    known = [*FIRST, *LOOKS]
    return sorted(set(names), key=lambda name: (known.index(name) if name in known else len(known), name))


def in_net_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set, backbone, stop (equal steps first), form and BN handling; otherwise in the order they had."""
    orders = {"stop": [*STOP_WORDS], "form": [*FORM_WORDS], "bn": ["reestimated", "kept"]}
    keys = [name for name in ("dataset", "backbone", "stop", "form", "bn") if name in frame]
    ranks = pd.DataFrame({
        name: [orders[name].index(value) if value in orders[name] else -1 for value in frame[name]]
        if name in orders else frame[name].astype(str)
        for name in keys
    }, index=frame.index)  # fmt: skip
    return frame.loc[ranks.sort_values(keys, kind="stable").index] if len(frame) else frame


def net_words(row: Row, *, dataset: bool = False) -> str:
    """Data set where asked, backbone, stop, form and BN handling; what does not apply is left out."""
    words = [str(row["dataset"]).replace("_", " ")] if dataset else []
    words.append(str(row["backbone"]))
    for key, known in (("stop", STOP_WORDS), ("form", FORM_WORDS), ("bn", BN_WORDS)):
        value = row.get(key, NONE)
        words += [known.get(value, str(value))] if value != NONE else []
    return ", ".join(words)


def measure_words(measure: str) -> str:
    """`sharpness_adaptive rho 0.5` is adaptive sharpness, rho 0.5."""
    kind, _, setting = measure.partition(" ")
    return MEASURE_WORDS.get(kind, kind) + (f", {setting}" if setting else "")


def point_words(row: Row) -> str:
    """One point of compression: `L1 90 % removed`, `L1 2:4`, `W4`, `W4A8`."""
    if row["budget_kind"] == "bits":
        return width_words(row)
    if row["kind"] == "n:m":
        return f"{label(row['method'])} {row['pattern']}"
    what = "" if row["budget_kind"] in ("weights", "units") else f" by {row['budget_kind']}"
    return f"{label(row['method'])} {100 * (1 - row['budget_asked']):.3g} % removed{what}"


def width_words(row: Row) -> str:
    """Bits of weights and activations: W8A8; activations that stay float32 are not said."""
    return f"W{row['budget_asked']:g}" + (f"A{row['activations']}" if row["activations"] != NONE else "")


def verdict(row: Row, alpha: float, higher: str = "higher", lower: str = "lower") -> str:
    """What a contrast over seeds shows, by its numbers alone, of the recipe against Adam."""
    if row["status"] == INCOMPLETE:
        return NOT_WHOLE
    if row["status"] != "tested":
        return UNDERPOWERED
    if row["p_holm"] <= alpha and row["difference"] != 0:
        return higher if row["difference"] > 0 else lower
    if row.get("equivalent", False):
        return "equivalent"
    return NOT_SHOWN if row["can_reject"] else UNDERPOWERED


def p_text(value: float | None) -> str:
    """A p-value; – where there is none."""
    if value is None or pd.isna(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def between(row: Row, low: str = "ci_low", high: str = "ci_high") -> str:
    """An interval in points; – where there is none."""
    return "–" if pd.isna(row[low]) else f"{points(row[low], True)} to {points(row[high], True)}"


def number(value: float, digits: int = 2) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def status_words(row: Row) -> str:
    """Status, what is missing, and how many seeds were set aside."""
    count = row["set_aside"]
    aside = f"; {count} seed{'s' if count > 1 else ''} set aside" if count else ""
    return str(row["status"]) + (f": {row['missing']}" if row["missing"] else "") + aside
