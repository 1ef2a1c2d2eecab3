"""In which order recipes, models, settings, methods and layers are shown, the same everywhere."""

import re
from collections.abc import Iterable

import pandas as pd

from maskbank.report.panels import ROLES
from maskbank.report.style import LOOKS, label
from maskbank.report.words import FORM_WORDS, SPARSE_USUAL, STOP_WORDS
from maskbank.statistics.models import ADAM
from maskbank.statistics.sparse_arms import GAPS, SETUPS

SNT = "snt"
FIRST = (ADAM, SNT)  # recipes that the page is about; drawn above the others


def in_recipe_order(names: Iterable[str]) -> list[str]:
    """Adam, SNT, then those with a colour of their own, then others by name."""
    known = [*FIRST, *LOOKS]
    return sorted(set(names), key=lambda name: (known.index(name) if name in known else len(known), name))


def in_model_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set, backbone, stop (equal steps first), form and BN handling; otherwise in the order they had."""
    orders = {"stop": [*STOP_WORDS], "form": [*FORM_WORDS], "bn": ["reestimated", "kept"]}
    keys = [name for name in ("dataset", "backbone", "stop", "form", "bn") if name in frame]
    ranks = pd.DataFrame({
        name: [orders[name].index(value) if value in orders[name] else -1 for value in frame[name]]
        if name in orders else frame[name].astype(str)
        for name in keys
    }, index=frame.index)  # fmt: skip
    return frame.loc[ranks.sort_values(keys, kind="stable").index] if len(frame) else frame


def in_setup_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set, backbone, setup (equal steps first), pattern and allocation (usual ones first); stable otherwise."""
    keys = frame[["dataset", "backbone"]].assign(
        place=frame.setup.map(lambda name: SETUPS.index(name) if name in SETUPS else len(SETUPS)).astype(float),
        **{
            name: frame[name].map(lambda value: (value not in SPARSE_USUAL, value))
            for name in ("pattern", "allocation")
        },
    )
    return frame.loc[keys.sort_values([*keys], kind="stable").index]


def in_method_order(rows: pd.DataFrame) -> list[str]:
    """GaP first, then by role, then by name as shown; the dense reference last."""
    pairs = set(zip(rows.method, rows.role, strict=True))
    order = sorted(pairs, key=lambda pair: (pair[0] not in GAPS, ROLES.index(pair[1]), label(pair[0]).lower()))
    return list(dict.fromkeys(method for method, _ in order))


def layer_order(names: Iterable[str]) -> list[str]:
    """Names of layers with their numbers in order of size: layer2 before layer10."""
    return sorted(
        set(names), key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    )
