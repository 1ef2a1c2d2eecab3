"""Means with their spread: the numbers behind tables and figures."""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from scipy import stats

from maskbank.records.schema import NONE
from maskbank.statistics.kept import SETTING as STRUCTURED_SETTING
from maskbank.statistics.kept import attack_order, kept_rows
from maskbank.statistics.normalised import ONE
from maskbank.statistics.scores import tabulate
from maskbank.statistics.ties import ties
from maskbank.statistics.traces import AGAINST, CELLS, joined
from maskbank.statistics.transfer import POINT, SCORED, SETTING, named, settings, transfer_rows

MARKS = ["best", "tied"]
TRANSFER = [*SETTING, "budget_asked", "steps", "method", "role"]
TRANSFER_NUMBERS = [
    "n",
    "tasks",
    "failed",
    "accuracy",
    "sd",
    "half_width",
    "difference_to_dense",
    "budget_achieved",
    "off_budget",
    *MARKS,
    CELLS,
]
SEEDED = [
    "stage", "dataset", "backbone", "recipe", "setup", "stop", "form", "method", "role", "pattern", "allocation", "schedule",
    "reconstruct", "bn", "budget_kind", "budget_asked", "activations",
]  # fmt: skip
SEEDED_ARM = ["method", "role", "reconstruct", "recipe"]  # what is ranked in a column: all else is the same
SEEDED_NUMBERS = ["n", "failed", "accuracy", "sd", "budget_achieved", "off_budget", *MARKS, CELLS]
OFF = 0.005  # of the budget asked
STRUCTURED = [*STRUCTURED_SETTING, "attack", "method", "role", "budget_asked"]
STRUCTURED_NUMBERS = [
    "n", "failed", "removed", "value", "sd", "dense", "dense_sd", "kept_n", "kept", "kept_sd", "off_budget", *MARKS, CELLS,
    AGAINST,
]  # fmt: skip


def off_budget(rows: pd.DataFrame) -> bool:
    """Whether the mean budget achieved misses the one asked by more than 0.5 % of it (rule P2)."""
    asked, achieved = rows.budget_asked.mean(), rows.budget_achieved.mean()
    return bool(abs(achieved - asked) > OFF * asked)


def missed(means: pd.DataFrame) -> pd.Series:
    """The same of each row of means."""
    return (means.budget_achieved - means.budget_asked).abs() > OFF * means.budget_asked


def half_widths(sd: pd.Series, n: pd.Series) -> pd.Series:
    """Half of the 95 % t-interval of means over n units; NaN below 2."""
    quantiles = {count: stats.t.ppf(0.975, count - 1) if count > 1 else np.nan for count in n.unique()}
    return n.map(quantiles) * sd / np.sqrt(n.clip(lower=1))


def marked(
    means: pd.DataFrame, rows: pd.DataFrame, column: list[str], arm: list[str], unit: list[str], value: str = "accuracy"
) -> pd.DataFrame:
    """Add `best`, the highest mean of a column of a table, and `tied`: the best one's paired interval reaches 0 (`ties`).

    `rows` are those behind the means. The reference and the oracle are not ranked.
    """
    own, behind = ((each.role != "reference") & (each.method != ONE) for each in (means, rows))
    ranked = means[value].where(own)
    top = ranked.groupby([means[name] for name in column]).transform("max")
    near = ties(rows[behind], column, arm, unit, value)
    tied = [labels in near for labels in means[[*column, *arm]].itertuples(index=False, name=None)]
    return means.assign(best=ranked == top, tied=pd.Series(tied, means.index, dtype=bool))


