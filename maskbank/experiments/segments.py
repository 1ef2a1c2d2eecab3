"""What a cell of a schedule with workers trains: one phase, from what the workers of the round before left."""

from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

from maskbank.cells.spec import Cell
from maskbank.errors import Diverged, InputError
from maskbank.experiments.jobs import Job
from maskbank.experiments.sparse_spec import SparseSpec
from maskbank.experiments.sparse_training import Segment, phases_of
from maskbank.files import read_json
from maskbank.sparse.packing import unpack
from maskbank.sparse.parallel import combine, critical_path, rounds_of


@dataclass(frozen=True)
class Spent:
    """What trainings side by side have cost so far, of one example a step; `peak`: most live prunable weights of one."""

    example_macs: float = 0.0
    peak: int = 0


def segment_of(cell: Cell[SparseSpec], job: Job, place: int, worker: int = 0) -> tuple[Segment, Spent]:
    """The phase of a round, and what was spent before it."""
    model = job.build()
    phases = phases_of(cell.spec, model)
    rounds = rounds_of(phases)
    first = sum(phase.steps for phase in critical_path(phases)[:place])
    draw = 1 + sum(map(len, rounds[:place])) + worker
    if place == 0:
        return Segment([rounds[0][worker]], first, None, draw), Spent()
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
    return Segment([rounds[place][worker]], first, state, draw), total


def left_by(cell: Cell[SparseSpec], place: int, number: int) -> Path:
    """What a worker left. Raises Diverged where it diverged, InputError where it did not finish."""
    given = cell.inputs[f"worker{number}"]
    if given.path:
        return Path(given.path)
    kind = Diverged if given.hash == "diverged" else InputError
    raise kind(f"worker {number} of round {place}: {given.hash}; see its cell of the stage grow")
