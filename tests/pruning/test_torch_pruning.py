"""torch-pruning as an opponent, as a host of our scores, and as a source of layers."""

import copy
import inspect
import sys
from dataclasses import replace

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import DenseNet, mobilenet_v2
from torchvision.models.resnet import BasicBlock, ResNet

from maskbank.errors import InputError
from maskbank.measures.cost import trace_cost
from maskbank.models.graph import find_layers
from maskbank.models.surgery import slice_units
from maskbank.models.torch_pruning import layers_from_torch_pruning, load
from maskbank.models.units import Gates, Layer
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import select
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.scores import tp_bn_scale, tp_hessian, tp_magnitude, tp_random, tp_taylor
from maskbank.pruning.torch_pruning import as_importance, kept_by
from maskbank.registry import SCORES

tp = pytest.importorskip("torch_pruning")

SIZE = 32


class Flat(nn.Module):
    """Convolution, norm, four pixels flattened into a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.pool, self.hidden, self.head = nn.AdaptiveAvgPool2d(2), nn.Linear(16, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.pool(self.norm(self.conv(x)).relu()).flatten(1)).relu())


class Foreign(nn.Module):
    """An operation that our tracer has never heard of, and that acts on each number alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 5, 3)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head(self.second(torch.nan_to_num(torch.where(x > 0, x, 0.1 * x))).mean((2, 3)))


MODELS = {
    "flat": Flat,
    "resnet": lambda: ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5),
    "densenet": lambda: DenseNet(8, (2, 2), 16, num_classes=5),
    "mobilenet": lambda: mobilenet_v2(num_classes=5, width_mult=0.25),
    "vit": lambda: VisionTransformer(
        img_size=SIZE, patch_size=8, num_classes=5, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2
    ),
}
NO_NORMS = {"vit", "flat"}  # no BatchNorm in some layers


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.1, 0.1)
    return model


def layers_of(model: nn.Module) -> list[Layer]:
    return find_layers(model, (3, SIZE), "all")


def sample_of(count: int = 6) -> Sample:
    generator = torch.Generator().manual_seed(1)
    return Sample(torch.randn(count, 3, SIZE, SIZE, generator=generator), torch.arange(count) % 5, generator)


def content(layer: Layer) -> tuple:
    slots = {(slot.tensor, slot.dim, slot.role, tuple(map(tuple, slot.index.tolist()))) for slot in layer.slots}
    return layer.kind, layer.count, layer.coupled, frozenset(slots)


def pruner_of(model: nn.Module, importance: object, **options: object) -> "tp.pruner.BasePruner":
    classifier = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    return tp.pruner.BasePruner(
        model, (torch.zeros(1, 3, SIZE, SIZE),), importance, global_pruning=True, ignored_layers=[classifier],
        in_channel_groups={}, out_channel_groups={}, **{"num_heads": {}, "pruning_ratio": 0.5, **options},
    )  # fmt: skip


def random_score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """Distinct scores, and no layer of which all units are among the worse half: torch-pruning would leave it whole."""
    scores = {layer.name: torch.rand(layer.count, generator=sample.generator) for layer in layers}
    for values in scores.values():
        values[0] += 1
    return scores


@pytest.mark.parametrize("name", MODELS)
def test_layers_are_those_of_our_own_tracer(name: str) -> None:
    model = built(name)
    ours, theirs = layers_of(model), layers_from_torch_pruning(model, torch.zeros(1, 3, SIZE, SIZE))
    assert [layer.name for layer in theirs] == [layer.name for layer in ours]
    assert [content(layer) for layer in theirs] == [content(layer) for layer in ours]


