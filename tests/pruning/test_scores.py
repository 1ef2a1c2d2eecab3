"""Every listed method is constructed and run; the definitions on networks small enough to check by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.models.checkpoint import Architecture
from maskbank.models.graph import find_layers
from maskbank.models.units import Gates, ones
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.scores import (
    apoz,
    bn_scale,
    fisher,
    fpgm,
    grasp,
    hessian,
    hrank,
    l1,
    l2,
    lamp,
    mean_activation,
    neuron_merging,
    snip,
    synflow,
    taylor,
    variance,
    wanda,
)
from maskbank.pruning.weights import prunable_weights
from maskbank.registry import METHODS, SCORES
from maskbank.training.batchnorm import batch_statistics
from tests.bank.tiny import sample_of, target_of, tiny_bank
from tests.conftest import ARCHITECTURES, crossed, random_model
from tests.toy_models import vgg

OURS = [name for name in SCORES.names() if not name.startswith("tp_")]
WITH_SALIENCY = [name for name in OURS if hasattr(SCORES.module(name), "saliency")]
NEED_DATA = {"apoz", "fisher", "grasp", "hessian", "hrank", "mean_activation", "snip", "taylor", "variance", "wanda"}
MECHANISMS = (
    "l1",
    "bn_scale",
    "taylor",
    "variance",
    "synflow",
    "nearest",
)  # weights, norms, gradients, activations, graph, bank
NO_NORMS = ("folded resnet", "vit", "parallel vit", "folded vit")
QUICK = {
    "hessian": {"probes": 1}, "oracle": {"steps": 4}, "iterative_taylor": {"steps": 4, "rounds": 2},
    "mvp": {"steps": 4, "rounds": 2},
}  # fmt: skip


def dense_model(*weights: Tensor) -> nn.Sequential:
    """Linear layers without biases and ReLUs between them; names 1.weight, 3.weight, ..."""
    parts: list[nn.Module] = [nn.Flatten()]
    for weight in weights:
        linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False).to(weight.dtype)
        linear.weight = nn.Parameter(weight.clone())
        parts += [linear, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def rows(x: Tensor, y: Tensor) -> Sample:
    """Examples of `x` [N, features], each feature a channel of one pixel."""
    return Sample(x[:, :, None, None], y, torch.Generator().manual_seed(0))


def drawn(count: int, features: int, classes: int) -> Sample:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, features, generator=generator, dtype=torch.float64)
    return rows(x, torch.randint(0, classes, (count,), generator=generator))


def slopes_of_softmax(logits: Tensor, y: Tensor) -> Tensor:
    """[N, classes] the derivative of each example's cross-entropy by its logits."""
    return logits.softmax(1) - F.one_hot(y, logits.shape[1])


@pytest.mark.parametrize(
    ("name", "architecture"), crossed([name for name in METHODS.names() if not name.startswith("tp_")], MECHANISMS)
)
def test_every_method_scores_every_unit(name: str, architecture: Architecture) -> None:
    """All but torch-pruning's, which need an extra and have tests of their own."""
    torch.manual_seed(0)
    model, module = architecture.build().eval(), METHODS.module(name)
    layers, count = find_layers(model, architecture.image), 48 if architecture.size < 32 else 8
    if name == "bn_scale" and architecture in [ARCHITECTURES[each] for each in NO_NORMS]:
        with pytest.raises(InputError, match=r"bn_scale: no BatchNorm .* use l1 or taylor"):
            module.score(model, layers, sample_of(architecture))
        return
    flags = {key: number % 2 == 0 for number, (key, _) in enumerate(model.named_parameters())}
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(flags[key])
    before = {key: value.clone() for key, value in model.state_dict().items()}
    bank, options = tiny_bank(model, architecture.image), QUICK.get(name, {})

    def scored() -> Scores:
        sample = sample_of(architecture, count=count)
        target = target_of(model, architecture, sample)
        given = {"model": model, "layers": layers, "sample": sample, "target": target, "bank": bank}
        return module.score(**{each: given[each] for each in METHODS.arguments(name)}, **options)

    first, again = scored(), scored()
    for layer in layers:
        assert first[layer.name].shape == (layer.count,)
        assert first[layer.name].isfinite().all()
        assert not first[layer.name].requires_grad
        assert torch.equal(first[layer.name], again[layer.name]), "same seed, same scores"
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items()), "scores are pure"
    assert {key: parameter.requires_grad for key, parameter in model.named_parameters()} == flags
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules()), "hooks are gone"
    assert module.ROLE in ("method", "rival", "control", "reference")


