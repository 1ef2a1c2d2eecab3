"""The page "What one-shot transfer buys, measured": Markdown, every number taken from the tables."""

from collections.abc import Sequence

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.contrasts import ALONE, HIGHER, LOWER, MDE, Row, detectable, tallied, variant_rows, verdict, where
from maskbank.report.recipe_words import between, p_text
from maskbank.report.style import label
from maskbank.report.tables import points
from maskbank.report.transfer_bank import bank_quality, cost
from maskbank.report.transfer_material import KINDS, Material, distinct, grid, methods_of, names, questions, section
from maskbank.statistics.comparisons import BY_TASK_SPLIT
from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.settings import SETTING

TITLE = "What one-shot transfer buys, measured"
DIFFERENCE = ("setting", "contrast", "difference", "95 % interval", "n", "p", "MDE", "verdict", "keep", "T")


def transfer_page(given: Material) -> str:
    """The whole page. Missing parts are said to be missing, in one line each."""
    if given.transfer.empty:
        return f"# {TITLE}\n\nThe records hold no transfer cells, so there is nothing to tell.\n"
    opening = (
        "Written by the stage `report` from the records, the comparisons and the timings; no number is typed by hand. "
        f"What is said holds for our reading of {label(given.method)}, in this setting."
    )
    reading = (
        "Differences are in points of accuracy, left side minus right side, averaged over the budgets and T that the "
        "table names. n counts splits. p: Wilcoxon signed-rank over splits, with Holm's correction over the headline "
        f"contrasts of a setting; {ALONE}: not a headline, Holm over the other contrasts of this page in that setting. {MDE} "
        "The verdict is of the left side: higher or "
        f"lower at p ≤ {given.alpha:g}; equivalent: within ± {100 * given.params.compare.margin:g} points by two one-sided "
        "tests; not enough splits: fewer than 6, or so few that no outcome could pass the correction."
    )
    sections = (setting, headlines, answers, task_splits, cost, bank_quality, variants, limits)
    return "\n\n".join([f"# {TITLE}", opening, reading, *(part(given) for part in sections)]) + "\n"


def p_holm_text(row: Row) -> str:
    return p_text(row["p_holm"]) + (ALONE if row["alone"] and not pd.isna(row["p_holm"]) else "")


def difference_line(row: Row, alpha: float) -> list[str]:
    """Cells of the columns DIFFERENCE."""
    return [
        where(row), f"{label(row['method'])} − {label(row['rival'])}", points(row["difference"], signed=True),
        between(row), str(row["n"]), p_holm_text(row), detectable(row), verdict(row, alpha),
        str(row["budgets"]), str(row["steps_averaged"]),
    ]  # fmt: skip


def setting(given: Material) -> str:
    rows, method = given.transfer, label(given.method)
    pruned = rows[rows.role != "reference"]
    banks_read = set(rows.bank[rows.method == given.method].unique()) - {NONE}
    about = {
        "data set": distinct(rows.dataset),
        "backbones": distinct(rows.backbone),
        "pretraining recipe": names(label(name) for name in sorted(rows.recipe.unique())),
        "target tasks": "; ".join(task_counts(rows)),
        "classes a task": distinct(rows.ways.dropna()),
        "pretraining seeds, seeds": f"{rows.pretrain_seed.nunique()}, {rows.seed.nunique()}",
        "fraction kept": f"{distinct(pruned.budget_asked)} of {distinct(pruned.budget_kind)}",
        "allocations": names(label(name) for name in sorted(pruned.allocation.unique())),
        "steps of adaptation (T)": distinct(rows.steps),
        "tuning": distinct(rows.tuning),
        "shots": distinct(rows.shots),
        f"bank of {method}": names(sorted(banks_read)),
        "method, rivals": names(map(label, methods_of(rows, "method", "rival"))),
        "controls": names(map(label, methods_of(rows, "control"))),
        "reference": names(map(label, methods_of(rows, "reference"))),
        "cells that did not end ok": f"{rows[rows.status != 'ok'].cell_key.nunique()} of {rows.cell_key.nunique()}",
        "suite": f"{distinct(rows.suite)}, version {distinct(rows.suite_version)}",
        "profile": distinct(rows.profile),
        "records (SHA-256, first 16 digits)": given.records_hash,
    }
    picture = "![Accuracy against budget](figures/accuracy_by_budget.png)"
    return section("Setting", grid(("what", "here"), list(about.items())), picture)


