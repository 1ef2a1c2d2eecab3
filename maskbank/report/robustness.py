"""Structured pruning and its attacks as a reader sees them."""

from typing import Any

from maskbank.records.schema import NONE
from maskbank.report.style import label, pattern_label
from maskbank.statistics.kept import attack_order

HOW = ["pattern", "budget_kind", "allocation", "schedule", "reconstruct"]


def attack_label(attack: str) -> str:
    """An attack as a reader sees it: "pgd eps 0.03" is PGD, eps 0.03."""
    name, eps = attack_order(attack)
    return "no attack" if attack == NONE else f"{name.upper()}, eps {eps:g}"


def setting_label(row: dict[Any, Any]) -> str:
    """The model, and what was removed from it and how."""
    how = pattern_label(*(row[key] for key in HOW))
    bn = {NONE: "", "kept": ", BN kept"}.get(row["bn"], ", BN re-estimated")
    return f"{row['backbone']}, {label(row['recipe'])}: {how}{bn}"
