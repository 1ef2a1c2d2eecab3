"""SynFlow: the share of all path weight that runs through a weight (Tanaka et al. 2020, equation 2). Needs no data.

R is the sum of outputs for an image of ones, in a linear model of |w|; the score w dR/dw, over R. In float64: R of a deep
model overflows float32. Our reading of linear: biases are 0, activations let all pass, norms only scale (BatchNorm by
|gamma| / sigma of its running variance, others by |gamma|), attention gives the mean of q and of the tokens' mean k and
v. Products of two branches (gating) stay as they are.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from maskbank.models.operations import ACTIVATIONS as BENDING
from maskbank.models.units import Layer, made_weights, unit_sums
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.ELU, nn.Mish, nn.Tanh)
NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)


class Scale(nn.Module):
    """What is left of a norm: a factor for each feature."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        gain = torch.ones(1, dtype=torch.float64) if norm.weight is None else norm.weight.detach().abs()  # type: ignore[operator, union-attr]
        variance = getattr(norm, "running_var", None)
        self.factor = gain if variance is None else gain / torch.sqrt(variance + norm.eps)  # type: ignore[operator]
        self.layer_norm = isinstance(norm, nn.LayerNorm)

    def forward(self, x: Tensor) -> Tensor:
        last = self.layer_norm and (x.ndim != 4 or x.shape[1] != len(self.factor))
        return x * (self.factor if last else self.factor.reshape(-1, *[1] * (x.ndim - 2)))


class LinearAttention(TorchFunctionMode):
    """Attention without its softmax, whose slopes at the large numbers of such a model are rounding noise."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is F.scaled_dot_product_attention:
            query, key, value = args[:3]
            return (query + key.mean(-2, keepdim=True) + value.mean(-2, keepdim=True)) / 3
        if getattr(function, "__name__", "").strip("_") in BENDING:
            return args[0]
        if function in (torch.softmax, F.softmax, Tensor.softmax):
            return torch.full_like(args[0], 1 / args[0].shape[-1])
        return function(*args, **(kwargs or {}))


def linear_copy(model: nn.Module) -> nn.Module:
    """The model in float64 with |w| for w, no biases, and nothing that bends."""
    model = copy.deepcopy(model).double().eval()
    for name, module in list(model.named_modules()):
        if isinstance(module, NORMS):
            model.set_submodule(name, Scale(module))
        elif isinstance(module, ACTIVATIONS):
            model.set_submodule(name, nn.Identity())
    for name, parameter in model.named_parameters():
        parameter.data = torch.zeros_like(parameter) if name.endswith("bias") else parameter.detach().abs()
    return model.requires_grad_()


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    """Of the sample only the shape of an image is used. The values of a tensor that all paths cross sum to 1."""
    linear = linear_copy(model)
    variables = [linear.get_parameter(name) for name in weights]
    image = torch.ones(1, *sample.x.shape[1:], dtype=torch.float64)
    with torch.enable_grad(), LinearAttention():
        flow = linear(image).sum()
        slopes = torch.autograd.grad(flow, variables, materialize_grads=True)
    shares = (variable.detach() * slope / flow.detach() for variable, slope in zip(variables, slopes, strict=True))
    return {name: value.to(weights[name].dtype) for name, value in zip(weights, shares, strict=True)}


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The sum over the weights that make a unit (our reading; the paper prunes single weights)."""
    values = saliency(model, made_weights(model, layers), sample)
    return {layer.name: unit_sums(values, layer) for layer in layers}
