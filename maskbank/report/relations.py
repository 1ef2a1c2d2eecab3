"""What similarity is related to, in words."""

from typing import Any

import pandas as pd

from maskbank.report.style import label
from maskbank.statistics.correlation import ABOVE_CHANCE, BY_LAYER, OVERLAP

SIMILARITY_WORDS = {
    "similarity_leep": "LEEP",
    "similarity_prototypes": "prototypes",
    "similarity_label_free": "label-free",
    "overlap": "mask overlap",
}


def similarity_word(name: str) -> str:
    return SIMILARITY_WORDS.get(name, name.replace("_", " "))


def outcome_word(name: str) -> str:
    """A column of `relation_table` as a reader sees it."""
    kind, _, rest = name.partition("@")
    words = {OVERLAP: "overlap", ABOVE_CHANCE: "overlap above chance", BY_LAYER: f"overlap in {rest}"}
    return words.get(kind) or f"accuracy at T = {rest}"


def relation_words(labels: Any) -> str:
    """The labels RELATION in one line; the recipe is left out where it is the plain one."""
    dataset, backbone, recipe, bank = map(str, labels)
    return f"{dataset}, {backbone}{'' if recipe == 'adam' else f' ({label(recipe)})'}, bank {bank}"


def correlation_text(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.2f}".replace("-", "−")


def interval_text(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{correlation_text(low)} to {correlation_text(high)}"
