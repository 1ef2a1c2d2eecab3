"""What an accuracy of transfer costs in all: choosing the units, adapting, and the trials of tuning."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, TESTED, generator_for
from maskbank.statistics.crossing import Array, crossing
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.scores import Scores, missing_of, tabulate
from maskbank.statistics.traces import AGAINST, CELLS, joined
from maskbank.statistics.transfer import COSTS, DEFAULT, POINT, SCORED, SETTING, roles_of, settings, transfer_rows

KINDS = ("macs", "seconds")
TOTALS = [f"{kind}_total" for kind in KINDS]
UNKNOWN = "not known"  # a cost was not recorded, or seconds are of several machine classes
MODEL = ["backbone", "recipe", "pretrain_seed"]  # what a method was tuned for
COLUMNS = [
    *SETTING, "budget_asked", "method", "rival", "role", "cost_of", "verdict", "cost", "low", "high", "agreement",
    "range_low", "range_high", "n", "status", "missing", CELLS, AGAINST,
]  # fmt: skip


def cost_rows(records: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Transfer rows with what each took in all, for one task.

    Adds `macs_total` and `seconds_total`: selection, adaptation up to this T (a step takes the same time from first to
    last) and all trials of the method's tuning, in full for each task. NaN where a part is not known, and seconds
    also where they come from several machine classes (rule X14).
    """
    timed = timings[["cell_key", "selection_seconds", "adaptation_seconds", "machine_class"]]
    rows = transfer_rows(records[["cell_key", *SCORED, *COSTS]])
    rows = rows.merge(timed, on="cell_key", how="left", validate="many_to_one")
    trials = trial_seconds(records, timings)
    rows = rows.merge(trials, on=[*MODEL, "method"], how="left", validate="many_to_one")
    tuned = rows.tuning != DEFAULT
    last = rows.groupby("cell_key").steps.transform("max")
    adapted = rows.adaptation_seconds * (rows.steps / last.where(last > 0)).fillna(0)
    tuning = rows.trial_seconds.where(tuned, 0.0)
    classes = {*rows.machine_class.dropna().unique(), *rows.trial_machine[tuned].dropna().unique()}
    seconds = rows.selection_seconds + adapted.where(rows.steps > 0, 0.0) + tuning
    return rows.assign(
        macs_total=rows.selection_macs + rows.train_macs + rows.tuning_macs.fillna(0),
        seconds_total=seconds if len(classes) == 1 else np.nan,
    )


def trial_seconds(records: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """One row a model and method that was tuned: `trial_seconds` of all its trials, `trial_machine` where they ran."""
    trials = records[records.stage == "tune"].drop_duplicates("cell_key")
    trials = trials.assign(pretrain_seed=trials.pretrain_seed.fillna(-1))
    trials = trials[["cell_key", *MODEL, "method"]].merge(timings, on="cell_key")
    groups = trials.groupby([*MODEL, "method"])
    found = groups.agg(
        trial_seconds=("cpu_seconds", lambda seconds: seconds.sum(skipna=False)),
        trial_machine=("machine_class", lambda names: " and ".join(sorted(set(names)))),
    )
    return found.reset_index()


def cost_means(costs: pd.DataFrame) -> pd.DataFrame:
    """Mean total costs of each setting, budget, T and method, from `cost_rows`; those of the reference at every budget."""
    found = [
        rows.groupby([*POINT, "method"])[TOTALS].mean().reset_index().assign(**setting)
        for setting, rows in settings(costs)
    ]
    columns = [*SETTING, *POINT, "method", *TOTALS]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def crossings(costs: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a setting, budget, rival and kind of cost, with COLUMNS: from which total cost the method is ahead.

    Curves are of mean accuracy over splits against mean total cost, one point a T, from `cost_rows`. The interval is
    a bootstrap over splits, refused where blocks are incomplete or splits fewer than 6.
    """
    roles = roles_of(costs)
    found = []
    for setting, rows in settings(costs):
        for budget, group in rows.groupby("budget_asked", sort=True):
            scores, totals = tabulate(group), group.groupby(["method", "steps"])[TOTALS].mean()
            cells = group.groupby("method").cell_key.agg(joined)
            for rival in params.against:
                if {params.method, rival} <= set(scores.arms):
                    labels = {**setting, "budget_asked": budget, "method": params.method, "rival": rival}
                    labels["role"] = roles[rival]
                    name = "/".join(map(str, labels.values()))
                    labels |= {CELLS: cells[params.method], AGAINST: cells[rival]}
                    found += [labels | crossed for crossed in cross(scores, totals, rival, params, name)]
    return pd.DataFrame(found, columns=COLUMNS)


def cross(scores: Scores, totals: pd.DataFrame, rival: str, params: Compare, label: str) -> list[dict[str, object]]:
    """The method's curve against a rival's at one budget of a setting, for each kind of cost; `totals` by method and T."""
    names = (params.method, rival)
    own = [scores.at(scores.ran(name)) for name in names]
    values = [part.values[part.arms.index(name)] for part, name in zip(own, names, strict=True)]
    whole = ~np.any([np.isnan(table).any(axis=1) for table in values], axis=0)
    splits = [split_means(scores.blocks[whole], table[whole]) for table in values]
    missing = "; ".join(text for part, name in zip(own, names, strict=True) for text in missing_of(part, name))
    n = len(splits[0])
    status = INCOMPLETE if missing else INSUFFICIENT if n < MIN_CLUSTERS else TESTED
    found = []
    for kind in KINDS:
        known: dict[str, object] = {"cost_of": kind, "n": n, "status": status, "missing": missing}
        costs = [np.asarray(totals.xs(name)[f"{kind}_total"], dtype=float) for name in names]
        if n and np.isfinite(np.concatenate(costs)).all():
            resamples = params.resamples if status == TESTED else 0
            generator = generator_for(f"crossing/{label}/{kind}", params.seed)
            known |= asdict(crossing(costs[0], splits[0], costs[1], splits[1], resamples, generator))
        found.append({"verdict": UNKNOWN} | known)
    return found


def split_means(blocks: pd.DataFrame, values: Array) -> Array:
    """[blocks, points] -> [splits, points]: seeds averaged inside a task, tasks inside their split."""
    table = pd.DataFrame(values).groupby([blocks.split.to_numpy(), blocks.task.to_numpy()]).mean()
    return table.groupby(level=0).mean().to_numpy(float)
