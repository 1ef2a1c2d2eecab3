"""Sections of the page of sparse training on learning rates and on cost."""

import pandas as pd

from maskbank.report.recipe_words import number
from maskbank.report.sparse_material import FOCUS, Sparse
from maskbank.report.sparse_words import how_words, in_method_order, in_setup_order, removed, task_words
from maskbank.report.style import label
from maskbank.report.tables import points
from maskbank.report.transfer_material import grid, names, section
from maskbank.statistics.sparse_arms import NOT_CHOSEN, SETTING, in_rate_order
from maskbank.statistics.sparse_curves import PARALLEL, first_setup, near_budget


def rates(given: Sparse) -> str:
    """How often each handling was chosen, and who had unequal trials."""
    tried = given.choices.groupby([*SETTING, "method", "variant", "budget_asked"]).schedule.transform("nunique")
    several, best = given.choices[tried > 1], given.choices[given.choices.choice != NOT_CHOSEN]
    chosen = several[several.choice != NOT_CHOSEN]
    lines = [
        f"- {rate}: chosen by {(chosen.schedule == rate).sum()} of {len(chosen)} arms with a choice."
        for rate in in_rate_order(several.schedule)
    ]
    unequal = best[best.lacks != ""].to_dict("records")
    lines += [
        f"- Unequal trials: {label(row['method'])}, {task_words(row)}, {how_words(row)}, {removed(row['budget_asked'])}, lacks "
        f"{row['lacks']}."
        for row in unequal
    ]
    return section(
        "Learning-rate handling",
        "\n".join(lines) or "Every arm was run with one handling: nothing was chosen.",
        "Chosen on validation data with the same number of trials for each method; a test of arms with unequal trials is "
        "refused. All trials: [tables/sparse_rates.csv](tables/sparse_rates.csv).",
    )


def cost(given: Sparse) -> str:
    """What arms cost at one sparsity, and P-GaP's steps in line."""
    shown = in_setup_order(first_setup(given.points))
    body = [
        [
            task_words(row), how_words(row), removed(row["budget_asked"]), label(row["method"]), points(row["score"]),
            points(row["sparsity"]), *(number(row[name]) for name in ("macs_share", "train_share", "peak_share", "line_share")),
        ]
        for _, group in shown.groupby(["dataset", "backbone", "setup"], sort=False)
        for name in in_method_order(group)
        for row in group[group.method == name].to_dict("records")
    ]  # fmt: skip
    head = (
        "net", "setting", "removed", "method", "score", "parameters removed (%)", "inference MACs", "training MACs",
        "peak live parameters", "steps in line",
    )  # fmt: skip
    parallel = given.costs[(given.costs.method == PARALLEL) & given.costs.steps_in_line.gt(0)]
    speed = (parallel.steps / parallel.steps_in_line).dropna()
    lines = [f"{label(PARALLEL)} takes {span(speed)} steps for each that stands in line."]
    return section(
        "Cost, memory and size",
        " ".join([*(lines if len(speed) else []), packed_words(given)]).strip(),
        grid(head, body),
        "Shares are of the dense net, or of its training in the same setting; other setups are in the figure. MACs are "
        "theoretical: masked weights are "
        "simulated. Parameters removed counts layers that stay dense. Bytes and seconds: "
        "[tables/sparse_costs.csv](tables/sparse_costs.csv).",
        "![Cost against accuracy](figures/sparse_costs.png)",
    )


def span(values: pd.Series) -> str:
    low, high = number(values.min()), number(values.max())
    return low if low == high else f"{low} to {high}"


def packed_words(given: Sparse) -> str:
    known = given.costs[(given.costs.role != "reference") & given.costs.bytes_dense.gt(0)]
    known = near_budget(known, FOCUS)
    share = (known.bytes_packed / known.bytes_dense).dropna()
    if share.empty:
        return "No size of a checkpoint is known."
    budgets = names(removed(budget) for budget in sorted(set(known.budget_asked), reverse=True))
    return f"At {budgets} a packed checkpoint has {span(share)} of the dense one's bytes."