def task_counts(rows: pd.DataFrame) -> list[str]:
    """How many splits and target tasks there are of each kind."""
    tasks = rows.drop_duplicates(["dataset", "split", "task", "task_split"])
    found = []
    for name, kind in KINDS.items():
        own = tasks[tasks.task_split == name]
        if len(own):
            found.append(f"{kind}: {len(own.drop_duplicates(['dataset', 'split']))} splits, {len(own)} tasks")
    return found


def headlines(given: Material) -> str:
    every = [row for row in given.headlines if row["status"] != NOT_RUN]
    rows = [row for row in every if row["role"] != "reference" and row["dataset"] not in given.foreign]
    rows.sort(key=lambda row: (where(row), row["role"] != "rival", -row["difference"], row["rival"]))
    absent = [name for name in given.params.compare.against if name not in {row["rival"] for row in every}]
    claims = [
        [claim["id"], claim["contrast"], claim["verdict"], claim["reason"]]
        for claim in given.claims
        if claim["judge"] == "transfer"
    ]
    return section(
        f"{label(given.method)} against each rival and control",
        summary(rows, given) if rows else "No contrast was measured.",
        "\n".join(f"- Against {label(rival)}: {tallied(own, given.alpha)}." for rival, own in by_rival(rows)),
        f"Not compared, as it was not run: {names([label(name) for name in absent])}." if absent else "",
        grid(DIFFERENCE, [difference_line(row, given.alpha) for row in rows]),
        "The paper's claims, judged with the rules of a fair benchmark that they need:" if claims else "",
        grid(("claim", "contrast", "verdict", "reason"), claims),
        "![Forest plot](figures/forest.png)",
    )


