"""Workers of sparse trainings that run side by side (P-GaP): cells of their own, a round after the other.

A worker reads what all workers of the round before left and combines it itself, so that no cell waits for another inside a
round. What it leaves stays in the store; the cell of the stage sparsify that follows the last round is the one compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from safetensors.numpy import load_file

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.run import Finished, run_cells
from maskbank.cells.spec import Cell, Input
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.errors import Diverged, InputError
from maskbank.experiments.jobs import Job
from maskbank.experiments.sparse_training import SparsifySpec, Stretch, begin, job_of
from maskbank.files import read_json
from maskbank.pruning.weights import live_weights
from maskbank.sparse.packing import pack, unpack
from maskbank.sparse.parallel import combine, in_line, rounds_of
from maskbank.sparse.phase import Phase


class GrowSpec(SparsifySpec):
    stage: ClassVar[str] = "grow"
    keeps_artifact: ClassVar[bool] = False

    round: int
    worker: int
    length: int

    def points(self) -> tuple[int, ...]:
        return (self.length,)


@dataclass(frozen=True)
class Spent:
    """What trainings side by side have cost so far, of one example a step; `peak`: most live prunable weights of one."""

    example_macs: float = 0.0
    peak: int = 0


def worker_cells(
    cell: Cell[SparsifySpec], place: int, together: Sequence[Phase], inputs: dict[str, Input]
) -> list[Cell]:
    """The cells of one round; `inputs` are what the round before left."""
    values = cell.spec.model_dump()
    specs = [
        GrowSpec(**{
            **values, "variant": f"round {place} worker {worker}", "round": place, "worker": worker, "length": phase.steps
        })
        for worker, phase in enumerate(together)
    ]  # fmt: skip
    return [Cell(spec, cell.inputs | inputs) for spec in specs]


def run_rounds(
    cells: Sequence[Cell[SparsifySpec]],
    schedules: Sequence[Sequence[Phase]],
    params: Params,
    store: Store | None = None,
) -> tuple[list[Cell[SparsifySpec]], list[Finished]]:
    """Run the workers of all cells, round by round; returns the cells with what the last round left, and the workers."""
    store, finished = store or Store(), list[Finished]()
    rounds, inputs = [rounds_of(phases) for phases in schedules], [dict[str, Input]() for _ in cells]
    for place in range(max(map(len, rounds), default=1) - 1):
        running = [
            number for number, own in enumerate(rounds) if len(own) > place + 1 and own[place][0].worker is not None
        ]
        batches = [worker_cells(cells[number], place, rounds[number][place], inputs[number]) for number in running]
        done = run_cells("grow", [each for batch in batches for each in batch], params, store, may_fail=True)
        finished += done
        for number, batch in zip(running, batches, strict=True):
            inputs[number] = {f"worker{each}": left(done.pop(0), store) for each in range(len(batch))}
    return [Cell(cell.spec, cell.inputs | own) for cell, own in zip(cells, inputs, strict=True)], finished


def left(worker: Finished, store: Store) -> Input:
    """Its artifact; where there is none, its status in place of a hash."""
    if worker.status != "ok":
        return Input("", worker.status)
    return Input(str(store.artifact_file(worker.key)), store.artifact_hash(worker.body))


def planned_workers(cells: Sequence[Cell[SparsifySpec]], schedules: Sequence[Sequence[Phase]]) -> list[Cell]:
    """The workers of all rounds, without what they read."""
    return [
        worker
        for cell, phases in zip(cells, schedules, strict=True)
        for place, together in enumerate(rounds_of(phases)[:-1])
        for worker in worker_cells(cell, place, together, {})
        if together[0].worker is not None
    ]


def stretch_of(cell: Cell[SparsifySpec], job: Job, place: int, worker: int = 0) -> tuple[Stretch, Spent]:
    """What a cell of a schedule with workers trains: one phase, from what the round before left."""
    spec, model = cell.spec, job.build()
    phases = spec.phases(model)
    rounds = rounds_of(phases)
    first = sum(phase.steps for phase in in_line(phases)[:place])
    draw = 1 + sum(map(len, rounds[:place])) + worker
    if place == 0:
        return Stretch([rounds[0][worker]], first, None, draw), Spent()
    states, own, before = [], [], Spent()
    for number in range(len(rounds[place - 1])):
        path = left_by(cell, place - 1, number)
        unpack(model, load_file(path))
        states.append({name: value.clone() for name, value in model.state_dict().items()})
        spent = read_json(path.parent / "cell.json")["description"]["spent"]
        own.append(Spent(**spent["own"]))
        before = Spent(**spent["before"])
    total = Spent(
        before.example_macs + sum(each.example_macs for each in own), max(before.peak, *(each.peak for each in own))
    )
    state = combine(model, states, [phase.grown for phase in rounds[place - 1]])
    return Stretch([rounds[place][worker]], first, state, draw), total


def left_by(cell: Cell[SparsifySpec], place: int, number: int) -> Path:
    """What a worker left. Raises Diverged where it diverged, InputError where it did not finish."""
    given = cell.inputs[f"worker{number}"]
    if given.path:
        return Path(given.path)
    kind = Diverged if given.hash == "diverged" else InputError
    raise kind(f"worker {number} of round {place}: {given.hash}; see its cell of the stage grow")


def run(cell: Cell[GrowSpec], runtime: Runtime) -> Result:
    spec, job = cell.spec, job_of(cell)
    stretch, before = stretch_of(cell, job, spec.round, spec.worker)
    trainer = begin(spec, job, runtime, stretch)
    trainer.run(runtime.snapshots)
    live, total = live_weights(trainer.masks)
    own = Spent(trainer.example_macs, trainer.peak)
    values: dict[str, Any] = {
        "budget_achieved": live / total, "train_macs": trainer.train_macs, "params_dense": trainer.cost.params,
        "params": trainer.cost.params - total + live, "macs_dense": trainer.cost.macs,
    }  # fmt: skip
    return Result(
        points=[Point(spec.length, values=values)],
        metrics=[(spec.length, "params_peak", "none", float(trainer.cost.params - total + trainer.peak))],
        curves=trainer.curve.rows,
        timings={"adaptation_seconds": trainer.session.seconds},
        tensors=pack(trainer.model, trainer.masks),
        description={**job.describe(), "spent": {"own": vars(own), "before": vars(before)}},
    )
