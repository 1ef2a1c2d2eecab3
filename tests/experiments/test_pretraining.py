"""Cells of pretraining and of compression: what is planned, and what a cell leaves."""

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from maskbank.cells.engine import Runtime, run_cell
from maskbank.cells.spec import Cell, Input, Spec
from maskbank.cells.store import Store
from maskbank.config import Engine
from maskbank.data.dataset import DataSet, open_dataset
from maskbank.errors import InputError
from maskbank.experiments.planned import PlannedState
from maskbank.files import hash_file, write_json
from maskbank.params import validate
from maskbank.stages import compress, pretrain
from maskbank.stages.pretrain import PretrainSpec

CLASSES = (0, 1, 2, 3)


def planned(stage: Any, **sections: dict[str, Any]) -> list[Cell[Any]]:
    base: dict[str, Any] = {
        "data": {"source": "digits"},
        "tasks": {"splits": 0, "given_targets": [], "unseen_splits": 0},
    }
    params = validate(base | sections, "test")
    return list(stage.plan(params, PlannedState(params)))


def test_every_recipe_and_seed_is_a_cell_and_a_matched_loss_doubles_them() -> None:
    section = {"recipes": {"resnet20": ["adam", "adam_long"], "vit": ["adam"]}, "seeds": [0, 4], "steps": 100}
    cells = planned(pretrain, pretrain=section)
    assert [(c.spec.backbone, c.spec.recipe, c.spec.seed, c.spec.steps) for c in cells] == [
        ("resnet20", "adam", 0, 100), ("resnet20", "adam", 4, 100), ("resnet20", "adam_long", 0, 200),
        ("resnet20", "adam_long", 4, 200), ("vit", "adam", 0, 100), ("vit", "adam", 4, 100),
    ]  # fmt: skip
    twice = planned(pretrain, pretrain={**section, "stop_loss": {"resnet20": 0.1, "vit": 0.2}})
    assert [cell.spec.stop for cell in twice] == ["steps", "loss"] * 6
    assert {cell.spec.setup for cell in twice if cell.spec.stop == "loss"} == {"matched-loss"}
    assert [cell.spec for cell in twice if cell.spec.stop == "steps"] == [cell.spec for cell in cells]


def test_options_of_recipes_are_theirs_alone() -> None:
    section = {
        "recipes": {"resnet20": ["adam", "sam"], "vit": ["adam"]},
        "seeds": [0],
        "options": {"sam": {"rho": 0.2}},
    }
    options = {cell.spec.recipe: cell.spec.recipe_options for cell in planned(pretrain, pretrain=section)}
    assert options == {"adam": {}, "sam": {"rho": 0.2}}
    with pytest.raises(InputError, match=r"pretrain\.options\.sam\.radius"):
        planned(pretrain, pretrain={**section, "options": {"sam": {"radius": 1}}})


def test_what_is_folded_has_no_batchnorm_to_reestimate() -> None:
    grid = {"methods": ["l1"], "budgets": [0.5], "bn": ["reestimated", "kept"], "forms": ["trained", "folded"]}
    cells = planned(compress, pretrain={"seeds": [0], "recipes": {"resnet20": ["snt"], "vit": ["snt"]}},
                    transfer={"recipe": "snt"}, compress={"grids": [grid]})  # fmt: skip
    assert [(c.spec.backbone, c.spec.form, c.spec.bn) for c in cells] == [
        ("resnet20", "trained", "reestimated"), ("resnet20", "trained", "kept"), ("resnet20", "folded", "none"),
        ("vit", "trained", "none"), ("vit", "folded", "none"),
    ]  # fmt: skip


def test_grids_choose_models_by_what_ended_their_training() -> None:
    grids = [
        {"methods": ["l1"], "budgets": [0.5], "stops": ["steps", "loss"]},
        {"methods": ["quantize"], "budgets": [8], "activation_bits": 6},
    ]
    section = {
        "seeds": [0],
        "backbones": ["resnet20"],
        "recipes": {"resnet20": ["adam"]},
        "stop_loss": {"resnet20": 0.1},
    }
    cells = planned(compress, pretrain=section, compress={"grids": grids})
    found = {(cell.spec.method, cell.spec.stop, cell.spec.activation_bits, cell.spec.score_images) for cell in cells}
    assert found == {("l1", "steps", None, 256), ("l1", "loss", None, 256), ("quantize", "steps", 6, 256)}


