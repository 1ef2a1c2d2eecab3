"""How good a bank's masks are: whether they repeat, how near they come to the target's own, and what they cost."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.words import number_range
from maskbank.statistics.correlation import ACCURACY, RELATION, outcomes
from maskbank.statistics.effects import half_width
from maskbank.statistics.traces import CELLS, joined

DEFAULT, ALL = "default", "all"
Looks = dict[str, tuple[str, str, str]]  # what is measured: (words, colour, marker)
REPEATS = {
    "iou_reseeded": ("another seed", "#0072B2", "o"),
    "iou_split_half": ("other images", "#009E73", "s"),
    "iou_random": ("chance", "#8C8C8C", "X"),
}
CEILINGS = {
    "accuracy_of_own": ("target's own mask", "#D55E00", "D"),
    "best_entry": ("best entry", "#332288", "^"),
    "leep_entry": ("entry of highest LEEP", "#CC79A7", "v"),
    "mean_entry": ("mean entry", "#E69F00", "P"),
}
OVERLAPS = ("overlap_own", "overlap", "overlap_random")
COSTS = ("train_macs", "cpu_seconds")
COLUMNS = [
    *RELATION, "method", "budget", "bank_steps", "measure", "setting", "n", "tasks", "mean", "sd", "low", "high",
    CELLS,
]  # fmt: skip


def over_splits(rows: pd.DataFrame) -> dict[Hashable, Any]:
    """Seeds, then tasks, then splits averaged; `rows` have cell_key, split, task, value. Sd and t-interval are of splits."""
    tasks = rows.dropna(subset="value").groupby(["split", "task"]).value.mean()
    splits = tasks.groupby("split").mean()
    mean, sd = float(splits.mean()), float(splits.std(ddof=1))
    half = half_width(sd, len(splits))
    numbers = {"n": len(splits), "tasks": len(tasks), "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    return numbers | {CELLS: joined(rows.cell_key)}


def reliability_means(
    records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame, related: pd.DataFrame
) -> pd.DataFrame:
    """One row a bank, measure and setting, with COLUMNS; `related` is the `relation_table` of the records.

    Measures of the bank tasks: iou_reseeded, iou_split_half, iou_random (setting "all" or a layer), own_task (accuracy
    of an entry on its own task), train_macs and cpu_seconds a mask. Measures of the target tasks: OVERLAPS, and the
    accuracies of CEILINGS (setting: the T).
    """
    parts = [repeat_rows(records, metrics, timings), ceiling_rows(records, metrics, related)]
    long = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    made = recipes_of(records)
    found = [
        dict(zip([*RELATION, "measure", "setting"], labels, strict=True)) | over_splits(rows)
        for labels, rows in long.dropna(subset="value").groupby([*RELATION, "measure", "setting"], sort=True)
    ]
    frame = pd.DataFrame(found, columns=[name for name in COLUMNS if name not in ("method", "budget", "bank_steps")])
    return frame.merge(made, on=["backbone", "recipe", "bank"], how="left")[COLUMNS]


def recipes_of(records: pd.DataFrame) -> pd.DataFrame:
    """How each bank was made: maker, ratio kept and steps of each mask."""
    made = records[(records.stage == "prune") & (records.variant == DEFAULT)]
    names = {"budget_asked": "budget", "steps": "bank_steps"}
    made = made[["backbone", "recipe", "bank", "method", *names]].rename(columns=names)
    return made.drop_duplicates(["backbone", "recipe", "bank"])


def repeat_rows(records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """What each bank task's own cell says, one row a measure and setting."""
    cells = records[(records.stage == "prune") & (records.variant == DEFAULT)]
    cells = cells.drop_duplicates("cell_key", keep="last").merge(
        timings[["cell_key", "cpu_seconds"]], on="cell_key", how="left"
    )
    keys = ["cell_key", *RELATION, "split", "task"]
    repeats = metrics[metrics.metric.isin(REPEATS)].rename(columns={"metric": "measure"})
    repeats = repeats.astype({"value": float, "measure": object, "setting": object, "cell_key": object})
    own = cells.rename(columns={"accuracy": "own_task"}).melt(
        keys, ["own_task", *COSTS], var_name="measure", value_name="value"
    )
    found = [cells[keys].merge(repeats, on="cell_key"), own.assign(setting=ALL)]
    return pd.concat([each for each in found if len(each)] or found[1:], ignore_index=True)


def ceiling_rows(records: pd.DataFrame, metrics: pd.DataFrame, related: pd.DataFrame) -> pd.DataFrame:
    """What each target's cells say, one row a measure and setting: overlaps, and accuracies by T."""
    cells = records[records.stage == "relate"].drop_duplicates("cell_key")[["cell_key", *RELATION, "split", "task"]]
    own = metrics[metrics.metric.isin(["overlap_own", "accuracy_of_own"]) & (metrics.setting == NONE)]
    at = own.steps.astype(str).where(own.metric == "accuracy_of_own", ALL)
    own = pd.DataFrame({"cell_key": own.cell_key, "measure": own.metric, "setting": at, "value": own.value})
    found = [own, entry_rows(related)]
    rows = pd.concat([each for each in found if len(each)] or found[:1], ignore_index=True)
    return cells.merge(rows.drop_duplicates(["cell_key", "measure", "setting"]), on="cell_key")


def entry_rows(related: pd.DataFrame) -> pd.DataFrame:
    """Of each target's cell: mean overlaps, and the accuracy of the best, the mean and the most similar entry at each T."""
    cells, leep = related.groupby("cell_key"), related.similarity_leep
    nearest = related[leep.notna() & (leep == cells.similarity_leep.transform("max"))].groupby("cell_key")
    values = {(name, ALL): cells[name].mean() for name in ("overlap", "overlap_random")}
    for name in outcomes(related):
        if name.startswith(ACCURACY):
            at = name.partition("@")[2]
            values |= {("best_entry", at): cells[name].max(), ("mean_entry", at): cells[name].mean()}
            values |= {("leep_entry", at): nearest[name].mean()}
    rows = [
        pd.DataFrame({"cell_key": each.index, "measure": measure, "setting": setting, "value": each.to_numpy(float)})
        for (measure, setting), each in values.items()
    ]
    return pd.concat(rows, ignore_index=True)


def banks(data: pd.DataFrame) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    return [(tuple(labels), rows) for labels, rows in data.groupby(RELATION, sort=True)]


def pick(rows: pd.DataFrame, measure: str, setting: str = ALL) -> pd.Series | None:
    """The one row of a bank's measure and setting."""
    found = rows[(rows.measure == measure) & (rows.setting == setting)]
    return found.iloc[0] if len(found) else None


def cost_text(row: pd.Series | None) -> str:
    return "–" if row is None else f"{row['mean']:.2g}".replace("e+", "e")


def latest(rows: pd.DataFrame) -> str:
    """The largest T at which entries were judged; "" where they were not."""
    steps = rows[rows.measure.isin(CEILINGS)].setting
    return max(steps, key=int) if len(steps) else ""


def n_of(data: pd.DataFrame, measures: tuple[str, ...]) -> str:
    return number_range(data[data.measure.isin(measures)].n)


def layers_of(own: pd.DataFrame) -> list[str]:
    return [name for name in own[own.measure.isin(REPEATS)].setting.unique() if name != ALL]
