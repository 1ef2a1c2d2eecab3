"""FGSM and PGD: exact on a linear model, never out of bounds, never weaker than the weaker attack."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.measures import robustness
from maskbank.measures.robustness import fgsm, pgd, pixel_logits, project, robust_accuracy, robust_flags
from tests.toy_models import vgg

MEAN, STD = torch.tensor([0.4]), torch.tensor([0.2])
EPS = [0.0, 0.02, 0.05, 0.1, 0.2]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(weight: list[list[float]], bias: list[float], channels: int = 1) -> nn.Module:
    """Images of [channels, 1, pixels] to logits, weights as given for the flattened image."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(len(weight[0]), len(weight)))
    model[1].weight.data, model[1].bias.data = torch.tensor(weight), torch.tensor(bias)
    return model


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, Tensor, Tensor]:
    """A small CNN that learned which quadrant of a noisy 8 x 8 image is brighter; 60 test images."""
    torch.manual_seed(0)
    model, draw = vgg(), generator()

    def images(count: int) -> tuple[Tensor, Tensor]:
        y = torch.arange(count) % 4
        x = 0.6 * torch.rand(count, 1, 8, 8, generator=draw)
        for image, label in zip(x, y.tolist(), strict=True):
            image[0, 4 * (label // 2) : 4 * (label // 2) + 4, 4 * (label % 2) : 4 * (label % 2) + 4] += 0.15
        return x, y

    x, y = images(400)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for step in range(60):
        rows = torch.arange(64 * step, 64 * step + 64) % 400
        optimizer.zero_grad()
        F.cross_entropy(model((x[rows] - MEAN) / STD), y[rows]).backward()
        optimizer.step()
    return model.eval(), *images(60)


def accuracies(trained: tuple[nn.Module, Tensor, Tensor], **options: object) -> dict[float, float]:
    model, x, y = trained
    values = {"mean": MEAN, "std": STD, "eps": EPS, "generator": generator(), **options}
    return robust_accuracy(model, x, y, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_linear_model_falls_at_its_margin(attack: str) -> None:
    """Margin m = w (x - mean) / std + b; the most that eps takes away is eps |w| / std: right while it is less than m.

    w = (2, -1), mean 0.5, std 0.5: |w| / std sums to 6. Margins: 0.6, 0.3, and -0.3 (wrong from the start).
    """
    model = linear([[0.0, 0.0], [2.0, -1.0]], [0.0, 0.0])
    x = torch.tensor([[0.60, 0.40], [0.55, 0.45], [0.45, 0.55]])[:, None, None, :]
    y = torch.tensor([1, 1, 1])
    flags = robust_flags(
        model, x, y, mean=torch.tensor([0.5]), std=torch.tensor([0.5]), eps=[0.0, 0.049, 0.051, 0.099, 0.101],
        attack=attack, generator=generator(),
    )  # fmt: skip
    assert {eps: right.tolist() for eps, right in flags.items()} == {
        0.0: [True, True, False],
        0.049: [True, True, False],
        0.051: [True, False, False],
        0.099: [True, False, False],
        0.101: [False, False, False],
    }


def test_fgsm_point_of_a_linear_model() -> None:
    """Against the sign of the weights, and no further than 0 and 1."""
    model = linear([[0.0, 0.0, 0.0], [2.0, -1.0, 1.0]], [0.0, 0.0])
    x = torch.tensor([[[[0.5, 0.95, 0.05]]]])
    moved = fgsm(pixel_logits(model, MEAN, STD), x, torch.tensor([1]), 0.1)
    assert torch.allclose(moved, torch.tensor([[[[0.4, 1.0, 0.0]]]]))


def test_bounds_of_the_image_make_examples_robust() -> None:
    """A black pixel cannot get darker: the whole margin lies there, so nothing can be taken away."""
    model = linear([[0.0], [1.0]], [0.0, 0.5])
    x, y = torch.zeros(1, 1, 1, 1), torch.tensor([1])
    values = {"mean": torch.tensor([0.0]), "std": torch.tensor([1.0]), "eps": [1.0]}
    assert robust_accuracy(model, x, y, generator=generator(), **values) == {1.0: 1.0}  # type: ignore[arg-type]


def test_a_sure_model_is_no_shelter() -> None:
    """Logits a thousand times as large: softmax rounds to 1 and its gradient to 0, the answers are the same."""
    x, y = torch.tensor([[0.60, 0.40], [0.55, 0.45]])[:, None, None, :], torch.tensor([1, 1])
    for scale in (1.0, 1000.0):
        model = linear([[0.0, 0.0], [2.0 * scale, -1.0 * scale]], [0.0, 0.0])
        flags = robust_flags(
            model, x, y, mean=torch.tensor([0.5]), std=torch.tensor([0.5]), eps=[0.07], attack="fgsm",
            generator=generator(),
        )  # fmt: skip
        assert flags[0.07].tolist() == [True, False]


def test_one_answer_for_all_counts_its_own_class_alone() -> None:
    model = linear([[0.0], [0.0]], [1.0, 0.0])
    x, y = torch.full((10, 1, 1, 1), 0.5), torch.tensor([0] * 3 + [1] * 7)
    assert robust_accuracy(model, x, y, mean=MEAN, std=STD, eps=[0.5], generator=generator()) == {0.5: 0.3}


def test_logits_that_are_not_finite_are_wrong() -> None:
    model = linear([[0.0], [0.0]], [float("nan"), 0.0])
    x, y = torch.full((2, 1, 1, 1), 0.5), torch.tensor([0, 1])
    assert robust_accuracy(model, x, y, mean=MEAN, std=STD, eps=[0.0], generator=generator()) == {0.0: 0.0}


def test_eps_zero_is_clean_accuracy(trained: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, x, y = trained
    with torch.no_grad():
        clean = float((model((x - MEAN) / STD).argmax(1) == y).double().mean())
    assert clean > 0.8, "the model has learned something"
    for attack in ("fgsm", "pgd"):
        assert accuracies(trained, attack=attack)[0.0] == clean


def test_pgd_is_never_weaker_than_fgsm(trained: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, x, y = trained
    values = {"mean": MEAN, "std": STD, "eps": EPS}
    one = robust_flags(model, x, y, attack="fgsm", generator=generator(), **values)  # type: ignore[arg-type]
    for steps in (1, 10):
        many = robust_flags(model, x, y, attack="pgd", steps=steps, generator=generator(), **values)  # type: ignore[arg-type]
        assert all(not bool((many[eps] & ~one[eps]).any()) for eps in EPS)
    assert sum(int(right.sum()) for right in many.values()) < sum(int(right.sum()) for right in one.values())


def test_more_restarts_only_take_away(trained: tuple[nn.Module, Tensor, Tensor]) -> None:
    """The first start is the same; what falls stays fallen."""
    model, x, y = trained
    few, many = (
        robust_flags(model, x, y, mean=MEAN, std=STD, eps=EPS, steps=3, restarts=restarts, generator=generator())
        for restarts in (1, 4)
    )
    assert all(not bool((many[eps] & ~few[eps]).any()) for eps in EPS)


@pytest.mark.parametrize("eps", EPS)
def test_perturbations_stay_in_bounds(trained: tuple[nn.Module, Tensor, Tensor], eps: float) -> None:
    model, x, y = trained
    logits_of = pixel_logits(model, MEAN, STD)
    start = project(x + eps * torch.randn(x.shape, generator=generator()), x, eps)
    for moved in (fgsm(logits_of, x, y, eps), pgd(logits_of, x, y, eps, 7, start)):
        assert float((moved - x).abs().max()) <= eps + 1e-6
        assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
        assert eps == 0 or float((moved - x).abs().max()) > eps / 2, "something was moved"


def test_equal_seeds_equal_answers_and_nothing_else_is_drawn_from(trained: tuple[nn.Module, Tensor, Tensor]) -> None:
    before = torch.random.get_rng_state()
    assert accuracies(trained, steps=2) == accuracies(trained, steps=2)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_neither_the_batch_nor_the_other_eps_matter(trained: tuple[nn.Module, Tensor, Tensor]) -> None:
    whole = accuracies(trained, steps=2, restarts=2, batch=60)
    assert accuracies(trained, steps=2, restarts=2, batch=7) == whole
    assert len(set(whole.values())) > 2, "the attacks differ from one another"
    assert accuracies(trained, steps=2, restarts=2, eps=[0.05]) == {0.05: whole[0.05]}


def test_fallen_examples_are_not_attacked_again() -> None:
    """Asked thrice where FGSM fells all (clean, gradient, check), however many restarts and steps; more where it does not."""
    model = linear([[0.0, 0.0], [2.0, -1.0]], [0.0, 0.0])
    x, y = torch.tensor([[0.60, 0.40], [0.55, 0.45]])[:, None, None, :], torch.tensor([1, 1])
    asked: list[int] = []
    model.register_forward_hook(lambda *_: asked.append(1))
    for eps, restarts, expected in ((0.2, 1, 3), (0.2, 9, 3), (0.001, 1, 3 + 21), (0.001, 3, 3 + 3 * 21)):
        asked.clear()
        robust_flags(
            model, x, y, mean=torch.tensor([0.5]), std=torch.tensor([0.5]), eps=[eps], steps=20, restarts=restarts,
            generator=generator(),
        )  # fmt: skip
        assert len(asked) == expected


def test_pgd_stops_where_an_example_is_wrong() -> None:
    """The first example is wrong at its start and stays there; the second (margin 0.6) is moved to the edge."""
    model = linear([[0.0, 0.0], [2.0, -1.0]], [0.0, 0.0])
    x = torch.tensor([[0.45, 0.55], [0.60, 0.40]])[:, None, None, :]
    logits_of = pixel_logits(model, torch.tensor([0.5]), torch.tensor([0.5]))
    moved = pgd(logits_of, x, torch.tensor([1, 1]), 0.04, 2, x)
    assert torch.allclose(moved, torch.tensor([[0.45, 0.55], [0.56, 0.44]])[:, None, None, :])


def test_the_model_is_unchanged(trained: tuple[nn.Module, Tensor, Tensor]) -> None:
    before = {name: value.clone() for name, value in trained[0].state_dict().items()}
    for parameter in trained[0].parameters():
        parameter.grad = None
    accuracies(trained, steps=2)
    assert all(torch.equal(value, before[name]) for name, value in trained[0].state_dict().items())
    assert all(parameter.grad is None for parameter in trained[0].parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attack": "cw"}, r"robustness\.attack = 'cw': no such attack; choose from fgsm, pgd"),
        ({"eps": [0.1, -0.1]}, r"robustness\.eps\.1 = -0\.1: expected 0\.\.1, in pixel units"),
        ({"eps": [8]}, r"robustness\.eps\.0 = 8"),
        ({"steps": 0}, r"robustness\.steps = 0: expected 1 or more"),
        ({"restarts": 0}, r"robustness\.restarts = 0"),
    ],
)
def test_bad_values_are_named(
    trained: tuple[nn.Module, Tensor, Tensor], options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        accuracies(trained, **options)


def test_one_logit_is_refused() -> None:
    with pytest.raises(InputError, match="one logit"):
        robust_accuracy(
            linear([[1.0]], [0.0]), torch.zeros(1, 1, 1, 1), torch.tensor([0]), mean=MEAN, std=STD, eps=[0.1],
            generator=generator(),
        )  # fmt: skip


def test_autoattack_is_optional(trained: tuple[nn.Module, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, y = trained
    monkeypatch.setitem(robustness.importlib.__dict__, "import_module", missing)
    with pytest.raises(InputError, match="pip install pyautoattack"):
        robustness.autoattack_accuracy(model, x, y, mean=MEAN, std=STD, eps=[0.1])


def missing(name: str) -> None:
    raise ImportError(name)


@pytest.mark.parametrize("classes", [4, 2])
def test_autoattack_is_at_least_as_strong(trained: tuple[nn.Module, Tensor, Tensor], classes: int) -> None:
    """Where pyautoattack is installed: right under AutoAttack is a part of right under PGD. Two classes: two logits."""
    pytest.importorskip("pyautoattack")
    model, x, y = trained
    few = nn.Sequential(model, Take(classes)).eval()
    x, y = x[y < classes][:10], y[y < classes][:10]
    values = {"mean": MEAN, "std": STD, "eps": [0.0, 0.05]}
    before = torch.random.get_rng_state()
    strong = robustness.autoattack_accuracy(few, x, y, **values)  # type: ignore[arg-type]
    weak = robust_accuracy(few, x, y, generator=generator(), **values)  # type: ignore[arg-type]
    assert strong[0.0] == weak[0.0]
    assert strong[0.05] <= weak[0.05]
    assert torch.equal(torch.random.get_rng_state(), before)


class Take(nn.Module):
    """The first logits alone."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        return x[:, : self.classes]
