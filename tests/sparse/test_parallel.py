"""P-GaP: rounds of workers, what of each goes on, and cells that run side by side on any engine with the same bytes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch import nn

from maskbank.cells.engine import Runtime
from maskbank.cells.run import run_cells
from maskbank.cells.spec import Cell, Input
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.experiments import grow
from maskbank.experiments.segments import segment_of
from maskbank.experiments.sparse_schedules import worker_rounds
from maskbank.experiments.sparse_training import Segment, begin, job_of, phases_of
from maskbank.experiments.sparse_training import goal_of as goal_of_spec
from maskbank.files import hash_file
from maskbank.measures.weight_cost import weight_cost
from maskbank.pruning.weights import prunable_weights
from maskbank.sparse.goal import Goal
from maskbank.sparse.methods import p_gap
from maskbank.sparse.packing import unpack
from maskbank.sparse.parallel import combine, critical_path, rounds_of
from maskbank.sparse.partitions import rounds_at_random
from maskbank.sparse.phase import training_macs
from maskbank.sparse.schedule import same_line, schedule
from maskbank.stages import sparsify
from maskbank.stages.sparsify import SparsifySpec
from tests.conftest import ARCHITECTURES

MODEL = {"width": 4, "dense": 32, "dense_depth": 3, "norm": True}
SHAPES = {f"layer{place}.weight": (4, 4) for place in range(4)}


def goal_of(steps: int = 20, **changes: Any) -> Goal:
    return Goal(SHAPES, 0.25, "uniform", steps, 0.2, **changes)


def test_rounds_and_the_line() -> None:
    phases = p_gap.phases(goal_of(), partitions=2, rounds=3)
    assert [phase.steps for phase in phases] == [2] * 6 + [8], "what the rounds leave over is fine-tune"
    assert [[phase.worker for phase in together] for together in rounds_of(phases)] == [[0, 1]] * 3 + [[None]]
    assert [phase.steps for phase in critical_path(phases)] == [2, 2, 2, 8]
    assert [list(phase.grown) for phase in phases[:2]] == [
        ["layer0.weight", "layer1.weight"], ["layer2.weight", "layer3.weight"],
    ]  # fmt: skip


@pytest.mark.parametrize(("partitions", "rounds"), [(2, 2), (3, 2), (4, 8)])
def test_the_same_line_is_as_long_as_its_steps(partitions: int, rounds: int) -> None:
    options = {"partitions": partitions, "rounds": rounds}
    goal = same_line("p_gap", goal_of(400), options)
    line, longer = (
        sum(phase.steps for phase in critical_path(schedule("p_gap", replace(goal, steps=steps), options)))
        for steps in (goal.steps, goal.steps + 1)
    )
    assert goal.steps > 1.3 * 400
    assert line <= 400 < longer
    assert line > 390
    assert same_line("c_gap", goal_of(400), options | {"rounds": 2}).steps == 400, "one after the other as it is"


def test_random_rounds_part_all_layers_anew() -> None:
    parts = rounds_at_random(goal_of(seed=5), 3, 20)
    for place in range(0, 60, 3):
        together = [name for part in parts[place : place + 3] for name in part]
        assert sorted(together) == sorted(SHAPES)
        assert all(part == sorted(part) for part in parts[place : place + 3])
    assert len({tuple(map(tuple, parts[place : place + 3])) for place in range(0, 60, 3)}) > 6, "of 12"
    assert parts == rounds_at_random(goal_of(seed=5), 3, 20) != rounds_at_random(goal_of(seed=6), 3, 20)


@pytest.mark.parametrize(
    ("options", "steps", "said"),
    [
        ({"partitions": 5}, 20, r"p_gap\.partitions = 5: the model has 4 layers"),
        ({"rounds": 0}, 20, r"p_gap\.rounds = 0: expected 1 or more"),
        ({"partitions": 4, "rounds": 5}, 20, "steps = 20: too few for 20 growth phases"),
    ],
)
def test_what_does_not_fit(options: dict[str, int], steps: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        p_gap.phases(goal_of(steps), **options)


class Two(nn.Module):
    """A stem, two blocks of a layer and its norm, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(2, 2)
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 2), nn.LayerNorm(2)) for _ in range(2)]
        )
        self.norm = nn.BatchNorm2d(2)
        self.head = nn.Linear(2, 2)


def test_of_each_worker_its_part_and_its_norms_go_on_and_the_rest_is_averaged() -> None:
    model = Two()
    states = [{name: torch.full_like(value, worker) for name, value in model.state_dict().items()} for worker in (1, 3)]
    parts = [[name] for name in prunable_weights(model)]
    assert parts == [["blocks.0.1.weight"], ["blocks.1.1.weight"]]
    found = {name: float(value.double().mean()) for name, value in combine(model, states, parts).items()}
    assert {value for name, value in found.items() if name.startswith("blocks.0")} == {1.0}
    assert {value for name, value in found.items() if name.startswith("blocks.1")} == {3.0}
    rest = {name: value for name, value in found.items() if not name.startswith("blocks")}
    assert rest.pop("norm.num_batches_tracked") == 1.0, "a count is not averaged"
    assert set(rest.values()) == {2.0}