@pytest.mark.parametrize(("name", "architecture"), crossed(WITH_SALIENCY, MECHANISMS))
def test_every_saliency_is_of_every_weight(name: str, architecture: Architecture) -> None:
    torch.manual_seed(0)
    model, options = architecture.build().eval().requires_grad_(False), QUICK.get(name, {})
    weights, count = prunable_weights(model), 48 if architecture.size < 32 else 4
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first = SCORES.module(name).saliency(model, weights, sample_of(architecture, count=count), **options)
    assert {key: value.shape for key, value in first.items()} == {key: value.shape for key, value in weights.items()}
    assert all(value.isfinite().all() and not value.requires_grad for value in first.values())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(weight.requires_grad or weight.grad is not None for weight in weights.values())


@pytest.mark.parametrize("name", OURS)
def test_float64_and_no_data(name: str, small: Architecture) -> None:
    """In float64 everything runs; without examples those that need some say so, and the others do without."""
    model, sample, options = random_model(small), sample_of(small), QUICK.get(name, {})
    layers = find_layers(model, small.image)
    double = Sample(sample.x.double(), sample.y, sample.generator)
    found = SCORES.module(name).score(model, layers, double, **options)
    assert all(found[layer.name].isfinite().all() for layer in layers)
    empty = Sample(double.x[:0], double.y[:0], sample.generator)
    if name in NEED_DATA:
        with pytest.raises(InputError, match=f"method {name}: needs examples"):
            SCORES.module(name).score(model, layers, empty, **options)
    else:
        assert set(SCORES.module(name).score(model, layers, empty, **options)) == set(found)


def test_norms_of_a_units_weights() -> None:
    """Units with weights (3, 4) and (0, -1)."""
    model = dense_model(torch.tensor([[3.0, 4.0], [0.0, -1.0]]), torch.ones(2, 2))
    layers, sample = find_layers(model, (2, 1)), rows(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long))
    assert l1.score(model, layers, sample)["1"].tolist() == [7, 1]
    assert l2.score(model, layers, sample)["1"].tolist() == [5, 1]
    assert neuron_merging.score(model, layers, sample)["1"].tolist() == [7, 1]
    assert neuron_merging.score(model, layers, sample, norm=2)["1"].tolist() == [5, 1]
    with pytest.raises(InputError, match=r"neuron_merging\.norm = 3: expected 1 or 2"):
        neuron_merging.score(model, layers, sample, norm=3)
    assert l1.saliency(model, {"1.weight": model[1].weight}, sample)["1.weight"].tolist() == [[3, 4], [0, 1]]


def test_bn_scale_is_the_gain_behind_the_producer(small: Architecture) -> None:
    model = small.build()
    layer = find_layers(model, small.image)[0]
    gain = next(slot for slot in layer.carried if slot.tensor.endswith(".weight"))
    with torch.no_grad():
        model.get_parameter(gain.tensor).copy_(torch.tensor([1.0, -3.0, 0.5, 2.0]))
    assert bn_scale.score(model, [layer], sample_of(small))[layer.name].tolist() == [1, 3, 0.5, 2]


def test_bn_scale_of_a_residual_stream_is_the_mean(small: Architecture) -> None:
    model = small.build()
    layer = next(layer for layer in find_layers(model, small.image, "coupled") if layer.coupled)
    assert len(bn_scale.gains(model, layer)) > 1
    assert torch.equal(bn_scale.score(model, [layer], sample_of(small))[layer.name], torch.ones(layer.count))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fpgm_is_the_sum_of_distances(dtype: torch.dtype) -> None:
    """By brute force, far from the origin, with two units alike."""
    points = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=dtype) + 100
    points[3] = points[0]
    expected = [sum(float((a - b).double().norm()) for b in points) for a in points]
    model = dense_model(points, torch.ones(2, 7, dtype=dtype))
    found = fpgm.score(model, find_layers(model, (5, 1)), drawn(1, 5, 2))["1"]
    assert found.dtype == dtype
    assert found.tolist() == pytest.approx(expected, rel=1e-3 if dtype is torch.float32 else 1e-7)