def test_layers_of_a_module_that_our_tracer_cannot_follow() -> None:
    torch.manual_seed(0)
    model, x = Foreign().eval(), torch.randn(2, 3, 8, 8)
    assert "first" not in [layer.name for layer in find_layers(model, (3, 8))]
    layers = layers_from_torch_pruning(model, x[:1])
    assert [(layer.name, layer.kind, layer.count) for layer in layers] == [
        ("first", "channel", 4),
        ("second", "channel", 5),
    ]
    kept = {"first": torch.tensor([0, 3]), "second": torch.arange(5)}
    with Gates(model, layers, {"first": torch.tensor([1.0, 0, 0, 1]), "second": torch.ones(5)}):
        masked = model(x)
    sliced = slice_units(model, layers, kept)
    assert sliced.first.weight.shape == (2, 3, 3, 3)
    assert torch.allclose(sliced(x), masked, atol=1e-6)


def test_what_surgery_cannot_cut_stays_whole() -> None:
    grouped = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1, groups=2), nn.ReLU(), nn.Conv2d(8, 2, 1))
    with pytest.raises(InputError, match="finds no group"):
        layers_from_torch_pruning(grouped, torch.zeros(1, 3, 4, 4))
    grouped.insert(0, nn.Conv2d(3, 3, 1))
    assert [layer.name for layer in layers_from_torch_pruning(grouped, torch.zeros(1, 3, 4, 4))] == ["0"]


class Apart(nn.Module):
    """Two halves joined and added to a third; what is read is also given out."""

    def __init__(self, both: bool) -> None:
        super().__init__()
        self.both = both
        self.stem = nn.Conv2d(3, 6, 1)
        self.left, self.right, self.whole = nn.Conv2d(6, 2, 1), nn.Conv2d(6, 2, 1), nn.Conv2d(6, 4, 1)
        self.middle, self.head = nn.Conv2d(4, 5, 1), nn.Conv2d(5, 2, 1)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.stem(x)
        hidden = self.middle(torch.cat([self.left(x), self.right(x)], 1) + self.whole(x)).relu()
        return (self.head(hidden), hidden) if self.both else self.head(hidden)


def test_units_of_unequal_makers_and_what_is_given_out_stay_whole() -> None:
    names = [
        [layer.name for layer in layers_from_torch_pruning(Apart(both), torch.zeros(1, 3, 4, 4))]
        for both in (False, True)
    ]
    assert names == [["stem", "middle"], ["stem"]]


@pytest.mark.parametrize("score", [name for name in SCORES.names() if name.startswith("tp_")])
@pytest.mark.parametrize("name", MODELS)
def test_every_importance_scores_every_unit(name: str, score: str) -> None:
    model, module = built(name).train(), SCORES.module(score)
    layers, before = layers_of(model), {key: value.clone() for key, value in model.state_dict().items()}
    if score == "tp_bn_scale" and name in NO_NORMS:
        with pytest.raises(InputError, match="BNScaleImportance"):
            module.score(model, layers, sample_of())
        return
    first, again = (module.score(model, layers, sample_of()) for _ in range(2))
    for layer in layers:
        assert first[layer.name].shape == (layer.count,)
        assert first[layer.name].isfinite().all()
        assert len(first[layer.name].unique()) > 1
        assert torch.equal(first[layer.name], again[layer.name])
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_magnitude_is_the_mean_of_what_makes_carries_and_reads() -> None:
    model = built("flat")
    squares = {name: value.detach() ** 2 for name, value in model.named_parameters()}
    made = squares["conv.weight"].flatten(1).sum(1)
    read = squares["hidden.weight"].sum(0).reshape(4, 4).sum(1)  # four pixels a channel
    group = (made + squares["norm.weight"] + read) / 3
    # torch-pruning divides by the number of slots that it has seen, whatever their width
    found = tp_magnitude.score(model, layers_of(model), sample_of(0))
    assert torch.allclose(found["conv"], group / group.mean(), rtol=1e-5)
    first = tp_magnitude.score(model, layers_of(model), sample_of(0), group_reduction="first", normalizer=None)
    assert torch.allclose(first["conv"], made)