def by_rival(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    rivals = dict.fromkeys(row["rival"] for row in rows)
    return [(rival, [row for row in rows if row["rival"] == rival]) for rival in rivals]


def summary(rows: Sequence[Row], given: Material) -> str:
    """Which rivals and controls lie on the same side in every setting, and whether two allocations were run."""

    def always(side: str) -> list[str]:
        return [
            rival for rival, own in by_rival(rows) if all(verdict(row, given.alpha).startswith(side) for row in own)
        ]

    higher, lower = always(HIGHER), always(LOWER)
    rest = [rival for rival, _ in by_rival(rows) if rival not in higher + lower]
    allocations = sorted({row["allocation"] for row in rows})
    texts = [
        f"In every setting {label(given.method)} is shown higher than: {names(map(label, higher))}.",
        f"In every setting it is shown lower than: {names(map(label, lower))}.",
        f"Neither holds in every setting for: {names(map(label, rest))}.",
    ]
    if len(allocations) == 1:
        texts.append(f"Only one allocation was run ({label(allocations[0])}), and a headline needs two.")
    return " ".join(texts)


def answers(given: Material) -> str:
    """A section a question: one sentence a contrast, and their table."""
    return "\n\n".join(answer(given, title, asked) for title, asked in questions(given).items())


def answer(given: Material, title: str, asked: Sequence[tuple[str, str, str]]) -> str:
    found = [(words[0].upper() + words[1:], left, right, given.contrasts[left, right]) for words, left, right in asked]
    lines = [
        f"- {words}, {label(left)} − {label(right)}: {tallied(rows, given.alpha)}."
        if rows
        else f"- {words}: not measured; {label(left)} and {label(right)} were not both run."
        for words, left, right, rows in found
    ]
    table = [difference_line(row, given.alpha) for *_, rows in found for row in rows]
    return section(title, "\n".join(lines), grid(DIFFERENCE, table))


def task_splits(given: Material) -> str:
    """A column for each kind of target task, and data set where it is foreign."""
    rows = given.comparisons[(given.comparisons.kind == BY_TASK_SPLIT) & (given.comparisons.role != "reference")]
    title = "Held-out, unseen and foreign tasks apart"
    if rows.empty:
        return section(title, "The comparisons hold no contrasts by kind of task.")
    several = rows[~rows.dataset.isin(given.foreign)].dataset.nunique() > 1
    kinds = sorted(
        set(zip(rows.task_split, rows.dataset, strict=True)), key=lambda kind: (list(KINDS).index(kind[0]), kind)
    )
    shared = [name for name in SETTING if name != "dataset"]
    body = []
    for labels, own in rows.groupby([*shared, "rival"], sort=True):
        cells = []
        for kind, dataset in kinds:
            here = own[(own.task_split == kind) & (own.dataset == dataset)].to_dict("records")
            cells.append(apart({str(key): value for key, value in here[0].items()}, given.alpha) if here else "–")
        first = dict(zip([*shared, "rival"], labels, strict=True))
        body.append([where(first | {"dataset": ""}).removeprefix(", "), label(str(first["rival"])), *cells])
    heads = [KINDS[kind] + (f": {dataset}" if kind == "foreign" or several else "") for kind, dataset in kinds]
    absent = [word for name, word in KINDS.items() if name not in {kind for kind, _ in kinds}]
    return section(
        title,
        "Held-out: the backbone saw the classes in pretraining. Unseen: it did not. Foreign: another data set than the "
        "bank's." + (f" Not run: {names(absent)}." if absent else ""),
        grid(("setting", f"{label(given.method)} minus", *heads), body),
        "![By kind of task](figures/by_task_split.png)",
        "Difference, 95 % interval, n splits, verdict; Holm inside a setting and kind of task. Fewer splits than in the "
        "headlines, so less can be shown; that one kind shows a difference and another does not is no difference between "
        "kinds.",
    )  # fmt: skip


def apart(row: Row, alpha: float) -> str:
    return f"{points(row['difference'], signed=True)} ({between(row)}), n {row['n']}: {verdict(row, alpha)}"


def variants(given: Material) -> str:
    rows = variant_rows(given.records, given.params.compare)
    if not rows:
        return section("Ablations", "No variant of a method was run.")
    body = []
    for row in rows:
        place, _, *rest = difference_line(row | {"rival": ""}, given.alpha)
        body.append([label(row["method"]), row["variant"], row["bank"], place, *rest])
    head = ("method", "variant", "bank", "setting", "variant − default", *DIFFERENCE[3:])
    return section(
        "Ablations",
        "Each variant minus the default of its method, at the budgets and T that both have. Holm over the variants of a "
        "method in a setting.",
        grid(head, body),
        "![Ablations](figures/ablations.png)",
    )


def limits(given: Material) -> str:
    failed = [[rule["id"], rule["title"], rule["looked_at"]] for rule in given.rules if rule["verdict"] == "fail"]
    fixed = [
        f"The full text of {label(given.method)}'s paper was not at hand. What is measured is our reading of it.",
        "The data sets, backbones, budgets and steps are those named under Setting. Others may rank methods otherwise.",
        "Tasks of a split share classes. The split is the unit of every test, so that n is small.",
        "A difference that is not shown is not a difference of zero: see the MDE.",
        "One learning rate and one schedule serve all methods, unless the tuning says otherwise.",
    ]
    return section(
        "What this does not show",
        "\n".join(f"- {text}" for text in fixed),
        "Rules of a fair benchmark that fail in this run:"
        if failed
        else "No rule of a fair benchmark fails in this run.",
        grid(("rule", "what it asks", "what was found"), failed),
    )
