"""Exact folds to an ordinary model: normalisation into the weights, parallel branches into one wide branch.

In eval mode the logits stay the same (to rounding). A folded ResNet has no BatchNorm; in a folded ViT the LayerNorms
of its blocks have no affine part. What has no such parts is left as it is.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.models.layout import CHANNELS_LAST, lay_out
from maskbank.models.resnet import Block, Branch, ResNet, Shortcut, shape_of
from maskbank.models.transforms.groups import is_vit
from maskbank.models.transforms.s2p import ParallelBlock

Affine = tuple[Tensor, Tensor]  # weight and bias


@torch.no_grad()
def fold(model: Any) -> Any:
    """Fold a ResNet or ViT in place. Raises InputError for a model that it does not know how to fold."""
    if isinstance(model, ResNet):
        stem = model.stem
        stem[0], stem[1] = convolution(stem[0], stem[1]), nn.Identity()  # type: ignore[arg-type]
        for module in list(model.modules()):
            if isinstance(module, Block):
                module.branches = nn.ModuleList([fold_branches(list(module.branches), module.scale)])  # type: ignore[arg-type]
                module.scale = 1.0
            elif isinstance(module, Shortcut):
                module.conv, module.bn = convolution(module.conv, module.bn), nn.Identity()  # type: ignore[assignment]
    elif is_vit(model):
        model.blocks = nn.Sequential(*(fold_attending(block) for block in model.blocks))
    else:
        raise InputError(f"fold: {type(model).__name__} cannot be folded; use form `trained` or a ResNet or a ViT")
    return lay_out(model, CHANNELS_LAST)


def fold_branches(branches: list[Branch], scale: float) -> Branch:
    """BN into the weights; conv1 concatenated on outputs, conv2 on inputs; biases of conv2 summed."""
    first = [fold_norm(branch.conv1, branch.bn1) for branch in branches]
    second = [fold_norm(branch.conv2, branch.bn2) for branch in branches]
    conv1, conv2 = branches[0].conv1, branches[0].conv2
    inner = sum(weight.shape[0] for weight, _ in first)
    folded = Branch(conv1.in_channels, inner, conv2.out_channels, int(conv1.stride[0]), folded=True).to(conv1.weight)
    put(folded.conv1, torch.cat([weight for weight, _ in first]), torch.cat([bias for _, bias in first]))
    second_weight = torch.cat([weight for weight, _ in second], dim=1)
    put(folded.conv2, scale * second_weight, scale * torch.stack([bias for _, bias in second]).sum(0))
    return folded.train(branches[0].training)


def fold_norm(conv: nn.Conv2d, norm: nn.Module) -> Affine:
    """Weight and bias of a convolution with its BatchNorm (running statistics) folded in."""
    weight = conv.weight
    bias = torch.zeros(len(weight)).to(weight) if conv.bias is None else conv.bias
    if isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None and norm.running_mean is not None:
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return weight * scale[:, None, None, None], (bias - norm.running_mean) * scale + norm.bias
    return weight, bias


def convolution(conv: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    """A convolution with bias that does what the two did."""
    folded = nn.Conv2d(**shape_of(conv)).to(conv.weight)
    put(folded, *fold_norm(conv, norm))
    return folded.train(conv.training)


def fold_attending(block: Any) -> nn.Module:
    """One pre-LN block, wide enough for all heads and nodes of the given one, its LayerNorms without effect of their own."""
    from timm.layers.attention import Attention
    from timm.models.vision_transformer import Block as Attending

    parts: Sequence[Any] = list(block.blocks) if isinstance(block, ParallelBlock) else [block]
    scale = block.scale if isinstance(block, ParallelBlock) else 1.0
    first, attn = parts[0], parts[0].attn
    for part in parts:
        check_foldable(part)
    dim, nodes = attn.proj.out_features, sum(part.mlp.fc1.out_features for part in parts)
    folded: Any = Attending(dim, 1, mlp_ratio=nodes / dim, qkv_bias=True, act_layer=type(first.mlp.act))
    heads = sum(part.attn.num_heads for part in parts)
    folded.attn = Attention(dim, heads, attn_head_dim=attn.head_dim, qkv_bias=True)
    folded = folded.to(attn.proj.weight)
    for name in ("norm1", "norm2"):
        getattr(folded, name).eps = getattr(first, name).eps
    qkv = [fold_affine(part.attn.qkv, part.norm1) for part in parts]
    put(folded.attn.qkv, *(torch.cat(thirds(values)) for values in zip(*qkv, strict=True)))
    put_sum(folded.attn.proj, [part.attn.proj for part in parts], scale)
    nodes_of = [fold_affine(part.mlp.fc1, part.norm2) for part in parts]
    put(folded.mlp.fc1, *(torch.cat(values) for values in zip(*nodes_of, strict=True)))
    put_sum(folded.mlp.fc2, [part.mlp.fc2 for part in parts], scale)
    return folded.train(first.training)


def check_foldable(block: Any) -> None:
    """Raises InputError for what has no ordinary form: layer scale, norms and gates inside the attention."""
    attn, mlp = block.attn, block.mlp
    inside = {
        "ls1": block.ls1, "ls2": block.ls2, "attn.q_norm": attn.q_norm, "attn.k_norm": attn.k_norm,
        "attn.norm": attn.norm, "mlp.norm": mlp.norm,
    }  # fmt: skip
    for name, module in inside.items():
        if not isinstance(module, nn.Identity):
            raise InputError(
                f"fold: {name} is a {type(module).__name__}, which has no ordinary form; use form `trained`"
            )


def thirds(values: Sequence[Tensor]) -> list[Tensor]:
    """The rows of all q, then of all k, then of all v."""
    parts = [value.chunk(3) for value in values]
    return [part[third] for third in range(3) for part in parts]


def fold_affine(linear: nn.Linear, norm: nn.LayerNorm) -> Affine:
    """Weight and bias of a linear layer with the affine part of the LayerNorm before it folded in."""
    weight: Tensor = linear.weight
    bias = torch.zeros(len(weight)).to(weight) if linear.bias is None else linear.bias
    shift = 0 if norm.bias is None else weight @ norm.bias
    return (weight if norm.weight is None else weight * norm.weight), bias + shift


def put(module: Any, weight: Tensor, bias: Tensor) -> None:
    module.weight.copy_(weight)
    module.bias.copy_(bias)


def put_sum(module: nn.Linear, parts: Sequence[Any], scale: float) -> None:
    """A layer that reads the inputs of all parts side by side and gives the scaled sum of their outputs."""
    biases = [torch.zeros_like(module.bias) if part.bias is None else part.bias for part in parts]
    put(module, scale * torch.cat([part.weight for part in parts], 1), scale * torch.stack(biases).sum(0))
