"""A killed training goes on with the same bytes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from maskbank.cells.engine import Runtime
from maskbank.cells.snapshots import Snapshots
from maskbank.data import batches
from maskbank.data.batches import shift_and_flip
from maskbank.data.dataset import DataSet
from maskbank.models.checkpoint import Architecture
from maskbank.registry import RECIPES
from maskbank.stages.pretrain import PretrainSpec, begin, train_model
from maskbank.training.recipe import Recipe
from maskbank.training.session import Session

STEPS = 50
CLASSES = (0, 1, 2, 3)


def spec_of(recipe: str, **changes: object) -> PretrainSpec:
    values = {
        "backbone": "resnet20", "recipe": recipe, "seed": 3, "classes": CLASSES, "steps": STEPS, "batch": 8, "lr": 0.01,
        "crop": 1, "flip": True, "train_images": 40, "curve_points": 10, **changes,
    }  # fmt: skip
    return PretrainSpec(**values)  # type: ignore[arg-type]


def fresh(spec: PretrainSpec, recipe: Recipe, data: DataSet) -> Session:
    torch.manual_seed(spec.seed)
    return begin(spec, recipe, Architecture("resnet20", 4, 1, 8, {"width": 4}), data, Runtime())


def trained(spec: PretrainSpec, recipe: Recipe, data: DataSet, snapshots: Snapshots) -> Session:
    session = fresh(spec, recipe, data)
    train_model(session, spec, recipe, data, data.examples("train", CLASSES), snapshots)
    return session


class Killed(Exception):
    pass


def assert_same(left: Session, right: Session) -> None:
    assert left.step == right.step
    assert left.curve.rows == right.curve.rows
    one, other = left.model.state_dict(), right.model.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    for mine, theirs in zip(left.optimizer.state.values(), right.optimizer.state.values(), strict=True):
        assert all(torch.equal(torch.as_tensor(mine[name]), torch.as_tensor(theirs[name])) for name in mine)


CASES: list[tuple[str, dict[str, float]]] = [
    ("adam", {}), ("sgd", {}), ("sam", {}), ("cram", {}), ("snt", {"start": 0.5}), ("snt", {}), ("reparam", {}),
]  # fmt: skip
# Each day every recipe in mid-training, one at both ends, and one around the step at which its backbone changes.
DAILY = {7: ("adam", "sgd", "sam", "cram", "snt", "reparam"), 1: ("adam",), 49: ("adam",)}
KILLED = [
    pytest.param(
        name, options, step,
        marks=[pytest.mark.nightly] * (name not in DAILY.get(step, ()) and not (options and step in (24, 25, 26))),
    )
    for name, options in CASES
    for step in (1, 7, 24, 25, 26, 49)
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "killed_at"), KILLED)
def test_a_killed_training_ends_with_the_same_bytes(
    name: str, options: dict[str, float], killed_at: int, data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, recipe = spec_of(name), RECIPES.module(name).recipe(**options)
    whole = trained(spec, recipe, data, Snapshots())
    snapshots = Snapshots(tmp_path, every_s=0)
    interrupted = fresh(spec, recipe, data)
    left = iter(range(killed_at, -1, -1))

    def shift_or_die(*given: Any) -> torch.Tensor:
        if next(left) == 0:
            raise Killed
        return shift_and_flip(*given)

    monkeypatch.setattr(batches, "shift_and_flip", shift_or_die)
    with pytest.raises(Killed):
        train_model(interrupted, spec, recipe, data, data.examples("train", CLASSES), snapshots)
    monkeypatch.undo()
    torch.rand(5)  # another process has drawn other numbers meanwhile
    resumed = trained(spec, recipe, data, snapshots)
    assert_same(whole, resumed)


def test_a_training_goes_on_and_does_not_begin_again(data: DataSet, tmp_path: Path) -> None:
    spec, recipe = spec_of("adam"), RECIPES.module("adam").recipe()
    session = fresh(spec, recipe, data)
    session.advance(30)
    Snapshots(tmp_path).save(session.state())
    resumed = fresh(spec, recipe, data)
    taken: list[int] = []
    resumed.advance = lambda steps: (taken.append(steps), Session.advance(resumed, steps))  # type: ignore[method-assign, assignment, return-value]
    train_model(resumed, spec, recipe, data, data.examples("train", CLASSES), Snapshots(tmp_path))
    assert sum(taken) == 20


def test_training_stops_once_its_loss_is_low_enough(data: DataSet) -> None:
    spec, recipe = spec_of("adam", stop_loss=0.5, steps=200, flip=False), RECIPES.module("adam").recipe()
    session = fresh(spec, recipe, data)
    assert train_model(session, spec, recipe, data, data.examples("train", CLASSES), Snapshots())
    assert session.step < 200
    never = spec_of("adam", stop_loss=1e-9, steps=20)
    session = fresh(never, recipe, data)
    assert not train_model(session, never, recipe, data, data.examples("train", CLASSES), Snapshots())
    assert session.step == 20
