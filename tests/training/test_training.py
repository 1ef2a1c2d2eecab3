"""The loop, schedules, BatchNorm statistics, evaluation and heads."""

import numpy as np
import pytest
import torch

from maskbank.cells.result import AnswerSheet
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet
from maskbank.data.dataset import TestSet as HeldOut
from maskbank.errors import Diverged
from maskbank.models.checkpoint import Architecture
from maskbank.models.heads import head_rows, replace_head
from maskbank.registry import BACKBONES
from maskbank.training.batchnorm import batch_statistics, reestimate
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import train, warmup_cosine
from maskbank.training.prototypes import class_means, prototype_head


class Twice(torch.optim.SGD):
    """An optimizer that evaluates the loss twice a step, as SAM does."""

    def step(self, closure=None):  # type: ignore[no-untyped-def, override]
        closure()
        return super().step(closure)


def batches_of(data: DataSet, steps: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return list(TrainingBatches(data, data.examples("train", (0, 1, 2, 3)), 16, steps, generator))


def test_training_is_the_same_byte_for_byte(small: Architecture, data: DataSet) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        model = small.build()
        train(model, batches_of(data, 5), torch.optim.Adam(model.parameters(), 0.01))
        states.append(model.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_closure_may_be_called_twice(small: Architecture, data: DataSet) -> None:
    model, calls = small.build(), []
    train(model, batches_of(data, 2), Twice(model.parameters(), 0.01), after_backward=lambda: calls.append(1))
    assert len(calls) == 4


def test_divergence_names_its_step(small: Architecture, data: DataSet) -> None:
    model = small.build()
    with pytest.raises(Diverged, match="at step 2"):
        train(model, batches_of(data, 5), torch.optim.SGD(model.parameters(), 1e30))


def test_schedule_rises_then_falls_to_zero() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    schedule = warmup_cosine(optimizer, 20)
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] < 0.02


def test_reestimated_statistics_are_those_of_the_data() -> None:
    norm = torch.nn.BatchNorm2d(1)
    x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    reestimate(norm, [(x, x), (x + 2, x)])
    assert norm.running_mean.item() == pytest.approx(3.0)
    assert norm.running_var.item() == pytest.approx(2.0)
    assert not norm.training
    assert norm.momentum == 0.1


def test_batch_statistics_leave_no_trace() -> None:
    norm = torch.nn.BatchNorm2d(2).eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    with batch_statistics(norm):
        y = norm(torch.randn(50, 2, 3, 3) * 5 + 7)
    assert abs(float(y.detach().mean())) < 1e-5
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert not norm.training
    assert norm.track_running_stats


def test_a_perfect_classifier_scores_one_on_any_number_of_images(data: DataSet) -> None:
    """Never averaged by batch: 20 images in batches of any size."""

    class Oracle(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            quadrants = torch.stack([x[:, 0, i : i + 4, j : j + 4].mean((1, 2)) for i in (0, 4) for j in (0, 4)], 1)
            return 100 * quadrants

    sheet, loss = evaluate(Oracle(), data, HeldOut(data, (0, 1, 2, 3)).read(0))
    assert sheet.accuracy == 1
    assert loss < 1e-3
    assert sheet.probability.min() == 255


def test_one_answer_for_all_is_a_collapse() -> None:
    labels = np.array([0, 1], np.uint8)
    sheet = AnswerSheet(np.arange(2, dtype=np.uint32), labels, np.zeros(2, np.uint8), np.zeros(2, np.uint8))
    point = judged_point(3, sheet, {"loss": 1.0})
    assert (point.status, point.steps, point.values["accuracy"]) == ("collapsed", 3, 0.5)
    assert point.reason


def test_prototype_head_is_the_nearest_class_mean(small: Architecture, data: DataSet) -> None:
    torch.manual_seed(0)
    model = small.build().eval()
    examples = data.examples("train", (0, 1, 2))
    replace_head(model, prototype_head(class_means(model, data, examples, 3)))
    sheet, _ = evaluate(model, data, examples)
    with torch.no_grad():
        x = data.normalise(examples.x)
        outputs = model.forward_head(model.forward_features(x), pre_logits=True)
    means = torch.stack([outputs[examples.y == label].mean(0) for label in range(3)])
    assert sheet.predicted.tolist() == torch.cdist(outputs, means).argmin(1).tolist()


@pytest.mark.parametrize("name", BACKBONES.names())
def test_every_backbone_is_built_and_takes_a_head(name: str) -> None:
    options = {"pretrained": False} if "pretrained" in BACKBONES.options(name) else {}
    torch.manual_seed(0)
    model = Architecture(name, 5, 3, 32, options).build().eval()
    x = torch.zeros(1, 3, 32, 32)
    rows = head_rows(model, [3, 1])
    with torch.no_grad():
        before = model(x)
        replace_head(model, rows)
        assert torch.allclose(model(x), before[:, [3, 1]], atol=1e-6)