def test_lamp_by_hand() -> None:
    """Squares 9, 1, 4: over the sums of what is no smaller, 9/9, 1/14, 4/13. Tensors do not see one another."""
    model = dense_model(torch.tensor([[3.0], [-1.0], [2.0]]), torch.tensor([[1.0, 1.0, 0.0]]))
    sample = rows(torch.zeros(1, 1), torch.zeros(1, dtype=torch.long))
    weights = {"1.weight": model[1].weight, "3.weight": model[3].weight}
    values = lamp.saliency(model, weights, sample)
    assert values["1.weight"].flatten().tolist() == pytest.approx([1, 1 / 14, 4 / 13])
    assert values["3.weight"].flatten().tolist() == pytest.approx([1 / 2, 1 / 2, 0]), "equal ones are equal"
    assert lamp.score(model, find_layers(model, (1, 1)), sample)["1"].tolist() == pytest.approx([1, 1 / 14, 4 / 13])
    assert lamp.lamp(torch.zeros(3)).tolist() == [0, 0, 0]


def test_snip_by_hand() -> None:
    """A linear classifier: dL/dW = mean (p - onehot) x'. Forty examples are two parts, of 32 and of 8."""
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    model, sample = dense_model(weight), drawn(40, 2, 2)
    x = sample.x.flatten(1)
    slope = slopes_of_softmax(x @ weight.T, sample.y).T @ x / 40
    found = snip.saliency(model, {"1.weight": model[1].weight}, sample)["1.weight"]
    assert torch.allclose(found, (weight * slope).abs(), rtol=1e-12)


def test_snip_of_a_unit_sums_its_weights(small: Architecture) -> None:
    model = random_model(small)
    sample = sample_of(small)
    sample = Sample(sample.x.double(), sample.y, sample.generator)
    layer = find_layers(model, small.image)[0]
    name = layer.made[0].tensor
    values = snip.saliency(model, {name: model.get_parameter(name)}, sample)[name]
    assert torch.allclose(snip.score(model, [layer], sample)[layer.name], values.sum((1, 2, 3)))


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_grasp_is_weight_times_hessian_times_gradient(temperature: float) -> None:
    """Against the whole Hessian of a model of ten weights, over two parts of the sample."""
    generator = torch.Generator().manual_seed(2)
    first, second = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((2, 3), (2, 2)))
    sample = drawn(40, 3, 2)

    def loss(flat: Tensor) -> Tensor:
        hidden = (sample.x.flatten(1) @ flat[:6].reshape(2, 3).T).relu()
        return F.cross_entropy(hidden @ flat[6:].reshape(2, 2).T / temperature, sample.y)

    flat = torch.cat([first.flatten(), second.flatten()])
    slope = torch.autograd.functional.jacobian(loss, flat)
    expected = flat * (torch.autograd.functional.hessian(loss, flat) @ slope)
    model = dense_model(first, second)
    weights = {"1.weight": model[1].weight, "3.weight": model[3].weight}
    found = grasp.saliency(model, weights, sample, temperature=temperature)
    assert torch.allclose(torch.cat([value.flatten() for value in found.values()]), expected, rtol=1e-9, atol=1e-15)


def test_grasp_keeps_what_feeds_the_gradient_flow() -> None:
    """Shrinking the weight of the highest score lowers g'g, that of the lowest raises it, both as predicted."""
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    sample = drawn(20, 4, 3)

    def flow(now: Tensor) -> float:
        x = sample.x.flatten(1)
        return float((slopes_of_softmax(x @ now.T, sample.y).T @ x / 20).square().sum())

    model = dense_model(weight)
    scores = grasp.saliency(model, {"1.weight": model[1].weight}, sample, temperature=1.0)["1.weight"]
    assert scores.min() < 0 < scores.max()
    for place in (scores.argmax(), scores.argmin()):
        smaller = weight.flatten().clone()
        smaller[place] *= 1 - 1e-6
        change = (flow(smaller.reshape(3, 4)) - flow(weight)) / 1e-6
        assert change == pytest.approx(-2 * float(scores.flatten()[place]), rel=1e-3)


def test_synflow_is_the_share_of_path_weight() -> None:
    """R = sum |w2| |w1|; biases and signs do not count."""
    first, second = torch.tensor([[1.0, -2.0], [3.0, 0.0]]), torch.tensor([[-1.0, 4.0], [2.0, 1.0]])
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.copy_(first)
        model[3].weight.copy_(second)
    empty = rows(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long))
    found = synflow.saliency(model, {"1.weight": model[1].weight, "3.weight": model[3].weight}, empty)
    through = second.abs().T.sum(1)  # what leaves each hidden node: 3 and 5
    assert torch.allclose(found["1.weight"], first.abs() * through[:, None] / 24)
    assert torch.allclose(found["3.weight"], second.abs() * first.abs().sum(1) / 24)
    assert found["1.weight"].dtype == torch.float32


