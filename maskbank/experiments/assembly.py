"""The tables of all stages as one set, and what follows from several cells."""

from collections import defaultdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.torch import load_file

from maskbank.experiments.artifacts import Artifact
from maskbank.measures.calibration import expected_calibration_error
from maskbank.measures.overlap import reliability_rows
from maskbank.records.evidence import answered
from maskbank.records.load import merge_tables
from maskbank.records.schema import columns


def assemble(
    parts: list[dict[str, pd.DataFrame]], masks: list[Artifact], calibration_bins: int
) -> dict[str, pd.DataFrame]:
    """The tables as one, with the dense accuracy beside each record; `masks` are those that the stage prune left."""
    tables = merge_tables(parts)
    tables["records"] = with_dense_accuracy(tables["records"])
    more = [calibration(tables, calibration_bins), reliability(masks)]
    tables["metrics"] = pd.concat([tables["metrics"], *more], ignore_index=True)
    return tables


def with_dense_accuracy(records: pd.DataFrame) -> pd.DataFrame:
    """Fill `accuracy_dense`: of the dense reference with the same keys in the same stage, or of the pretrained model itself.

    A seed that a method of transfer has alone stands beside the mean of the reference over its own seeds of the task.
    """
    references = keyed(records[(records.role == "reference") & (records.status == "ok")])
    own = references[references.index.get_level_values("stage").isin(["transfer", "sparsify"])].accuracy
    models = references[references.index.get_level_values("stage") == "pretrain"].set_index("dense_hash").accuracy
    every = keyed(records)
    by_key = pd.Series(every.index.map(own.to_dict()), records.index, dtype=float)
    shared = [name for name in every.index.names if name != "seed"]
    transfer = own[own.index.get_level_values("stage") == "transfer"]
    of_task = transfer.groupby(level=shared).mean().rename("of_task").reset_index()
    beside = every.index.to_frame(index=False).merge(of_task, on=shared, how="left").of_task
    by_key = by_key.fillna(pd.Series(beside.to_numpy(float), records.index))
    by_model = records.dense_hash.where(records.stage.isin(["compress", "pretrain"])).map(models.to_dict())
    dense = by_key.fillna(by_model.astype(float))
    return records.assign(accuracy_dense=dense)


def keyed(records: pd.DataFrame) -> pd.DataFrame:
    """Records indexed by what a dense reference has in common with the cells that it is a reference of."""
    keys = [
        "stage",
        "dataset",
        "backbone",
        "recipe",
        "task",
        "shots",
        "tuning",
        "pretrain_seed",
        "seed",
        "steps",
        "arm",
    ]
    scratch, macs = records.stage == "sparsify", records.setup == "same-macs"
    whole = records.assign(
        shots=records.shots.fillna(0), pretrain_seed=records.pretrain_seed.fillna(-1),
        arm=(records.schedule + records.setup).where(scratch, ""), steps=records.steps.mask(scratch & macs, 0),
    )  # fmt: skip
    return records.set_index(pd.MultiIndex.from_frame(whole[keys]))


def reliability(artifacts: list[Artifact]) -> pd.DataFrame:
    """Metrics of the masks that were made again: how far the remakes agree, beside what chance gives."""
    groups: dict[tuple[object, ...], dict[str, Artifact]] = defaultdict(dict)
    for artifact in artifacts:
        spec = artifact.spec
        keys = ("backbone", "recipe", "pretrain_seed", "bank", "task")
        groups[tuple(spec[key] for key in keys)][spec["variant"]] = artifact
    rows = [
        (made["default"].key, made["default"].spec["train_steps"], *row)
        for made in groups.values()
        if len(made) > 1 and "default" in made
        for row in reliability_rows({variant: mask_of(artifact) for variant, artifact in made.items()})
    ]
    return pd.DataFrame(rows, columns=columns("metrics"))


def mask_of(artifact: Artifact) -> dict[str, NDArray[np.bool_]]:
    tensors = load_file(artifact.path)
    return {name.removeprefix("mask/"): value.numpy() for name, value in tensors.items() if name.startswith("mask/")}


def calibration(tables: dict[str, pd.DataFrame], bins: int) -> pd.DataFrame:
    rows = [
        {
            "cell_key": each.cell_key,
            "steps": each.steps,
            "metric": "ece",
            "setting": f"{bins} bins",
            "value": expected_calibration_error(each.correct, each.probability, bins),
        }
        for each in answered(tables)
    ]
    return pd.DataFrame(rows, columns=list(tables["metrics"].columns))
