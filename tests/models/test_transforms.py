"""Transformations at pretraining and their exact folds."""

import copy

import pytest
import torch
from timm.models.vision_transformer import ParallelThingsBlock
from torch import nn

from maskbank.errors import InputError
from maskbank.models.checkpoint import Architecture, Transform
from maskbank.models.fold import fold
from maskbank.models.transforms import reparam
from maskbank.models.transforms.s2p import ParallelBlock
from tests.conftest import ARCHITECTURES, random_model

VIT = {"dim": 12, "depth": 4, "heads": 3, "patch": 4}
MODELS = {"resnet20": {"width": 4}, "vit": VIT}
TRANSFORMS = {
    "sequential": None,
    "pairs": Transform("s2p", {"parallel": 2}),
    "triples": Transform("s2p", {"parallel": 3}),
    "scaled": Transform("s2p", {"parallel": 2, "scale": 0.5}),
    "shallow": Transform("shallow", {"parallel": 2}),
}


def built(backbone: str, transform: Transform | None) -> nn.Module:
    """In float64, eval mode, with random affine parts of all norms and real BatchNorm statistics."""
    model = random_model(Architecture(backbone, 4, 1, 8, MODELS[backbone], transform))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
        elif isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.normal_(module.bias)
    return model


def images() -> torch.Tensor:
    return torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(
    ("backbone", "name"),
    [(backbone, name) for backbone in MODELS for name in TRANSFORMS if (backbone, name) != ("resnet20", "triples")],
)  # a stage of ResNet-20 has two identity blocks
def test_fold_keeps_the_logits(backbone: str, name: str) -> None:
    model = built(backbone, TRANSFORMS[name])
    with torch.no_grad():
        folded = fold(copy.deepcopy(model))
        assert (folded(images()) - model(images())).abs().max() < 1e-10
        model, folded, x = model.float(), folded.float(), images().float()
        assert ((folded(x) - model(x)).abs() / model(x).abs().max()).max() < 1e-4


@pytest.mark.parametrize("backbone", MODELS)
def test_a_folded_model_is_ordinary(backbone: str) -> None:
    folded = fold(built(backbone, TRANSFORMS["pairs"]))
    assert not any(isinstance(module, nn.BatchNorm2d | ParallelBlock) for module in folded.modules())
    if backbone == "vit":
        assert [type(block).__name__ for block in folded.blocks] == ["Block", "Block"]
        assert [block.attn.num_heads for block in folded.blocks] == [6, 6]
        for block in folded.blocks:
            assert torch.equal(block.norm1.weight, torch.ones(12))
            assert torch.equal(block.norm2.bias, torch.zeros(12))
    else:
        assert [[block.branches[0].conv1.out_channels for block in stage] for stage in folded.stages] == [
            [4, 8], [8, 16], [16, 32]
        ]  # fmt: skip


@pytest.mark.parametrize("backbone", MODELS)
def test_the_parallel_form_has_the_same_parameters_and_half_the_identity_blocks(backbone: str) -> None:
    plain, parallel = (
        Architecture(backbone, 4, 1, 8, MODELS[backbone], form).build() for form in (None, TRANSFORMS["pairs"])
    )
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in parallel.parameters())
    assert ([len(stage) for stage in parallel.stages] if backbone == "resnet20" else len(parallel.blocks)) == (
        [2, 2, 2] if backbone == "resnet20" else 2
    )


@pytest.mark.parametrize("backbone", MODELS)
def test_the_shallow_control_is_as_deep_as_the_parallel_form(backbone: str) -> None:
    shallow, parallel = (built(backbone, TRANSFORMS[name]) for name in ("shallow", "pairs"))
    depth = [len(list(model.stages if backbone == "resnet20" else model.blocks)) for model in (shallow, parallel)]
    assert depth[0] == depth[1]
    assert sum(p.numel() for p in shallow.parameters()) < sum(p.numel() for p in parallel.parameters())


def test_the_parallel_block_is_timms() -> None:
    """The reference implementation of the same equation, with the same weights."""
    model = built("vit", TRANSFORMS["pairs"])
    ours, theirs = (
        model.blocks[0],
        ParallelThingsBlock(12, 3, num_parallel=2, mlp_ratio=2, qkv_bias=True).double().eval(),
    )
    for place, block in enumerate(ours.blocks):
        theirs.attns[place].norm.load_state_dict(block.norm1.state_dict())
        theirs.attns[place].attn.load_state_dict(block.attn.state_dict())
        theirs.ffns[place].norm.load_state_dict(block.norm2.state_dict())
        theirs.ffns[place].mlp.load_state_dict(block.mlp.state_dict())
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    assert torch.allclose(ours(x), theirs(x), atol=1e-12)


def test_half_the_branch_scale_is_half_the_step() -> None:
    whole, half = (built("resnet20", TRANSFORMS[name]).stages[0][1] for name in ("pairs", "scaled"))
    half.load_state_dict(whole.state_dict())
    x = torch.rand(2, 4, 5, 5, dtype=torch.float64)
    step = sum(branch(x) for branch in whole.branches)
    assert torch.allclose(half(x), torch.relu(x + 0.5 * step))


@pytest.mark.parametrize(
    ("backbone", "transform", "message"),
    [
        ("resnet20", Transform("s2p", {"parallel": 3}), "stage 1 of the ResNet has 2 identity blocks; at least 3"),
        ("vit", Transform("s2p", {"parallel": 5}), "the ViT has 4 blocks; at least 5"),
        ("resnet20", Transform("s2p", {"parallel": 1}), "expected a whole number, 2 or more"),
        ("mlp", Transform("s2p"), "MLP has no residual blocks"),
        ("mlp", Transform("shallow"), "MLP has no residual blocks"),
        ("vit", Transform("reparam"), "no convolution followed by BatchNorm"),
    ],
)
def test_what_a_transformation_does_not_apply_to(backbone: str, transform: Transform, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Architecture(backbone, 4, 1, 8, MODELS.get(backbone, {}), transform).build()


def test_a_model_without_a_known_fold_is_refused() -> None:
    with pytest.raises(InputError, match="MLP cannot be folded"):
        fold(Architecture("mlp", 4, 1, 8).build())


def test_merging_train_time_branches_is_exact() -> None:
    model = built("resnet20", Transform("reparam"))
    plain = Architecture("resnet20", 4, 1, 8, MODELS["resnet20"]).build()
    with torch.no_grad():
        before = model(images())
        merged = reparam.merge(model)
        assert torch.equal(merged(images()), before)
    assert merged.state_dict().keys() == plain.state_dict().keys()


def test_train_time_branches_are_a_sum_of_two_convolutions() -> None:
    conv = nn.Conv2d(2, 3, 3, 2, 1, bias=False)
    both = reparam.Summed(conv)
    x = torch.randn(1, 2, 6, 6)
    beside = nn.functional.conv2d(x, both.point, stride=2)
    assert torch.allclose(both(x), conv(x) + beside, atol=1e-6)
    both(x).sum().backward()
    assert both.point.grad is not None
    assert both.weight.grad is not None


def test_a_transformed_model_is_described_in_json_and_comes_back() -> None:
    for name in ("parallel resnet", "folded vit"):
        described = ARCHITECTURES[name].describe()
        assert Architecture.of(described) == ARCHITECTURES[name]
