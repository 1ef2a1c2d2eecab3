"""What the interactive charts and the pages of tasks show: means of transfer over tasks, of one task, of one seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from maskbank.report.aggregate import half_widths
from maskbank.statistics.transfer import COSTS, SCORED, SETTING, named, settings, transfer_rows

MOST_ROWS = 30_000  # of a page; finer levels are left out above it
ALL, SEEDS = "all", "mean"  # every task; the mean over seeds
POINT = ["setting", "budget_asked", "steps", "method", "role"]
LABELS = ["method", "role", "task_split", "split", "name", "run"]


@dataclass(frozen=True)
class ChartRows:
    """`rows`: POINT and `tasks`, `one`, `seed`, `accuracy`, `half_width`, `n`, `failed`, `cost`.

    `setting` counts into `settings`, the labels of each. `tasks` is "all", a task split, or with `one` a single task as
    `split/task`. `seed` is "mean" or one seed. `n` counts splits, of a single task its runs; `half_width` is half of the
    95 % t-interval over them. `cost` is in MACs: choosing the units, adapting, and the trials of tuning. `kinds` are the
    task splits of single tasks, `runs` all seeds. `left_out` says which levels are too many for a page.
    """

    settings: pd.DataFrame
    rows: pd.DataFrame
    kinds: dict[str, str]
    runs: tuple[str, ...]
    left_out: tuple[str, ...]


def chart_rows(records: pd.DataFrame, most: int = MOST_ROWS) -> ChartRows:
    """Rows with an accuracy, of at most `most` rows: means over tasks first, then means of each seed, tasks, runs."""
    found = settings(transfer_rows(records[[*SCORED, *COSTS]]))
    labels = pd.DataFrame([setting for setting, _ in found], columns=SETTING)
    if not found:
        return ChartRows(labels, pd.DataFrame(), {}, (), ())
    cells = pd.concat([group.assign(setting=number) for number, (_, group) in enumerate(found)], ignore_index=True)
    cells = cells.assign(
        name=task_names(cells),
        run=run_names(cells),
        failed=cells.status != "ok",
        cost=cells.selection_macs + cells.train_macs + cells.tuning_macs.fillna(0),
    )
    kinds = cells.drop_duplicates("name").set_index("name").task_split
    runs = tuple(sorted(cells.run.unique()))
    cells = cells.astype(dict.fromkeys(LABELS, "category"))  # grouped many times
    rows, left_out = over_tasks(cells, (SEEDS,)), list[str]()
    for what, keys, level in [
        ("means of single seeds", [*POINT, "run"], lambda: over_tasks(cells, runs)),
        ("single tasks", [*POINT, "name"], lambda: one_task(cells, SEEDS)),
        ("single runs of a task", [*POINT, "name", "run"], lambda: one_task(cells, None)),
    ]:
        if len(runs) == 1 and "run" in keys:
            continue
        few = not left_out and len(rows) + cells.groupby(keys).ngroups <= most
        finer = level() if few else None
        if finer is None or len(rows) + len(finer) > most:
            left_out.append(what)
        else:
            rows = pd.concat([rows, finer], ignore_index=True)
    rows = rows[rows.accuracy.notna()].reset_index(drop=True)
    rows = rows.astype(dict.fromkeys(["method", "role", "tasks", "seed"], str))
    return ChartRows(labels, rows, dict(kinds), runs, tuple(left_out))


def task_names(cells: pd.DataFrame) -> pd.Series:
    """`split/task`, after its data set where there are several; a task that is named by its split keeps its name."""
    several = cells.dataset.nunique() > 1

    def name(data: str, split: str, task: str) -> str:
        return (f"{data} " if several else "") + (task if task.startswith(f"{split}/") else f"{split}/{task}")

    return named(cells[["dataset", "split", "task"]], name)


def run_names(cells: pd.DataFrame) -> pd.Series:
    """The seed; with that of pretraining where there are several."""
    several = cells.pretrain_seed.nunique() > 1
    return named(
        cells[["seed", "pretrain_seed"]],
        lambda seed, model: f"{seed:.0f}" + (f" on model {model:.0f}" if several else ""),
    )


def summed_up(groups: "pd.api.typing.DataFrameGroupBy", units: "pd.api.typing.SeriesGroupBy") -> pd.DataFrame:
    """Mean, interval and n of `units`, with the failures and mean cost of `groups` of the same keys."""
    mean, sd, n = units.mean(), units.std(ddof=1), units.count()
    cells = groups.agg(failed=("failed", "sum"), cost=("cost", "mean"))
    return cells.assign(accuracy=mean, half_width=half_widths(sd, n), n=n).reset_index()


def over_tasks(cells: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    """Means over splits (seeds, then tasks averaged first) of all tasks and of each task split, for each of `runs`."""
    found = []
    for run in runs:
        own = cells if run == SEEDS else cells[cells.run == run]
        kinds = sorted(own.task_split.unique())
        for kind in [ALL, *(kinds if len(kinds) > 1 else [])]:
            here = own if kind == ALL else own[own.task_split == kind]
            tasks = here.groupby([*POINT, "split", "name"]).accuracy.mean()
            units = tasks.groupby([*POINT, "split"]).mean().groupby(POINT)
            found.append(summed_up(here.groupby(POINT), units).assign(tasks=kind, one=False, seed=run))
    return pd.concat(found, ignore_index=True)


def one_task(cells: pd.DataFrame, run: str | None) -> pd.DataFrame:
    """Means of each task over its runs; of each run alone where `run` is None."""
    keys = [*POINT, "name", *([] if run else ["run"])]
    groups = cells.groupby(keys)
    rows = summed_up(groups, groups.accuracy).rename(columns={"name": "tasks", "run": "seed"})
    return rows.assign(one=True, **({"seed": run} if run else {}))
