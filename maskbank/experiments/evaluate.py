"""Evaluation of what the other stages left: latency cells, calibration from evidence, and the one table of records."""

from collections import defaultdict
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.experiments.dense import dense_model
from maskbank.experiments.folders import Artifact
from maskbank.experiments.world import World, home_of
from maskbank.measures.calibration import expected_calibration_error
from maskbank.measures.cost import tensor_bytes, trace_cost
from maskbank.measures.latency import measure_latency
from maskbank.measures.overlap import reliability_rows
from maskbank.models.surgery import slice_units
from maskbank.pruning.prune import unit_set
from maskbank.records.evidence import answered
from maskbank.records.load import merge_tables, read_tables, table_folders
from maskbank.records.schema import columns


class LatencySpec(Spec):
    stage: ClassVar[str] = "evaluate"

    image: tuple[int, int]
    latency_batch: int
    repeats: int


def plan(params: Params, world: World) -> list[Cell[LatencySpec]]:
    """Latency of the sub-networks of each backbone's first target task and seed, at every budget and allocation."""
    given = params.evaluate
    cells: list[Cell[LatencySpec]] = []
    shelf = world.shelf(params.transfer.backbones)
    artifacts = [a for a in world.artifacts("transfer") if a.spec["method"] in given.latency_methods]
    for backbone in params.transfer.backbones:
        mine = [a for a in artifacts if a.spec["backbone"] == backbone]
        if not mine:
            continue
        first = mine[0].spec
        same = ("task", "pretrain_seed", "seed", "shots", "tuning", "variant")
        for artifact in mine:
            spec = artifact.spec
            if any(spec[name] != first[name] for name in same):
                continue
            home = home_of(spec["split"], spec["task_split"])
            dense = shelf.find(backbone, spec["recipe"], spec["pretrain_seed"], home)
            copied = {name: spec[name] for name in Spec.model_fields if name != "setup"}
            cells.append(
                Cell(
                    LatencySpec(
                        **copied, setup="same-base", repeats=given.latency_repeats, latency_batch=given.latency_batch,
                        image=(dense.description["channels"], dense.description["size"]),
                    ),
                    {"dense": dense.input, "kept": artifact.input},
                )
            )  # fmt: skip
    return cells


def run(cell: Cell[LatencySpec], runtime: Runtime) -> Result:
    spec = cell.spec
    dense = dense_model(cell)
    kept = {name.removeprefix("kept/"): index for name, index in load_file(cell.input_path("kept")).items()}
    cost = trace_cost(dense, spec.image, unit_set(spec.pattern))
    sliced = slice_units(dense, list(cost.layers), kept)
    x = torch.zeros(spec.latency_batch, spec.image[0], spec.image[1], spec.image[1])
    x = x.contiguous(memory_format=torch.channels_last)
    pruned, full = measure_latency([sliced, dense], x, spec.repeats)
    counts = {name: len(index) for name, index in kept.items()}
    values: dict[str, Any] = {
        "params": cost.params(counts), "params_dense": cost.params(cost.dense),
        "macs": cost.macs(counts), "macs_dense": cost.macs(cost.dense), "bytes": tensor_bytes(sliced),
    }  # fmt: skip
    timings = {
        "latency_ms": pruned.median, "latency_low_ms": pruned.low, "latency_high_ms": pruned.high,
        "latency_dense_ms": full.median,
    }  # fmt: skip
    return Result(points=[Point(values=values)], timings=timings)


def assemble(params: Params, world: World) -> dict[str, pd.DataFrame]:
    """All stages' tables as one set, with the dense accuracy beside each record, and what follows from several cells."""
    tables = merge_tables(
        [read_tables(folder) for folders in table_folders(params.pretrain.backbones).values() for folder in folders]
    )
    tables["records"] = with_dense_accuracy(tables["records"])
    more = [calibration(tables, params.evaluate.calibration_bins), reliability(world.artifacts("prune"))]
    tables["metrics"] = pd.concat([tables["metrics"], *more], ignore_index=True)
    return tables


def with_dense_accuracy(records: pd.DataFrame) -> pd.DataFrame:
    """Fill `accuracy_dense`: of the dense reference with the same keys in the same stage, or of the pretrained net itself."""
    references = keyed(records[(records.role == "reference") & (records.status == "ok")])
    own = references[references.index.get_level_values("stage").isin(["transfer", "sparsify"])].accuracy
    nets = references[references.index.get_level_values("stage") == "pretrain"].set_index("dense_hash").accuracy
    by_key = keyed(records).index.map(own.to_dict())
    by_net = records.dense_hash.where(records.stage.isin(["compress", "pretrain"])).map(nets.to_dict())
    dense = pd.Series(by_key, index=records.index, dtype=float).fillna(by_net.astype(float))
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