def test_a_heads_score_is_the_sum_over_its_channels() -> None:
    model = built("vit")
    squares = {name: value.detach() ** 2 for name, value in model.named_parameters()}
    rows = squares["blocks.0.attn.qkv.weight"].sum(1).reshape(3, 3, 8).sum((0, 2))
    columns = squares["blocks.0.attn.proj.weight"].sum(0).reshape(3, 8).sum(1)
    found = tp_magnitude.score(model, layers_of(model), sample_of(0), group_reduction="sum", normalizer=None)
    assert torch.allclose(found["blocks.0.attn.qkv"], rows + columns)


def test_taylor_is_weight_times_gradient_of_what_makes_and_reads() -> None:
    model, sample = built("flat"), sample_of()
    own = copy.deepcopy(model)
    F.cross_entropy(own(sample.x), sample.y).backward()
    change = {name: (value * value.grad).detach().abs() for name, value in own.named_parameters()}
    group = change["hidden.weight"].sum(1) + change["head.weight"].sum(0)
    assert torch.allclose(tp_taylor.score(model, layers_of(model), sample)["hidden"], group / group.mean(), rtol=1e-4)


def test_hessian_as_shipped_sees_the_last_example_alone() -> None:
    model, sample = built("resnet"), sample_of()
    last = replace(sample, x=sample.x[-1:], y=sample.y[-1:])
    all_of_it, of_last = (tp_hessian.score(model, layers_of(model), each) for each in (sample, last))
    assert all(torch.allclose(all_of_it[name], of_last[name], rtol=1e-3) for name in all_of_it)


