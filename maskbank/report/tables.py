"""Tables of a report, as csv, Markdown, LaTeX and rows of the page."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from maskbank.files import write_bytes
from maskbank.records.schema import NONE
from maskbank.report.aggregate import seeded_means
from maskbank.report.settings import setting_title
from maskbank.report.style import label, pattern_label
from maskbank.statistics.pairing import SETTING

DAGGER = "†"


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


def points(value: float, signed: bool = False) -> str:
    """A fraction in points, with a typographic minus."""
    if pd.isna(value):
        return "–"
    return f"{100 * value:{'+' if signed else ''}.1f}".replace("-", "−")


def number_range(values: pd.Series) -> str:
    """The smallest and the largest, such as 8–12; 0 of none."""
    if values.empty:
        return "0"
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low}–{high}"


def transfer_table(data: pd.DataFrame) -> Sheet:
    """Methods against budgets, for each setting and T, from `transfer_means`."""
    budgets = sorted(data.budget_asked.unique(), reverse=True)
    rows = []
    for _, group in data.groupby([*SETTING, "steps"], sort=False):
        ranked = group[group.role != "reference"]
        best = ranked.groupby("budget_asked").accuracy.max()
        title, steps = setting_title(group.iloc[0].to_dict(), data), str(group.steps.iloc[0])
        for method, own in group.groupby("method", sort=True):
            cells = [Cell(text) for text in (title, steps, label(str(method)))]
            for budget in budgets:
                here = own[own.budget_asked == budget]
                cells.append(transfer_cell(here.iloc[0], best.get(budget)) if len(here) else Cell(""))
            rows.append((*cells, Cell(number_range(own.n))))
    head = ("setting", "T", "method", *(f"keep {budget:g}" for budget in budgets), "n")
    caption = (
        "Accuracy in points after T steps: mean over splits ± half of the 95 % t-interval, and in brackets the paired "
        "difference to the dense reference. n counts splits. Bold: highest mean of the pruned methods, which is not a "
        f"test. {DAGGER}: the budget achieved misses the one asked by more than 0.5 %. ✗: cells that did not end ok."
    )
    return Sheet("transfer", "One-shot transfer", caption, head, tuple(rows), data, together=2)


def transfer_cell(row: pd.Series, best: float | None) -> Cell:
    reference = row.role == "reference"
    text = f"{points(row.accuracy)} ± {points(row.half_width)}"
    text += "" if reference else f" ({points(row.difference_to_dense, signed=True)})"
    text += f" {DAGGER}" if row.off_budget else ""
    text += f" ✗{row.failed}" if row.failed else ""
    return Cell(text, best is not None and not reference and row.accuracy == best)


def seeded_table(records: pd.DataFrame) -> Sheet:
    """Recipes and methods of compression, a row each, one column a budget."""
    data = seeded_means(records)
    budgets = sorted(
        set(zip(data.budget_kind == "bits", data.budget_asked, strict=True)), key=lambda item: (item[0], -item[1])
    )
    rows = []
    how = ["pattern", "budget_kind", "allocation", "schedule", "reconstruct"]
    pruned = data[data.role != "reference"]
    alike = ["stage", "backbone", "stop", "form", *how[:4], "activations", "bn", "budget_asked"]
    best = pruned.groupby(alike).accuracy.max()
    net = ["stage", "backbone", "stop", "form"]
    for labels, group in data.groupby([*net, *how, "activations", "method", "bn", "recipe"], sort=True):
        stage, backbone, stop, form, *pruning, activations, method, bn, recipe = map(str, labels)
        kind = pruning[1]
        named = label(method) + ("" if activations == NONE else f", {activations} bits of activations")
        texts = (stage, net_label(backbone, stop, form), pattern_label(*pruning), named, "–" if bn == NONE else bn)
        rows.append([*map(Cell, texts), Cell(label(recipe))])
        for bits, budget in budgets:
            here = group[(group.budget_asked == budget) & (bits == (kind == "bits"))]
            key = (stage, backbone, stop, form, *pruning[:4], activations, bn, budget)
            top = best.get(key) if len(here) else None
            rows[-1].append(seeded_cell(here.iloc[0], top) if len(here) else Cell(""))
    names = (f"{budget:g} bits" if bits else f"keep {budget:g}" for bits, budget in budgets)
    caption = (
        "Accuracy in points without fine-tuning: mean ± sample sd over seeds, and n. Patterns of units are removed for real; "
        "masked weights are simulated sparsity: "
        "no time is saved. A budget is of weights, of units, or as the pattern says. Not said in the pattern: allocation "
        "global, one shot, nothing reconstructed. Not said of the net: as it "
        "was trained, for its steps; activations not said are float32. "
        "Bold: highest mean of a net, pattern, budget and BN handling, "
        f"which is not a test. {DAGGER}: the budget achieved misses the one asked by more than 0.5 %. ✗: cells that did "
        "not end ok."
    )
    head = ("stage", "net", "pattern", "method", "BN", "recipe", *names)
    return Sheet("compression", "Compression", caption, head, tuple(map(tuple, rows)), data)


def net_label(backbone: str, stop: str, form: str) -> str:
    """A backbone, and what is not usual of its nets: folded, trained to a loss."""
    words = ["folded" if form == "folded" else "", "trained to a loss" if stop == "loss" else ""]
    return ", ".join([backbone, *filter(None, words)])


def seeded_cell(row: pd.Series, best: float | None) -> Cell:
    text = f"{points(row.accuracy)} ± {points(row.sd)}, n {row.n}"
    text += f" {DAGGER}" if row.off_budget else ""
    text += f" ✗{row.failed}" if row.failed else ""
    return Cell(text, best is not None and row.role != "reference" and row.accuracy == best)


def markdown(sheet: Sheet) -> str:
    def line(texts: list[str]) -> str:
        return f"| {' | '.join(texts)} |"

    body = [line([f"**{cell.text}**" if cell.best else cell.text for cell in row]) for row in sheet.rows]
    lines = [f"# {sheet.title}", "", line(list(sheet.head)), line(["---"] * len(sheet.head)), *body, "", sheet.caption]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text as LaTeX prints it."""
    replaced = {"\\": r"\textbackslash{}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "±": r"$\pm$", "−": "$-$"}
    replaced |= {DAGGER: r"$\dagger$", "✗": r"$\times$", "–": "--", "≥": r"$\geq$"}
    return "".join(replaced.get(character, character) for character in text)


def latex(sheet: Sheet) -> str:
    def cell(given: Cell) -> str:
        return rf"\textbf{{{escaped(given.text)}}}" if given.best else escaped(given.text)

    body = [" & ".join(map(cell, row)) + r" \\" for row in sheet.rows]
    lines = [
        r"\begin{table}", rf"\caption{{{escaped(sheet.caption)}}}",
        rf"\begin{{tabular}}{{{'l' * len(sheet.head)}}}", r"\toprule",
        " & ".join(map(escaped, sheet.head)) + r" \\", r"\midrule", *body,
        r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def write_sheet(sheet: Sheet, folder: Path) -> None:
    """Write csv, md and tex."""
    csv = sheet.data.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    for ending, text in (("csv", csv), ("md", markdown(sheet)), ("tex", latex(sheet))):
        write_bytes(folder / f"{sheet.name}.{ending}", text.encode())