def test_synflow_is_conserved() -> None:
    """In a chain every tensor carries the whole flow (Tanaka et al. 2020, theorem 1), whatever its BatchNorms."""
    torch.manual_seed(0)
    model = vgg().train()
    model(torch.randn(8, 1, 8, 8))
    weights = {name: value for name, value in model.named_parameters() if value.ndim > 1}
    found = synflow.saliency(model, weights, Sample(torch.zeros(0, 1, 8, 8), torch.zeros(0), torch.Generator()))
    assert {name: float(value.sum()) for name, value in found.items()} == pytest.approx(
        dict.fromkeys(weights, 1.0), rel=1e-5
    )


def test_synflow_of_a_deep_transformer_is_finite() -> None:
    torch.manual_seed(0)
    model = Architecture("vit", 4, 1, 8, {"dim": 48, "depth": 24, "heads": 3, "patch": 4}).build()
    empty = Sample(torch.zeros(0, 1, 8, 8), torch.zeros(0), torch.Generator())
    found = synflow.score(model, find_layers(model, (1, 8)), empty)
    assert all(value.isfinite().all() and (value > 0).all() for value in found.values())


def test_fisher_of_weights_by_hand() -> None:
    """OBD with the empirical Fisher of a linear classifier: w^2 / 2 times the mean of squared (p - onehot) x'."""
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    model, sample = dense_model(weight), drawn(5, 2, 2)
    x = sample.x.flatten(1)
    slopes = slopes_of_softmax(x @ weight.T, sample.y)[:, :, None] * x[:, None]
    found = fisher.saliency(model, {"1.weight": model[1].weight}, sample)["1.weight"]
    assert torch.allclose(found, weight**2 * slopes.square().mean(0) / 2, rtol=1e-12)


def test_fisher_of_units_by_hand() -> None:
    """The gate's slope in one example is h_k times what its output weights pass back."""
    first, second = (
        torch.tensor([[1.0, -1.0], [2.0, 0.5], [-1.0, 1.0]]),
        torch.tensor([[1.0, 2.0, -1.0], [0.0, 1.0, 3.0]]),
    )
    model = dense_model(first, second)
    sample = drawn(6, 2, 2)
    sample = Sample(sample.x.float(), sample.y, sample.generator)
    hidden = (sample.x.flatten(1) @ first.T).relu()
    gate = hidden * (slopes_of_softmax(hidden @ second.T, sample.y) @ second)
    found = fisher.score(model, find_layers(model, (2, 1)), sample)["1"]
    assert torch.allclose(found, gate.square().mean(0) / 2, rtol=1e-5)


