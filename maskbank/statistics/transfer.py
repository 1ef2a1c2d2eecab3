"""Settings of transfer: rows that compare with each other, in the order and the words in which they are shown."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE

BLOCK = ["split", "task", "pretrain_seed", "seed"]
POINT = ["budget_asked", "steps"]
REFERENCE = ["dataset", "backbone", "recipe", "tuning", "shots"]  # what a setting has in common with its reference
SETTING = [*REFERENCE, "pattern", "allocation", "schedule", "reconstruct", "bn", "budget_kind"]
SCORED = [  # what comparisons of accuracies read of the records
    "stage", "variant", "method", "role", "task_split", "ways", *BLOCK, *POINT, "status", "accuracy", *SETTING,
]  # fmt: skip
COSTS = ["selection_macs", "train_macs", "tuning_macs"]  # and comparisons of costs
DEFAULT = "default"  # the variant that comparisons are about
ALL_IMAGES = "all"
USUAL = {
    "tuning": (DEFAULT,), "shots": (ALL_IMAGES,), "pattern": (NONE, "units"), "schedule": (NONE, "one_shot"),
    "reconstruct": (NONE,), "budget_kind": (NONE, "units"),
}  # fmt: skip


def transfer_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the transfer stage that comparisons are about: the default variant of each method."""
    rows = every_variant(records)
    return rows[rows.variant == DEFAULT]


def every_variant(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the transfer stage with their ablations, and with a pairable label where a number does not apply."""
    rows = records[records.stage == "transfer"]
    shots = named(rows[["shots"]].astype(float), lambda shots: ALL_IMAGES if np.isnan(shots) else f"{shots:g}")
    return rows.assign(pretrain_seed=rows.pretrain_seed.fillna(-1), shots=shots)


def named(keys: pd.DataFrame, name: Callable[..., str]) -> pd.Series:
    """A name a row, from its values; `name` is asked once for equal rows."""
    place = keys.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy()
    names = [name(*values) for values in keys.drop_duplicates().itertuples(index=False, name=None)]
    return pd.Series(np.array(names, dtype=object)[place], keys.index, dtype=object)


def roles_of(rows: pd.DataFrame) -> dict[str, str]:
    """Method -> its role."""
    last = rows[["method", "role"]].drop_duplicates("method", keep="last")
    return dict(zip(last.method, last.role, strict=True))


def settings(rows: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Each setting with its rows; the reference (allocation none) is repeated at every budget of the setting.

    Rows of different settings are never averaged. The reference has the data set, backbone, recipe, tuning and shots of
    the setting; what pruning alone has (pattern, schedule, ...) does not apply to it. Labels of settings are categories.
    """
    rows = rows.astype(dict.fromkeys(SETTING, "category"))
    reference = rows[rows.allocation == NONE]
    found = []
    for labels, group in rows[rows.allocation != NONE].groupby(SETTING, sort=True):
        setting = dict(zip(SETTING, map(str, labels), strict=True))
        same = reference[(reference[REFERENCE] == [setting[key] for key in REFERENCE]).all(axis=1)]
        budgets = group[["budget_asked"]].drop_duplicates()
        repeated = same.drop(columns="budget_asked").merge(budgets, how="cross")
        found.append((setting, pd.concat([group, repeated[group.columns]], ignore_index=True)))
    return sorted(found, key=lambda item: in_order(item[0]))


def in_order(labels: Mapping[Any, object]) -> tuple[object, ...]:
    """Sorts settings: of each model the usual ones first."""
    unusual = [labels[key] not in usual for key, usual in USUAL.items()]
    return (*(str(labels[key]) for key in REFERENCE[:3]), *unusual, *(str(labels[key]) for key in SETTING))


def setting_words(labels: Mapping[Any, object]) -> str:
    """Allocation, BN handling and what is not usual of a setting: `uniform, reestimated BN, tuned@4, 5 shots`."""
    unusual = {key: str(labels[key]) for key, usual in USUAL.items() if labels[key] not in usual}
    forms = {"shots": "{} shots", "budget_kind": "by {}"}
    words = [forms.get(key, "{}").format(value) for key, value in unusual.items()]
    return ", ".join([str(labels["allocation"]), f"{labels['bn']} BN", *words])


def setting_name(labels: Mapping[Any, object]) -> str:
    """A setting in one line, its data set and backbone first."""
    return f"{labels['dataset']} {labels['backbone']} {setting_words(labels)}"


def run_everywhere(rows: pd.DataFrame) -> list[str]:
    """Methods of a setting that were run at each of its points; others compare at fewer, and are not ranked."""
    ran = rows[["method", *POINT]].drop_duplicates()
    points = ran.groupby("method").size()
    return sorted(points.index[points == len(ran[POINT].drop_duplicates())])
