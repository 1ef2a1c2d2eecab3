"""Latency of sub-networks, models run in int8, then the tables of all stages as one, with what evidence adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.checks import among
from maskbank.config import Params
from maskbank.errors import WorkError
from maskbank.experiments import int8
from maskbank.experiments.state import Starts, State, pretrained_on
from maskbank.experiments.work import Facts, Work
from maskbank.records.places import REPORTS, table_folders
from maskbank.stages.pretrain import Pretrain

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime

AFTER = "relate"


def check(params: Params) -> None:
    known = params[Pretrain].backbones
    among(params.evaluate.int8_backbones, known, "evaluate.int8_backbones", "not among pretrain.backbones")


class LatencySpec(Spec):
    stage: ClassVar[str] = "evaluate"

    image: tuple[int, int]
    latency_batch: int
    repeats: int


def plan(params: Params, state: State) -> list[Cell[Spec]]:
    return [*latency_cells(params, state), *int8.plan(params, state)]


def latency_cells(params: Params, state: State) -> list[Cell[LatencySpec]]:
    """Latency of the sub-networks of each backbone's first target task and seed, at every budget and allocation."""
    given, backbones = params.evaluate, params[Starts].backbones
    cells: list[Cell[LatencySpec]] = []
    checkpoints = state.checkpoints(backbones)
    artifacts = [a for a in state.artifacts("transfer") if a.spec["method"] in given.latency_methods]
    for backbone in backbones:
        mine = [a for a in artifacts if a.spec["backbone"] == backbone]
        if not mine:
            continue
        first = mine[0].spec
        same = ("task", "pretrain_seed", "seed", "shots", "tuning", "variant")
        for artifact in mine:
            spec = artifact.spec
            if any(spec[name] != first[name] for name in same):
                continue
            split = pretrained_on(spec["split"], spec["task_split"])
            dense = checkpoints.find(backbone, spec["recipe"], spec["pretrain_seed"], split)
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


def work(spec: LatencySpec, facts: Facts) -> Work:
    return Work(evaluated=spec.repeats)


def execute(params: Params) -> None:
    from maskbank.experiments.assembly import assemble
    from maskbank.experiments.folders import run_stage
    from maskbank.records.evidence import check_evidence
    from maskbank.records.load import read_tables, write_tables

    state = State(params)
    run_stage("evaluate", plan(params, state), params)
    folders = table_folders(params[Pretrain].backbones).values()
    parts = [read_tables(folder) for stage in folders for folder in stage]
    tables = assemble(parts, state.artifacts("prune"), params.evaluate.calibration_bins)
    wrong = check_evidence(tables)
    if wrong:
        raise WorkError(f"evaluate: {len(wrong)} accuracies are not those of their evidence, the first: {wrong[0]}")
    write_tables(tables, REPORTS)
    print(f"evaluate: {len(tables['records'])} records of {tables['records'].cell_key.nunique()} cells in {REPORTS}")


def run(cell: Cell[LatencySpec], runtime: Runtime) -> Result:
    import torch
    from safetensors.torch import load_file

    from maskbank.experiments.dense import dense_model
    from maskbank.measures.cost import tensor_bytes, trace_cost
    from maskbank.measures.latency import measure_latency
    from maskbank.models.surgery import slice_units
    from maskbank.pruning.prune import unit_set

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
