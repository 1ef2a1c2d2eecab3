"""S2P, our reading of SNT (Heo et al., arXiv 2305.04526): sequential blocks become parallel branches, folded later.

Every `parallel` consecutive identity blocks become one step: same parameters and MACs, a shorter critical path. In a
ResNet `relu(x + s * sum_p branch_p(x))`; in a ViT `x += s * sum_p attn_p(LN_p(x)); x += s * sum_p mlp_p(LN'_p(x))`
(timm's ParallelThingsBlock where the branch scale s is 1). The paper's full text was not at hand; that SNT means this
pairing is our assumption.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from maskbank.models.resnet import Block
from maskbank.models.transforms.groups import regroup


class ParallelBlock(nn.Module):
    """Pre-LN transformer blocks that read the same tokens [B, N, D] and add into them together."""

    def __init__(self, blocks: Sequence[nn.Module], scale: float) -> None:
        super().__init__()
        self.blocks: Any = nn.ModuleList(blocks)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        attended = [block.drop_path1(block.ls1(block.attn(block.norm1(x)))) for block in self.blocks]
        x = x + add(attended, self.scale)
        mixed = [block.drop_path2(block.ls2(block.mlp(block.norm2(x)))) for block in self.blocks]
        return x + add(mixed, self.scale)


def add(values: list[Tensor], scale: float) -> Tensor:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total if scale == 1 else scale * total


def joined(blocks: Sequence[Block], scale: float) -> Block:
    return Block([branch for block in blocks for branch in block.branches], nn.Identity(), scale)  # type: ignore[misc]


def apply(model: nn.Module, *, parallel: int = 2, scale: float = 1.0) -> nn.Module:
    """Join the identity blocks of a ResNet or ViT in place. Raises InputError where a stage has no run to join."""
    return regroup(
        model, parallel, lambda blocks: joined(blocks, scale), lambda blocks: ParallelBlock(blocks, scale), "S2P"
    )