@pytest.fixture
def prepared(data: DataSet, tmp_path: Path) -> Iterator[Input]:
    """The tiny data set on disk, as the stage prepare leaves it."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    save_file(data.arrays, folder / "images.safetensors")
    about = {"names": data.names, "mean": data.mean.tolist(), "std": data.std.tolist()}
    write_json(folder / "data.json", about)
    yield Input(str(folder), hash_file(folder / "images.safetensors"))
    open_dataset.cache_clear()


def cell_of(prepared: Input, **changes: Any) -> Cell[PretrainSpec]:
    values = {
        "backbone": "resnet20", "recipe": "adam", "seed": 1, "classes": CLASSES, "options": {"width": 4}, "steps": 40,
        "batch": 8, "lr": 0.01, "crop": 1, "flip": False, "train_images": 40, **changes,
    }  # fmt: skip
    return Cell(PretrainSpec(**values), {"data": prepared})


def test_a_model_leaves_its_losses_gap_and_cost(prepared: Input) -> None:
    result = pretrain.run(cell_of(prepared, recipe="sam"), Runtime())
    (point,) = result.points
    metrics = {name: value for _, name, _, value in result.metrics}
    assert point.steps == 40
    assert {"train_accuracy", "train_loss", "validation_accuracy", "validation_loss"} < set(metrics)
    assert metrics["test_reads"] == 1
    assert point.values["train_macs"] == 3 * 2 * point.values["macs"] * 8 * 40
    assert result.timings["adaptation_seconds"] > 0
    assert result.description["transform"] is None


def test_a_model_trained_to_a_loss_says_when_and_whether(prepared: Input) -> None:
    result = pretrain.run(cell_of(prepared, stop="loss", stop_loss=0.4, steps=400), Runtime())
    metrics = {name: value for _, name, _, value in result.metrics}
    assert result.points[0].steps < 400
    assert metrics["stop_loss_reached"] == 1
    assert metrics["train_loss"] <= 0.4
    never = pretrain.run(cell_of(prepared, stop="loss", stop_loss=1e-9, steps=8), Runtime())
    assert {name: value for _, name, _, value in never.metrics}["stop_loss_reached"] == 0


def test_a_transformed_model_is_described_as_it_is_and_a_merged_one_is_ordinary(prepared: Input) -> None:
    parallel = pretrain.run(cell_of(prepared, recipe="snt", recipe_options={"scale": 0.5}, steps=2), Runtime())
    assert parallel.description["transform"] == {"name": "s2p", "options": {"parallel": 2, "scale": 0.5}}
    merged = pretrain.run(cell_of(prepared, recipe="reparam", steps=2), Runtime())
    plain = pretrain.run(cell_of(prepared, steps=2), Runtime())
    assert merged.description == plain.description
    assert merged.tensors.keys() == plain.tensors.keys()


def test_a_diverging_training_is_recorded_with_its_step(prepared: Input, tmp_path: Path) -> None:
    store = Store(tmp_path / "cells")
    assert run_cell(cell_of(prepared, lr=1e30, recipe="sgd"), "k", store, "float32", Engine()) == "diverged"
    body = store.get("k")
    assert body is not None
    assert "at step" in body["points"][0]["reason"]


def test_a_recipe_that_does_not_apply_fails_by_name(prepared: Input, tmp_path: Path) -> None:
    store = Store(tmp_path / "cells")
    options = {"recipe_options": {"parallel": 4}, "recipe": "snt"}
    assert run_cell(cell_of(prepared, **options), "k", store, "float32", Engine()) == "failed"
    body = store.get("k")
    assert body is not None
    assert "S2P: stage 1 of the ResNet has 2 identity blocks; at least 4 are needed" in body["points"][0]["reason"]


def run_and_die(cell: Cell[Spec], store: Store, after: int) -> None:
    """Run a cell in a process that is killed when it draws its next batch."""
    from maskbank.data.batches import TrainingBatches

    torch.set_num_threads(1)
    draw, left = TrainingBatches.__next__, iter(range(after, -1, -1))

    def draw_or_die(self: TrainingBatches) -> tuple[torch.Tensor, torch.Tensor]:
        if next(left) == 0:
            os._exit(9)
        return draw(self)

    TrainingBatches.__next__ = draw_or_die  # type: ignore[method-assign]
    run_cell(cell, "k", store, "float32", Engine(checkpoint_s=0))


def test_a_killed_process_leaves_what_the_next_one_goes_on_from(prepared: Input, tmp_path: Path) -> None:
    cell, store, whole = cell_of(prepared), Store(tmp_path / "broken" / "cells"), Store(tmp_path / "whole" / "cells")
    run_cell(cell, "k", whole, "float32", Engine())
    process = multiprocessing.get_context("spawn").Process(target=run_and_die, args=(cell, store, 23))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert store.get("k") is None
    assert (store.unfinished("k") / "snapshot").is_file()
    run_cell(cell, "k", store, "float32", Engine())
    assert not store.unfinished("k").exists()
    names = ("artifact.safetensors", "evidence.safetensors")
    assert all((store.folder("k") / name).read_bytes() == (whole.folder("k") / name).read_bytes() for name in names)
    one, other = store.get("k"), whole.get("k")
    assert one is not None
    assert other is not None
    assert {**one, "timings": {}} == {**other, "timings": {}}