def test_random_follows_the_samples_generator_and_leaves_the_global_one() -> None:
    model, sample = built("flat"), sample_of()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = (tp_random.score(model, layers_of(model), sample) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(first["conv"], second["conv"])


@pytest.mark.parametrize("name", ["resnet", "densenet", "mobilenet"])
def test_our_scores_in_their_pruner_keep_what_our_select_keeps(name: str) -> None:
    model = built(name)
    cost = trace_cost(model, (3, SIZE), "all")
    layers = list(cost.layers)
    kept = select(removal_order(random_score(model, layers, sample_of()), cost, "global"), cost, "units", 0.5)
    theirs = copy.deepcopy(model)
    pruner = pruner_of(theirs, as_importance(random_score, theirs, layers, sample_of()))
    pruner.step()
    found = kept_by(pruner.pruning_history(), layers)
    assert sum(map(len, kept.values())) == sum(layer.count for layer in layers) // 2
    assert all(torch.equal(found[layer.name], kept[layer.name]) for layer in layers)
    x = torch.randn(2, 3, SIZE, SIZE)
    assert torch.allclose(theirs(x), slice_units(model, layers, kept)(x), atol=1e-5)


def test_our_scores_of_heads_in_their_pruner() -> None:
    model = built("vit")
    layers = [layer for layer in layers_of(model) if layer.kind == "head"]
    scores = {"blocks.0.attn.qkv": torch.tensor([0.1, 0.9, 0.2]), "blocks.1.attn.qkv": torch.tensor([0.8, 0.3, 0.7])}
    heads = {block.attn.qkv: 3 for block in model.blocks}
    pruner = pruner_of(
        model, as_importance(lambda *_: scores, model, layers, sample_of(0)), num_heads=heads,
        prune_num_heads=True, prune_head_dims=False, head_pruning_ratio=0.5,
    )  # fmt: skip
    pruner.step()
    found = kept_by(pruner.pruning_history(), layers)
    assert {name: index.tolist() for name, index in found.items()} == {
        "blocks.0.attn.qkv": [1],
        "blocks.1.attn.qkv": [0, 2],
    }
    assert model.blocks[0].mlp.fc1.out_features == 48, "layers without scores stay whole"


def test_an_importance_is_for_the_model_that_it_was_made_for() -> None:
    model = built("densenet")
    pruner = pruner_of(model, as_importance(random_score, model, layers_of(model), sample_of()), iterative_steps=2)
    pruner.step()
    with pytest.raises(InputError, match="make a new one"):
        pruner.step()


def test_a_group_of_which_only_a_part_has_scores_stays_whole() -> None:
    model = built("resnet")
    layer = next(layer for layer in layers_of(model) if layer.name == "layer1.0.conv1")
    part = replace(layer, count=8, slots=tuple(replace(slot, index=slot.index[:8]) for slot in layer.slots))
    graph = tp.DependencyGraph().build_dependency(model, (torch.zeros(1, 3, SIZE, SIZE),))
    group = graph.get_pruning_group(model.layer1[0].conv1, tp.prune_conv_out_channels, list(range(64)))
    assert as_importance(random_score, model, [part], sample_of())(group) is None
    scores = random_score(model, [layer], sample_of())[layer.name]
    assert torch.equal(as_importance(random_score, model, [layer], sample_of())(group), scores)


class MadeMagnitude(tp.importance.MagnitudeImportance):
    """Their magnitude, restricted to the weights that make a unit."""

    def __call__(self, group: "tp.dependency.Group") -> Tensor:
        out = (tp.prune_conv_out_channels, tp.prune_linear_out_channels)
        return super().__call__([item for item in group if item.dep.handler in out])


@pytest.mark.parametrize("name", ["densenet", "resnet"])
def test_one_criterion_one_mask(name: str) -> None:
    model = built(name)
    with torch.no_grad():  # layers alike, so that none of them is wholly among the worse half
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight /= module.weight.flatten(1).norm(dim=1).mean()
                module.weight *= torch.linspace(0.5, 1.5, len(module.weight))[:, None, None, None]
    cost = trace_cost(model, (3, SIZE), "all")
    layers = list(cost.layers)
    kept = select(
        removal_order(SCORES.module("l2").score(model, layers, sample_of(0)), cost, "global"), cost, "units", 0.5
    )
    theirs = copy.deepcopy(model)
    pruner = pruner_of(theirs, MadeMagnitude(p=2, group_reduction="sum", normalizer=None))
    pruner.step()
    found = kept_by(pruner.pruning_history(), layers)
    assert all(torch.equal(found[layer.name], kept[layer.name]) for layer in layers)
    counts = {key: len(index) for key, index in kept.items()}
    assert cost.params(counts) == sum(parameter.numel() for parameter in theirs.parameters())


def test_settings_that_leak_from_pruner_to_pruner_do_not_reach_scores() -> None:
    model = built("resnet")
    layers = layers_of(model)
    before = tp_magnitude.score(model, layers, sample_of(0))
    grouped = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1, groups=2), nn.Conv2d(4, 2, 1))
    shared = inspect.signature(tp.pruner.BasePruner.__init__).parameters["out_channel_groups"].default
    try:
        tp.pruner.BasePruner(grouped, torch.zeros(1, 3, 4, 4), tp.importance.MagnitudeImportance())
        assert shared, "a default of theirs has taken in what this pruner was told: the defect is there"
        after = tp_magnitude.score(model, layers, sample_of(0))
    finally:
        shared.clear()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_batch_norm_scale_is_relative_to_the_layers_mean() -> None:
    model = built("densenet")
    layer = next(layer for layer in layers_of(model) if layer.name == "features.denseblock1.denselayer1.conv1")
    gamma = model.features.denseblock1.denselayer1.norm2.weight.detach().abs()
    assert torch.allclose(tp_bn_scale.score(model, [layer], sample_of(0))[layer.name], gamma / gamma.mean())


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(InputError, match=r"pip install torch-pruning, or maskbank\[peers\]"):
        load()


def test_an_importance_that_fails_inside_is_said() -> None:
    """Gated layers hold two rows a unit, which its activation importance does not expect."""
    from tests.toy_models import IMAGE, MODELS

    model = MODELS["glu"]().eval()
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    sample = Sample(x, torch.arange(4), torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"blocks\.0\.fc1: torch-pruning's ActivationImportance fails here"):
        SCORES.module("tp_activation").score(model, find_layers(model, IMAGE), sample)
