"""S2P, our reading of SNT (Heo et al., arXiv 2305.04526): sequential blocks become parallel branches, folded later.

Each stage keeps its first block; of its identity blocks every `parallel` consecutive ones become one step
`relu(x + sum_p branch_p(x))`: same parameters and MACs, a shorter critical path. The paper's full text was not at
hand; that SNT means this pairing is our assumption.
"""

import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.models.resnet import Block, Branch, ResNet


def parallelize(model: nn.Module, parallel: int = 2) -> nn.Module:
    """Pair the identity blocks of a ResNet in place. Raises InputError where a stage has no pair to make."""
    if not isinstance(model, ResNet):
        raise InputError(f"recipe snt: S2P is not defined for {type(model).__name__} yet; use it on resnet20")
    model.stages = nn.Sequential(*(parallel_stage(stage, parallel) for stage in model.stages))  # type: ignore[arg-type]
    return model


def parallel_stage(stage: nn.Sequential, parallel: int) -> nn.Sequential:
    first, *rest = stage
    if len(rest) < parallel:
        raise InputError(f"recipe snt: a stage has {len(rest)} identity blocks; S2P needs at least {parallel}")
    groups = [rest[start : start + parallel] for start in range(0, len(rest), parallel)]
    merged = [Block([branch for block in group for branch in block.branches], nn.Identity()) for group in groups]  # type: ignore[misc, union-attr]
    return nn.Sequential(first, *merged)


def fold(model: nn.Module) -> nn.Module:
    """Turn each block's branches into one wide branch without BN, in place; logits stay the same in eval mode."""
    if isinstance(model, ResNet):
        for module in model.modules():
            if isinstance(module, Block):
                module.branches = nn.ModuleList([fold_branches(list(module.branches))])  # type: ignore[arg-type]
    return model


def fold_branches(branches: list[Branch]) -> Branch:
    """BN into the weights; conv1 concatenated on outputs, conv2 on inputs; biases of conv2 summed."""
    first = [fold_norm(branch.conv1, branch.bn1) for branch in branches]
    second = [fold_norm(branch.conv2, branch.bn2) for branch in branches]
    conv1, conv2 = branches[0].conv1, branches[0].conv2
    inner = sum(weight.shape[0] for weight, _ in first)
    folded = Branch(conv1.in_channels, inner, conv2.out_channels, int(conv1.stride[0]), folded=True).to(conv1.weight)
    with torch.no_grad():
        folded.conv1.weight.copy_(torch.cat([weight for weight, _ in first]))
        folded.conv1.bias.copy_(torch.cat([bias for _, bias in first]))  # type: ignore[union-attr]
        folded.conv2.weight.copy_(torch.cat([weight for weight, _ in second], dim=1))
        folded.conv2.bias.copy_(torch.stack([bias for _, bias in second]).sum(0))  # type: ignore[union-attr]
    return folded.train(branches[0].training)


def fold_norm(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with its BatchNorm (running statistics) folded in."""
    weight = conv.weight
    bias = torch.zeros(len(weight), dtype=weight.dtype) if conv.bias is None else conv.bias
    if isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None and norm.running_mean is not None:
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return weight * scale[:, None, None, None], (bias - norm.running_mean) * scale + norm.bias
    return weight, bias
