"""Tables of a report: sheets of cells to read, with their numbers."""

from dataclasses import dataclass

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.aggregate import seeded_means
from maskbank.report.style import label, pattern_label
from maskbank.report.words import number_range, points, setting_title
from maskbank.statistics.pairing import SETTING

DAGGER, TIED = "†", "≈"
MARKED = f"{DAGGER}: the budget achieved misses the one asked by more than 0.5 %. ✗: cells that did not end ok."


@dataclass(frozen=True)
class Cell:
    text: str
    best: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table to read (`head`, `rows`) and its numbers (`data`, one row a cell).

    Rows with the same first `together` cells belong together.
    """

    name: str
    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    data: pd.DataFrame
    together: int = 3


def transfer_table(data: pd.DataFrame) -> Sheet:
    """Methods against budgets, for each setting and T, from `transfer_means`."""
    budgets = sorted(data.budget_asked.unique(), reverse=True)
    rows = []
    for _, group in data.groupby([*SETTING, "steps"], sort=False):
        title, steps = setting_title(group.iloc[0].to_dict(), data), str(group.steps.iloc[0])
        for method, own in group.groupby("method", sort=True):
            cells = [Cell(text) for text in (title, steps, label(str(method)))]
            for budget in budgets:
                here = own[own.budget_asked == budget]
                cells.append(transfer_cell(here.iloc[0]) if len(here) else Cell(""))
            rows.append((*cells, Cell(number_range(own.n))))
    head = ("setting", "T", "method", *(f"keep {budget:g}" for budget in budgets), "n")
    caption = (
        "Accuracy in points after T steps: mean over splits ± half of the 95 % t-interval, and in brackets the paired "
        f"difference to the dense reference. n counts splits. {bold('the pruned methods, the oracle aside', 'splits')} {MARKED}"
    )
    return Sheet("transfer", "One-shot transfer", caption, head, tuple(rows), data, together=2)


def bold(among: str, units: str) -> str:
    """What bold and the sign of a tie mean, for a caption."""
    return (
        f"Bold: highest mean of {among}. {TIED}: the 95 % t-interval of its difference to that one, paired over {units}, holds "
        f"0; not marked where cells are missing or {units} fewer than 2. Bold and {TIED} describe and are no test."
    )


def marks(row: pd.Series) -> str:
    """What is said of a mean after its numbers."""
    found = [TIED] if row.tied else []
    found += [DAGGER] if row.off_budget else []
    found += [f"✗{row.failed}"] if row.failed else []
    return "".join(f" {mark}" for mark in found)


def transfer_cell(row: pd.Series) -> Cell:
    text = f"{points(row.accuracy)} ± {points(row.half_width)}"
    text += "" if row.role == "reference" else f" ({points(row.difference_to_dense, signed=True)})"
    return Cell(text + marks(row), row.best)


def seeded_table(records: pd.DataFrame) -> Sheet:
    """Recipes and methods of compression, a row each, one column a budget."""
    data = seeded_means(records)
    budgets = sorted(
        set(zip(data.budget_kind == "bits", data.budget_asked, strict=True)), key=lambda item: (item[0], -item[1])
    )
    rows = []
    how = ["pattern", "budget_kind", "allocation", "schedule", "reconstruct"]
    net = ["stage", "backbone", "stop", "form"]
    for labels, group in data.groupby([*net, *how, "activations", "method", "bn", "recipe"], sort=True):
        stage, backbone, stop, form, *pruning, activations, method, bn, recipe = map(str, labels)
        kind = pruning[1]
        named = label(method) + ("" if activations == NONE else f", {activations} bits of activations")
        texts = (stage, net_label(backbone, stop, form), pattern_label(*pruning), named, "–" if bn == NONE else bn)
        rows.append([*map(Cell, texts), Cell(label(recipe))])
        for bits, budget in budgets:
            here = group[(group.budget_asked == budget) & (bits == (kind == "bits"))]
            rows[-1].append(seeded_cell(here.iloc[0]) if len(here) else Cell(""))
    names = (f"{budget:g} bits" if bits else f"keep {budget:g}" for bits, budget in budgets)
    caption = (
        "Accuracy in points without fine-tuning: mean ± sample sd over seeds, and n. Patterns of units are removed for real; "
        "masked weights are simulated sparsity: "
        "no time is saved. A budget is of weights, of units, or as the pattern says. Not said in the pattern: allocation "
        "global, one shot, nothing reconstructed. Not said of the net: as it "
        "was trained, for its steps; activations not said are float32. "
        f"{bold('a net, pattern, budget and BN handling', 'seeds')} {MARKED}"
    )
    head = ("stage", "net", "pattern", "method", "BN", "recipe", *names)
    return Sheet("compression", "Compression", caption, head, tuple(map(tuple, rows)), data)


def net_label(backbone: str, stop: str, form: str) -> str:
    """A backbone, and what is not usual of its nets: folded, trained to a loss."""
    words = ["folded" if form == "folded" else "", "trained to a loss" if stop == "loss" else ""]
    return ", ".join([backbone, *filter(None, words)])


def seeded_cell(row: pd.Series) -> Cell:
    return Cell(f"{points(row.accuracy)} ± {points(row.sd)}, n {row.n}{marks(row)}", row.best)
