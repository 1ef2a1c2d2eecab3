"""Seeds: what is drawn, by whom, and that no two draws are one."""

import ast
from pathlib import Path

import pytest
import torch

from maskbank.data.dataset import DataSet
from maskbank.experiments.subnetwork import show, target_of
from maskbank.measures.cost import trace_cost
from maskbank.models.graph import find_layers
from maskbank.pruning.scores import random
from maskbank.seeds import numpy_generator, seed_of, torch_generator
from maskbank.stages.transfer import TransferSpec
from tests.conftest import ARCHITECTURES

ROOT = Path(__file__).parents[1]
TASKS = ("s0/t0", "s0/t1", "s1/t0", "s1/t1")


def test_a_seed_is_a_function_of_all_its_labels() -> None:
    assert seed_of(0, "batches", "s0", "s0/t0") == 2643341092  # pinned: another value is another suite
    labels = [(seed, what, split, method) for seed in range(20) for what in ("a", "b", "ab")
              for split in ("s0", "s1", "") for method in ("l2", "random", 1)]  # fmt: skip
    assert len({seed_of(*each) for each in labels}) == len(labels)
    assert seed_of(0, "a", "bc") != seed_of(0, "ab", "c")
    assert all(0 <= seed_of(seed, "x") < 2**32 for seed in (0, 2**40, 2**63))
    assert seed_of(2**32, "x") != seed_of(0, "x"), "all bits of the given seed count"


def test_generators_draw_what_their_labels_say() -> None:
    for make in (
        lambda *labels: torch.rand(3, generator=torch_generator(*labels)).tolist(),
        lambda *labels: numpy_generator(*labels).random(3).tolist(),
    ):
        assert make(0, "x", 1) == make(0, "x", 1)
        assert len({tuple(make(0, "x", place)) for place in range(100)}) == 100


@pytest.mark.parametrize("path", sorted((ROOT / "maskbank").rglob("*.py")), ids=lambda path: path.stem)
def test_generators_come_from_one_place(path: Path) -> None:
    """No generator with a seed of its own; those of statistics have their own function of a label."""
    if path.name == "seeds.py" or "statistics" in path.parts:
        return
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    made = {call.attr for call in calls if isinstance(call, ast.Attribute)} & {
        "Generator",
        "default_rng",
        "RandomState",
    }
    assert not made, f"{path}: use maskbank.seeds"


def spec_of(task: str, **changes: object) -> TransferSpec:
    values = {
        "method": "random", "dataset": "x", "split": task.partition("/")[0], "task": task, "classes": (0, 1, 2), "ways": 3,
        "budget_asked": 0.5, "budget_kind": "units", "allocation": "uniform", "backbone": "resnet20", "recipe": "adam",
        "pretrain_seed": 0, "score_images": 6, "adapt_steps": (0, 5), "batch": 8, "lr": 0.01, **changes,
    }  # fmt: skip
    return TransferSpec.model_validate(values)


def masks_of(spec: TransferSpec, data: DataSet) -> tuple[float, ...]:
    """What `random` draws in one cell."""
    torch.manual_seed(0)
    model = ARCHITECTURES["resnet"].build().eval()
    cost = trace_cost(model, data.image_shape)
    target = target_of(show(spec, data), model, cost)
    found = random.score(model, find_layers(model, data.image_shape), target.sample)
    return tuple(torch.cat(list(found.values())).tolist())


def test_random_units_differ_from_task_to_task_seed_to_seed_and_model_to_model(data: DataSet) -> None:
    each = [spec_of(task) for task in TASKS]
    each += [spec_of(TASKS[0], seed=seed) for seed in (1, 2)]
    each += [spec_of(TASKS[0], pretrain_seed=1), spec_of(TASKS[0], recipe="snt"), spec_of(TASKS[0], method="tp_random")]
    assert len({masks_of(spec, data) for spec in each}) == len(each)
    assert masks_of(spec_of(TASKS[0]), data) == masks_of(spec_of(TASKS[0], budget_asked=0.1, lr=0.1), data)


def test_methods_of_a_task_see_the_same_images_in_the_same_order(data: DataSet) -> None:
    def seen(spec: TransferSpec) -> list[torch.Tensor]:
        shown = show(spec, data)
        batches = [x for x, _ in shown.batches(spec.batch, 5, spec.draw("batches"))]
        return [shown.support.x, torch.stack(batches)]

    one, other, elsewhere, again = (
        seen(spec_of(*given[:1], **given[1]))
        for given in ((TASKS[0], {}), (TASKS[0], {"method": "l2"}), (TASKS[1], {}), (TASKS[0], {"seed": 1}))
    )
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, elsewhere, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, again, strict=True))
