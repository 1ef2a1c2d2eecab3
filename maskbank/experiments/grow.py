"""Workers of sparse trainings that run side by side (P-GaP): cells of their own, a round after the other.

A worker reads what all workers of the round before left and combines it itself, so that no cell waits for another inside a
round. What it leaves stays in the store; the cell of the stage sparsify that follows the last round is the one compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Input
from maskbank.config import Params
from maskbank.experiments.sparse_spec import SparseSpec
from maskbank.experiments.work import Facts, Work, tested

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime
    from maskbank.cells.run import Finished
    from maskbank.cells.store import Store

Rounds = Sequence[Sequence[int]]  # for each round of workers the steps of each


class GrowSpec(SparseSpec):
    stage: ClassVar[str] = "grow"
    keeps_artifact: ClassVar[bool] = False

    round: int
    worker: int
    length: int

    def points(self) -> tuple[int, ...]:
        return (self.length,)


def worker_cells(
    cell: Cell[SparseSpec], place: int, lengths: Sequence[int], inputs: dict[str, Input]
) -> list[Cell[GrowSpec]]:
    """The cells of one round; `inputs` are what the round before left."""
    values = cell.spec.model_dump()
    specs = [
        GrowSpec(**{
            **values, "variant": f"round {place} worker {worker}", "round": place, "worker": worker, "length": length
        })
        for worker, length in enumerate(lengths)
    ]  # fmt: skip
    return [Cell(spec, cell.inputs | inputs) for spec in specs]


def planned_workers(cell: Cell[SparseSpec], rounds: Rounds) -> list[Cell[GrowSpec]]:
    """The workers of all rounds, without what they read."""
    return [worker for place, lengths in enumerate(rounds) for worker in worker_cells(cell, place, lengths, {})]


def run_rounds(
    cells: Sequence[Cell[SparseSpec]], rounds: Sequence[Rounds], params: Params, store: Store | None = None
) -> tuple[list[Cell[SparseSpec]], list[Finished]]:
    """Run the workers of all cells, round by round; returns the cells with what the last round left, and the workers."""
    from maskbank.cells.run import run_cells
    from maskbank.cells.store import Store

    store = store or Store()
    finished: list[Finished] = []
    inputs = [dict[str, Input]() for _ in cells]
    for place in range(max(map(len, rounds), default=0)):
        running = [number for number, own in enumerate(rounds) if len(own) > place]
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


def work(spec: GrowSpec, facts: Facts) -> Work:
    return Work(spec.batch * spec.length, tested(spec.classes, facts))


def run(cell: Cell[GrowSpec], runtime: Runtime) -> Result:
    from maskbank.experiments.segments import Spent, segment_of
    from maskbank.experiments.sparse_training import begin, job_of
    from maskbank.pruning.weights import live_weights
    from maskbank.sparse.packing import pack

    spec, job = cell.spec, job_of(cell)
    segment, before = segment_of(cell, job, spec.round, spec.worker)
    trainer = begin(spec, job, runtime, segment)
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
