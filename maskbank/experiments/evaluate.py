"""Evaluation of what the other stages left: latency cells, calibration from evidence, and the one table of records."""

from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import torch
from safetensors.torch import load_file

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.experiments.dense import dense_model
from maskbank.experiments.folders import stage_folder
from maskbank.experiments.world import World, home_of
from maskbank.measures.calibration import expected_calibration_error
from maskbank.measures.cost import tensor_bytes, trace_cost
from maskbank.measures.latency import measure_latency
from maskbank.models.surgery import slice_units
from maskbank.pruning.prune import unit_set
from maskbank.records.evidence import answered
from maskbank.records.load import merge_tables, read_tables


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
        same = ("task", "pretrain_seed", "seed")
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


def stage_folders(params: Params) -> list[Path]:
    """Folders whose tables make up the records."""
    pretrain = [stage_folder("pretrain", backbone) for backbone in params.pretrain.backbones]
    return [*pretrain, *(stage_folder(stage) for stage in ("compress", "sparsify", "prune", "transfer", "evaluate"))]


def assemble(params: Params) -> dict[str, pd.DataFrame]:
    """All stages' tables as one set, with the dense accuracy beside each record and calibration in the metrics."""
    tables = merge_tables([read_tables(folder) for folder in stage_folders(params)])
    tables["records"] = with_dense_accuracy(tables["records"])
    tables["metrics"] = pd.concat(
        [tables["metrics"], calibration(tables, params.evaluate.calibration_bins)], ignore_index=True
    )
    return tables


def with_dense_accuracy(records: pd.DataFrame) -> pd.DataFrame:
    """Fill `accuracy_dense`: of the dense reference with the same keys in the same stage, or of the pretrained net itself."""
    references = records[(records.role == "reference") & (records.status == "ok")]
    keys = ["stage", "backbone", "recipe", "task", "pretrain_seed", "seed", "steps"]
    own = references[references.stage.isin(["transfer", "sparsify"])].set_index(keys).accuracy
    nets = references[references.stage == "pretrain"].set_index("dense_hash").accuracy
    by_key = pd.MultiIndex.from_frame(records[keys]).map(own.to_dict())
    by_net = records.dense_hash.where(records.stage.isin(["compress", "pretrain"])).map(nets.to_dict())
    dense = pd.Series(by_key, index=records.index, dtype=float).fillna(by_net.astype(float))
    return records.assign(accuracy_dense=dense)


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
