"""A killed sparse training goes on at its phase and step, with the same bytes at the end."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from maskbank.cells.snapshots import Snapshots, State
from maskbank.data import batches
from maskbank.data.batches import shift_and_flip
from maskbank.registry import SPARSIFIERS
from maskbank.sparse.phase import starts_of
from maskbank.sparse.trainer import SparseTrainer
from tests.sparse.conftest import Begin


class Killed(Exception):
    pass


def assert_same(left: SparseTrainer, right: SparseTrainer) -> None:
    assert (left.session.step, left.place, left.peak) == (right.session.step, right.place, right.peak)
    assert (left.train_macs, left.selection_macs) == (right.train_macs, right.selection_macs)
    assert left.curve.rows == right.curve.rows
    one, other = left.model.state_dict(), right.model.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(torch.equal(left.masks[name], right.masks[name]) for name in left.masks)
    for mine, theirs in zip(left.optimizer.state.values(), right.optimizer.state.values(), strict=True):
        assert all(torch.equal(torch.as_tensor(mine[name]), torch.as_tensor(theirs[name])) for name in mine)


class Kept(Snapshots):
    """Every state that was saved, in folders of their own."""

    def save(self, state: State) -> None:
        Snapshots(self.folder / str(state["session"]["step"])).save(state)  # type: ignore[operator]


def points(trainer: SparseTrainer) -> list[int]:
    """A step inside each phase, and the one at which the second begins."""
    starts = starts_of(trainer.phases)
    return sorted({(first + last) // 2 for first, last in pairwise(starts)} | set(starts[1:2]) - {starts[-1]})


CASES = [(name, "constant") for name in SPARSIFIERS.names()] + [
    (name, "restart") for name in ("c_gap", "imp", "rigl", "ac_dc")
]


@pytest.mark.parametrize("everywhere", [False, pytest.param(True, marks=pytest.mark.nightly)])
@pytest.mark.parametrize(("name", "rate"), CASES)
def test_a_training_ends_with_the_same_bytes_from_wherever_it_goes_on(
    name: str, rate: str, everywhere: bool, start: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = 1.0 if name == "dense" else 0.25
    whole = start(name, budget, schedule=rate, debug=False)
    whole.run(Kept(tmp_path, every_s=0))
    steps = sorted(int(folder.name) for folder in tmp_path.iterdir())
    assert steps[:3] == [0, 1, 2]
    assert len(steps) >= 18
    chosen = steps[1:] if everywhere else [step for step in points(whole) if step in steps]
    assert chosen
    for step in chosen:
        torch.rand(5)  # another process has drawn other numbers meanwhile
        resumed, drawn = start(name, budget, schedule=rate, debug=False), []
        monkeypatch.setattr(
            batches, "shift_and_flip", lambda *given, drawn=drawn: drawn.append(1) or shift_and_flip(*given)
        )
        resumed.run(Snapshots(tmp_path / str(step), every_s=1000))
        assert_same(whole, resumed)
        assert len(drawn) == 20 - step, "it goes on and does not begin again"


def test_a_killed_training_goes_on(start: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = start("c_gap")
    whole.run(Snapshots())
    left = iter(range(11, -1, -1))

    def shift_or_die(*given: Any) -> torch.Tensor:
        if next(left) == 0:
            raise Killed
        return shift_and_flip(*given)

    snapshots, interrupted = Snapshots(tmp_path, every_s=0), start("c_gap")
    monkeypatch.setattr(batches, "shift_and_flip", shift_or_die)
    with pytest.raises(Killed):
        interrupted.run(snapshots)
    monkeypatch.undo()
    resumed = start("c_gap")
    resumed.run(snapshots)
    assert_same(whole, resumed)
