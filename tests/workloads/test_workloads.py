"""What every workload promises: data by seed in parts that share nothing, dense ends, a loss that is learned, counted MACs."""

from types import ModuleType

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from maskbank.errors import InputError
from maskbank.pruning.weights import prunable_weights
from maskbank.workloads import detection, parts, translation
from tests.workloads.tiny import TINY, rows, tiny

each_workload = pytest.mark.parametrize("module", TINY, ids=lambda module: module.__name__.rsplit(".")[-1])


@each_workload
def test_equal_seeds_are_equal_bytes_and_others_are_not(module: ModuleType) -> None:
    one, two, other = tiny(module), tiny(module), tiny(module, seed=1)
    for part in ("train", "validation", "test"):
        for mine, same, different in zip(getattr(one, part), getattr(two, part), getattr(other, part), strict=True):
            assert mine.dtype == same.dtype
            assert mine.numpy().tobytes() == same.numpy().tobytes()
            assert not torch.equal(mine, different)


@each_workload
def test_parts_share_no_example(module: ModuleType) -> None:
    sizes = {"train": 400, "validation": 200, "test": 200}
    workload = tiny(module, **sizes)
    every = [row for part in sizes for row in rows(getattr(workload, part))]
    assert len(every) == len(set(every)) == 800


@each_workload
def test_test_stays_as_it_is_with_more_to_train_on(module: ModuleType) -> None:
    few, many = tiny(module, train=5), tiny(module, train=20)
    assert all(torch.equal(*both) for both in zip(few.test, many.test, strict=True))
    assert all(torch.equal(*both) for both in zip(few.validation, many.validation, strict=True))


@each_workload
def test_weights_are_drawn_from_torchs_seed(module: ModuleType) -> None:
    workload = tiny(module)
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(torch.cat([each.flatten() for each in workload.build().state_dict().values()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@each_workload
def test_the_loss_is_learned(module: ModuleType) -> None:
    workload = tiny(module)
    torch.manual_seed(0)
    model, (x, y) = workload.build().train(), workload.train
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.003), []
    for _ in range(50):
        optimizer.zero_grad()
        loss = workload.loss(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= workload.score(model.eval(), workload.test) <= 1


@each_workload
def test_an_untrained_model_scores_near_nothing(module: ModuleType) -> None:
    workload = tiny(module)
    torch.manual_seed(0)
    assert workload.score(workload.build().eval(), workload.test) < 0.05


@each_workload
def test_losses_are_computed_in_float32(module: ModuleType) -> None:
    workload = tiny(module)
    outputs = workload.build()(workload.train[0])
    assert workload.loss(outputs.bfloat16(), workload.train[1]).dtype == torch.float32


@pytest.mark.parametrize(
    ("module", "layers", "dense"),
    [
        (detection, 10, {"stem", "heat", "size", "offset"}),
        (parts, 7, {"stem", "head"}),
        (translation, 32, {"head"}),
    ],
    ids=["detection", "parts", "translation"],
)
def test_stem_and_heads_stay_dense(module: ModuleType, layers: int, dense: set[str]) -> None:
    sizes = {name: count for name, count in TINY[module].items() if name in ("train", "validation", "test")}
    model = module.workload(**sizes).build()
    prunable = prunable_weights(model)
    every = {
        f"{name}.weight" for name, each in model.named_modules() if isinstance(each, torch.nn.Conv2d | torch.nn.Linear)
    }
    assert len(prunable) == layers
    assert every - set(prunable) == {f"{name}.weight" for name in dense}
    share = sum(each.numel() for each in prunable.values()) / sum(each.numel() for each in model.parameters())
    assert share > 0.85


def macs(module: ModuleType) -> float:
    workload = tiny(module)
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        workload.build().eval()(torch.zeros_like(workload.train[0][:1]))
    return flops.get_total_flops() / 2


def test_macs_are_those_of_the_layers() -> None:
    w = 8
    assert macs(parts) == 32 * (
        3 * w + w * w + 2 * w * w + 4 * w * w + 8 * w * w + 24 * w * w + 8 * w * w + 2 * w * w + 11 * w
    )
    stage1, stage2 = 64 * 2 * 9 * w * w, 16 * (9 * 2 * w * w + 9 * 4 * w * w + 2 * w * w)
    assert macs(detection) == 64 * 27 * w + stage1 + stage2 + 16 * (9 * 4 * w * w + 7 * 2 * w)
    d, s, t, words = 16, 20, 22, len(translation.TARGET)
    encoder = s * (4 * d * d + 2 * d * d) + 2 * s * s * d
    decoder = t * (6 * d * d + 2 * d * d) + 2 * s * d * d + 2 * t * t * d + 2 * t * s * d
    assert macs(translation) == encoder + decoder + t * d * words


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (detection, {"size": 20}, r"detection\.size = 20: expected a multiple of 16"),
        (detection, {"objects": 0}, r"detection\.objects = 0: expected a whole number, 1 or more"),
        (parts, {"points": 0}, r"parts\.points = 0: expected a whole number, 1 or more"),
        (parts, {"noise": -0.1}, r"parts\.noise = -0\.1: expected a number from 0"),
        (translation, {"dim": 15}, r"translation\.dim = 15: expected a multiple of heads = 2"),
        (translation, {"seed": -1}, r"translation\.seed = -1: expected a whole number, 0 or more"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(module: ModuleType, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tiny(module, **options)