def transfer_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, budget, T and method: accuracy over splits (seeds, then tasks averaged first)."""
    given = settings(transfer_rows(records[["cell_key", "budget_achieved", *SCORED]]))
    found = [means_of(rows).assign(**setting) for setting, rows in given]
    columns = [*TRANSFER, *TRANSFER_NUMBERS]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def means_of(rows: pd.DataFrame) -> pd.DataFrame:
    """The same of the rows of one setting, without its labels."""
    keys = [*POINT, "method"]
    cells = rows.assign(failed=rows.status != "ok").groupby(keys, sort=True)
    tasks = rows.groupby([*keys, "split", "task"]).accuracy.mean()
    splits = tasks.groupby([*keys, "split"]).mean().groupby(keys)
    n, sd = splits.count(), splits.std(ddof=1)
    found = cells.agg(role=("role", "first"), failed=("failed", "sum"), budget_achieved=("budget_achieved", "mean"),
                      **{CELLS: ("cell_key", joined)})  # fmt: skip
    found = found.assign(
        n=n, tasks=tasks.groupby(keys).count(), accuracy=splits.mean(), sd=sd, half_width=half_widths(sd, n),
        difference_to_dense=gaps_to_reference(rows),
    ).reset_index()  # fmt: skip
    found = found.assign(off_budget=missed(found) & (found.role != "reference"))
    return marked(found, rows, POINT, ["method"], ["split", "task", "pretrain_seed", "seed"])


def gaps_to_reference(rows: pd.DataFrame) -> pd.Series:
    """(budget, T, method) -> mean over splits of its difference to the reference on the same tasks, seeds averaged in each."""
    scores = tabulate(rows)
    names = sorted(rows.method[rows.role == "reference"].unique())
    index = pd.MultiIndex.from_product([scores.arms, range(len(scores.points))])
    values = pd.DataFrame(scores.values.transpose(1, 0, 2).reshape(len(scores.blocks), -1), columns=index)
    tasks = values.groupby([scores.blocks.split, scores.blocks.task]).mean()
    base = np.tile(tasks[names[0]], len(scores.arms)) if names else np.nan
    means = (tasks - base).groupby(level="split").mean().mean()
    at = scores.points.iloc[index.get_level_values(1)]
    labels = [np.asarray(each) for each in (at.budget_asked, at.steps, index.get_level_values(0))]
    return pd.Series(means.to_numpy(), pd.MultiIndex.from_arrays(labels, names=[*POINT, "method"]))


def seeded_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a model, recipe, method and budget of the stage compress: accuracy over pretraining seeds.

    `activations` is their width in bits, or "none". Nothing is averaged over how models were trained or folded.
    """
    rows = records[records.stage == "compress"]
    rows = rows.assign(unit=rows.pretrain_seed.fillna(rows.seed))
    widths = named(rows[["activation_bits"]].astype(float), lambda bits: NONE if np.isnan(bits) else f"{bits:g}")
    rows = rows.assign(activations=widths)
    found = []
    for _, group in rows.groupby(SEEDED, sort=True):
        scores = group.groupby("unit").accuracy.mean().dropna()
        numbers: dict[Hashable, object] = {
            "n": len(scores),
            "failed": int((group.status != "ok").sum()),
            "accuracy": float(scores.mean()),
            "sd": float(scores.std(ddof=1)),
            "budget_achieved": group.budget_achieved.mean(),
            "off_budget": off_budget(group),
            CELLS: joined(group.cell_key),
        }
        found.append(group[SEEDED].iloc[0].to_dict() | numbers)
    means = pd.DataFrame(found, columns=[name for name in [*SEEDED, *SEEDED_NUMBERS] if name not in MARKS])
    column = [name for name in SEEDED if name not in SEEDED_ARM]
    return marked(means, rows, column, SEEDED_ARM, ["unit"])[[*SEEDED, *SEEDED_NUMBERS]]


def structured_means(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, attack, method and budget of structured pruning, over pretraining seeds.

    `value` and `dense` are fractions right of the pruned model and of its dense control, `kept` is the mean over seeds of
    their ratio. Sds are of a sample. The control has no rows of its own; its cells are `cells_against`.
    """
    rows = kept_rows(records, metrics)
    rows = rows[rows.role != "reference"]
    texts = {CELLS: ("cell_key", joined), AGAINST: ("control", joined)}
    cells = (
        rows.assign(failed=rows.status != "ok", control=rows.control.fillna(""))
        .groupby(STRUCTURED)
        .agg(
            failed=("failed", "sum"), removed=("removed", "mean"), budget_achieved=("budget_achieved", "mean"), **texts
        )
    )
    shares = ["value", "dense", "kept"]
    seeds = rows.groupby([*STRUCTURED, "unit"])[shares].mean().groupby(STRUCTURED)
    number, mean, sd = seeds.count(), seeds.mean(), seeds.std(ddof=1)
    frame = cells.assign(
        n=number.value, value=mean.value, sd=sd.value, dense=mean.dense, dense_sd=sd.dense, kept_n=number.kept,
        kept=mean.kept, kept_sd=sd.kept,
    ).reset_index()  # fmt: skip
    frame["off_budget"] = missed(frame)
    place = {attack: place for place, attack in enumerate(sorted(set(frame.attack), key=attack_order))}
    by = [*STRUCTURED_SETTING, "place", "method", "budget_asked"]
    frame = frame.assign(place=frame.attack.map(place)).sort_values(by, kind="stable", ignore_index=True)
    frame = marked(frame, rows, [*STRUCTURED_SETTING, "attack", "budget_asked"], ["method"], ["unit"], "value")
    return frame[[*STRUCTURED, *STRUCTURED_NUMBERS]]