def test_hessian_diagonal_by_all_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four orthogonal sign vectors give the diagonal of four weights exactly: against the whole Hessian."""
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    model, sample = dense_model(weight), drawn(6, 2, 2)
    signs = iter(torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], dtype=torch.float64))
    monkeypatch.setattr(hessian, "random_signs", lambda like, _: next(signs).reshape(like.shape))
    found = hessian.saliency(model, {"1.weight": model[1].weight}, sample, probes=4)["1.weight"]

    def loss(flat: Tensor) -> Tensor:
        return F.cross_entropy(sample.x.flatten(1) @ flat.reshape(2, 2).T, sample.y)

    diagonal = torch.autograd.functional.hessian(loss, weight.flatten()).diagonal().reshape(2, 2)
    assert torch.allclose(found, diagonal * weight**2 / 2, rtol=1e-10)


def test_hessian_probes_are_random_signs_that_average_out() -> None:
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    model, sample = dense_model(weight), drawn(6, 2, 2)
    x = sample.x.flatten(1)
    p = (x @ weight.T).softmax(1)
    diagonal = ((p * (1 - p))[:, :, None] * x[:, None] ** 2).mean(0)
    found = hessian.saliency(model, {"1.weight": model[1].weight}, sample, probes=1500)["1.weight"]
    assert torch.allclose(found, diagonal * weight**2 / 2, rtol=0.15)


def test_taylor_is_the_squared_derivative_at_the_gates(architecture: Architecture) -> None:
    """Against central differences of the loss in each gate, one batch, in float64."""
    model = random_model(architecture)
    layers = find_layers(model, architecture.image)[-1:]
    sample = sample_of(architecture)
    x, y = sample.x[:32].double(), sample.y[:32]
    scores = taylor.score(model, layers, Sample(x, y, sample.generator))[layers[0].name]
    for unit in range(2):
        losses = []
        for shift in (1e-7, -1e-7):
            gates = {name: gate.double() for name, gate in ones(layers).items()}
            gates[layers[0].name][unit] += shift
            with batch_statistics(model), Gates(model, layers, gates), torch.no_grad():
                losses.append(float(F.cross_entropy(model(x), y)))
        slope = (losses[0] - losses[1]) / 2e-7
        assert float(scores[unit]) == pytest.approx(slope**2, rel=1e-3, abs=1e-9)


def test_taylor_of_weights_by_hand() -> None:
    """The squared share of each part of 32 examples, summed."""
    weight = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=torch.float64)
    model, sample = dense_model(weight), drawn(40, 2, 2)
    x = sample.x.flatten(1)
    slopes = slopes_of_softmax(x @ weight.T, sample.y)[:, :, None] * x[:, None] / 40
    expected = (weight * slopes[:32].sum(0)) ** 2 + (weight * slopes[32:].sum(0)) ** 2
    assert torch.allclose(
        taylor.saliency(model, {"1.weight": model[1].weight}, sample)["1.weight"], expected, rtol=1e-12
    )


HIDDEN = dense_model(torch.tensor([[1.0], [-1.0], [0.0]]), torch.tensor([[1.0, -2.0, 0.5], [3.0, 4.0, 0.0]]))
LINE = rows(torch.tensor([[1.0], [2.0], [3.0], [-2.0]]), torch.zeros(4, dtype=torch.long))


def test_activation_scores_by_hand() -> None:
    """On 1, 2, 3, -2 three nodes x, -x, 0 behind a ReLU give 1 2 3 0, 0 0 0 2 and 0 0 0 0."""
    layers = find_layers(HIDDEN, (1, 1))
    assert apoz.score(HIDDEN, layers, LINE)["1"].tolist() == [0.75, 0.25, 0]
    assert mean_activation.score(HIDDEN, layers, LINE)["1"].tolist() == [1.5, 0.5, 0]
    assert variance.score(HIDDEN, layers, LINE)["1"].tolist() == [1.25, 0.75, 0]
    assert hrank.score(HIDDEN, layers, LINE)["1"].tolist() == [1.5, 0.5, 0], "no map: the mean activation"


def test_wanda_by_hand() -> None:
    """Inputs of the second layer have norms sqrt 14, 2 and 0; a unit's score is summed over the weights that read it."""
    weights = {f"{place}.weight": HIDDEN[place].weight for place in (1, 3)}
    found = wanda.saliency(HIDDEN, weights, LINE)
    root = 14**0.5
    assert found["1.weight"].flatten().tolist() == pytest.approx([18**0.5, 18**0.5, 0])
    assert found["3.weight"].flatten().tolist() == pytest.approx([root, 4, 0, 3 * root, 8, 0])
    assert wanda.score(HIDDEN, find_layers(HIDDEN, (1, 1)), LINE)["1"].tolist() == pytest.approx([4 * root, 12, 0])


def test_wanda_of_a_grouped_convolution() -> None:
    """Outputs 0 and 1 read inputs 0 and 1; outputs 2 and 3 read inputs 2 and 3. Norms are over examples and pixels."""
    model = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    found = wanda.saliency(model, {"0.weight": model[0].weight}, Sample(x, torch.zeros(3), torch.Generator()))[
        "0.weight"
    ]
    norms = x.square().sum((0, 2, 3)).sqrt()
    for output in range(4):
        for place in range(2):
            expected = model[0].weight[output, place].abs() * norms[output // 2 * 2 + place]
            assert torch.allclose(found[output, place], expected)


def test_hrank_counts_ranks_of_maps_and_heads() -> None:
    """Maps are passed on by an identity convolution: the unit matrix has rank 4, two equal rows 2, ones 1."""
    model = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(3)[:, :, None, None])
    twice = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    x = torch.stack([torch.eye(4), twice, torch.ones(4, 4)]).expand(2, 3, 4, 4)
    assert hrank.score(model, find_layers(model, (3, 4)), Sample(x, torch.zeros(2), torch.Generator()))[
        "0"
    ].tolist() == [4, 2, 1]
    head = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    head[:, :, 1] = 1
    vit = ARCHITECTURES["vit"].build()
    layer = next(layer for layer in find_layers(vit, (1, 8)) if layer.kind == "head")
    assert hrank.ranks(layer, head).tolist() == [[4, 1, 4], [4, 1, 4]]


def test_a_lone_last_example_joins_the_part_before() -> None:
    for count, sizes in ((0, []), (1, [1]), (32, [32]), (33, [33]), (34, [32, 2]), (65, [32, 33])):
        sample = drawn(count, 2, 2)
        assert [len(x) for x, _ in sample.chunks()] == sizes
    assert [len(x) for x, _ in drawn(3, 2, 2).chunks(1)] == [1, 1, 1]
