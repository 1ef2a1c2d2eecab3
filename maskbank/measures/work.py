"""Counting the MACs that a piece of code really spends on a model, forward and backward."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook


class MacCounter:
    """Context that counts the MACs of every module's forward inside it, and of the backward it calls for.

    A forward is taken to be followed by a backward of one product for the inputs' gradient and one for the weights',
    each where autograd asks for it.
    """

    def __init__(self) -> None:
        self.macs = 0

    def __enter__(self) -> "MacCounter":
        self.handle = register_module_forward_hook(self.count)
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def count(self, module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan = module.weight[0].numel()
            self.macs += output.numel() * fan * (1 + self.backward(inputs[0], module.weight))
        elif hasattr(module, "qkv"):
            products = 2 * inputs[0].shape[0] * inputs[0].shape[1] ** 2 * module.attn_dim
            self.macs += products * (1 + 2 * self.backward(output))

    @staticmethod
    def backward(*tensors: Tensor) -> int:
        return sum(tensor.requires_grad for tensor in tensors) if torch.is_grad_enabled() else 0