@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_real_models_part_into_their_blocks(name: str) -> None:
    model = ARCHITECTURES[name].build()
    weights = list(prunable_weights(model))
    parts = [weights[: len(weights) // 2], weights[len(weights) // 2 :]]
    states = [{name: torch.full_like(value, worker) for name, value in model.state_dict().items()} for worker in (0, 2)]
    found = combine(model, states, parts)
    assert all((found[name] == 0).all() for name in parts[0])
    assert all((found[name] == 2).all() for name in parts[1])
    classifier = model.get_classifier()  # type: ignore[operator]
    head = next(name for name, module in model.named_modules() if module is classifier)
    assert (found[f"{head}.weight"] == 1).all()
    assert (found[f"{head}.bias"] == 1).all()


@pytest.fixture
def prepared(data: DataSet, tmp_path: Path) -> Input:
    folder = tmp_path / "prepared"
    folder.mkdir()
    save_file({name: value.contiguous() for name, value in data.arrays.items()}, folder / "images.safetensors")
    about = {"names": data.names, "mean": data.mean.tolist(), "std": data.std.tolist(), "image": [1, 8]}
    (folder / "data.json").write_text(json.dumps(about))
    return Input(str(folder), hash_file(folder / "images.safetensors"))


def cell_of(data: Input, **changes: Any) -> Cell[SparsifySpec]:
    values = {
        "backbone": "cnn", "model": MODEL, "method": "p_gap", "budget_asked": 0.25, "allocation": "uniform", "seed": 3,
        "pattern": "unstructured", "schedule": "restart", "classes": (0, 1, 2, 3), "steps": 20, "tune_fraction": 0.4,
        "batch": 8, "lr": 0.01, "debug": True, "options": {"partitions": 2, "rounds": 2}, **changes,
    }  # fmt: skip
    return Cell(SparsifySpec(**values), {"data": data})


def run_whole(cell: Cell[SparsifySpec], kind: str, root: Path) -> tuple[Store, list[Any], Any]:
    params = Params.model_validate({"engine": {"kind": kind, "workers": 2}})
    store = Store(root)
    rounds = worker_rounds(phases_of(cell.spec, job_of(cell).build()))
    cells, workers = grow.run_rounds([cell], [rounds], params, store)
    return store, workers, run_cells("sparsify", cells, params, store)[0]


GLOBAL, PATTERN = {"allocation": "global", "schedule": "constant"}, {"pattern": "2:4", "budget_asked": 0.5}


@pytest.mark.parametrize(
    ("changes", "rounds", "kinds"),
    [
        ({}, 2, ["serial"]),
        (GLOBAL, 2, ["serial"]),
        (PATTERN, 2, ["serial"]),
        ({}, 1, ["serial", "process"]),
        pytest.param({}, 2, ["serial", "process"], marks=pytest.mark.nightly),
    ],
)
def test_workers_are_cells_with_the_same_bytes_on_any_engine(
    changes: dict[str, Any], rounds: int, kinds: list[str], prepared: Input, tmp_path: Path
) -> None:
    changes = changes | {"options": {"partitions": 2, "rounds": rounds}}
    if changes.get("pattern"):
        changes = changes | {"model": {**MODEL, "width": 8}}
    found = []
    for kind in kinds:
        store, workers, last = run_whole(cell_of(prepared, **changes), kind, tmp_path / kind)
        assert [worker.cell.spec.variant for worker in workers] == [
            f"round {number} worker {worker}" for number in range(rounds) for worker in range(2)
        ]
        assert {worker.status for worker in workers} == {"ok"}
        assert last.status in ("ok", "collapsed")
        found.append([store.artifact_hash(done.body) for done in [*workers, last]])
        assert len(set(found[-1])) == 2 * rounds + 1
        values = {(metric, setting): value for _, metric, setting, value in last.body["metrics"]}
        assert values["sequential_steps", "none"] == 12 // (2 * rounds) * rounds + 8
        assert last.body["points"][0]["steps"] == 20
        spent = sum(worker.body["points"][0]["values"]["train_macs"] for worker in workers)
        total = last.body["points"][0]["values"]["train_macs"]
        assert spent < total < 3 * 8 * 20 * last.body["points"][0]["values"]["macs_dense"]
        budget = last.body["points"][0]["values"]["budget_achieved"]
        assert abs(budget - (changes.get("budget_asked") or 0.25)) < 0.01
    assert found[0] == found[-1]


def test_workers_rounds_and_the_fine_tune_see_batches_of_their_own(prepared: Input) -> None:
    """As other methods do: in as many steps as all of them take together, about as many images, in no order twice."""
    cell = cell_of(prepared, options={"partitions": 2, "rounds": 2}, steps=40, batch=4)
    job = job_of(cell)
    rounds = rounds_of(phases_of(cell.spec, job.build()))
    drawn, number = [], 0
    for together in rounds:
        for phase in together:
            segment = Segment([phase], draw=0 if len(together) == 1 else (number := number + 1))
            drawn.append([x for x, _ in begin(cell.spec, job, Runtime(), segment).batches])
    firsts = [torch.stack(own[:2]) for own in drawn]
    assert not any(torch.equal(a, b) for place, a in enumerate(firsts) for b in firsts[:place])
    again = [x for x, _ in begin(cell.spec, job, Runtime(), Segment([rounds[0][0]], draw=1)).batches]
    assert all(torch.equal(a, b) for a, b in zip(again, drawn[0], strict=True))


def test_workers_start_from_one_sparse_model_with_their_own_partition_whole(prepared: Input) -> None:
    cell = cell_of(prepared, options={"partitions": 3, "rounds": 1})
    job = job_of(cell)
    first = rounds_of(phases_of(cell.spec, job.build()))[0]
    started = []
    for number, phase in enumerate(first):
        trainer = begin(cell.spec, job, Runtime(), Segment([phase], draw=1 + number))
        made = {name: weight.clone() for name, weight in trainer.weights.items()}
        trainer.begin(0)
        for name in phase.grown:
            assert torch.equal(trainer.weights[name], made[name]), "as it was made, none of it at zero"
            assert trainer.masks[name].all()
        started.append((trainer.masks, set(phase.grown)))
    (one, grown), (other, also), _ = started
    assert not grown & also
    sparse = set(one) - grown - also
    assert sparse
    assert all(torch.equal(one[name], other[name]) for name in sparse)
    assert not all(one[name].all() for name in sparse)


def test_what_it_costs_is_what_its_schedule_says(prepared: Input, tmp_path: Path) -> None:
    cell = cell_of(prepared)
    _, _, last = run_whole(cell, "serial", tmp_path / "cells")
    job = job_of(cell)
    model = job.build()
    said = training_macs(phases_of(cell.spec, model), goal_of_spec(cell.spec, model), weight_cost(model, job.blank))
    assert last.body["points"][0]["values"]["train_macs"] == pytest.approx(8 * said, rel=1e-12)


def test_a_round_goes_on_from_what_the_workers_left(prepared: Input, tmp_path: Path) -> None:
    cell = cell_of(prepared)
    store, workers, _ = run_whole(cell, "serial", tmp_path / "cells")
    inputs = {f"worker{number}": grow.left(workers[number], store) for number in range(2)}
    job = job_of(cell)
    own = [job.build().state_dict() for _ in range(2)]
    second = grow.worker_cells(cell, 1, worker_rounds(phases_of(cell.spec, job.build()))[1], inputs)[0]
    segment, spent = segment_of(second, job, 1, 0)
    assert segment.state is not None
    assert segment.first == 3
    first, other = rounds_of(phases_of(cell.spec, job.build()))[0]
    for worker, phase in enumerate((first, other)):
        model = job.build()
        unpack(model, load_file(inputs[f"worker{worker}"].path))
        own[worker] = model.state_dict()
        for name in phase.grown:
            assert torch.equal(segment.state[name], own[worker][name])
    assert torch.equal(segment.state["head.weight"], (own[0]["head.weight"] + own[1]["head.weight"]) / 2)
    assert spent.example_macs > 0
    assert spent.peak > 0


def test_a_worker_that_failed_fails_what_needs_it_and_says_so(prepared: Input, tmp_path: Path) -> None:
    cell = cell_of(prepared, lr=1e30)
    _, workers, last = run_whole(cell, "serial", tmp_path / "cells")
    assert {worker.status for worker in workers[:2]} == {"diverged"}
    assert last.status == "diverged"
    assert last.body["points"][0]["reason"] == "worker 0 of round 1: diverged; see its cell of the stage grow"


def test_a_worker_that_did_not_finish_is_named(prepared: Input) -> None:
    cell = cell_of(prepared)
    missing = Cell(cell.spec, cell.inputs | {"worker0": Input("", "timeout"), "worker1": Input("", "timeout")})
    with pytest.raises(InputError, match="worker 0 of round 1: timeout"):
        sparsify.run(missing, Runtime())


def test_other_methods_have_no_workers(prepared: Input) -> None:
    cell = cell_of(prepared, method="c_gap")
    params = Params.model_validate({"engine": {"kind": "serial"}})
    cells, workers = grow.run_rounds([cell], [[]], params)
    assert (cells, workers) == ([cell], [])


def test_a_cell_of_one_segment_reads_no_worker(prepared: Input) -> None:
    cell = cell_of(prepared, method="c_gap")
    result = sparsify.run(cell, Runtime())
    assert ("sequential_steps", 20.0) in {(metric, value) for _, metric, _, value in result.metrics}
