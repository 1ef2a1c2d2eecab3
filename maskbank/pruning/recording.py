"""A recording: the tensor functions that a forward calls, in order, and which made what each of them reads.

One run on an image of zeros. What lies between two layers (norm, activation, pooling) is then a path of operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from maskbank.models.labels import tensors_in

IMAGE = -1  # the operation that made the model's input
PRODUCTS = {"linear", "conv1d", "conv2d", "conv3d"}
NAMED = {  # positional arguments of the functions whose parameters are looked at
    "linear": ("input", "weight", "bias"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), ("input", "weight", "bias")),
}
ACTIVATIONS = {
    "none": lambda x: x, "relu": F.relu, "relu6": F.relu6, "gelu": F.gelu, "silu": F.silu, "hardswish": F.hardswish,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh,
}  # fmt: skip
PASSING = {  # each number of the result is one of the operand, a mean of some, or their maximum
    "flatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze", "contiguous", "dropout", "identity",
    "feature_dropout", "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_max_pool2d", "mean", "amax", "pad", "to", "clone", "getitem",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Operation:
    """One call. `sources`: the operations that made its tensors (IMAGE: the model's input); parameters have none."""

    name: str
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    sources: tuple[int, ...]

    def given(self, key: str) -> Any:
        """An argument by name, of the functions in NAMED."""
        names = NAMED[self.name]
        return self.kwargs.get(key, self.args[names.index(key)] if names.index(key) < len(self.args) else None)

    def values(self, key: str) -> Tensor | None:
        """A copy of a tensor argument, float64."""
        found = self.given(key)
        return None if found is None else found.detach().to(torch.float64, copy=True)

    @property
    def weight(self) -> Tensor:
        return self.given("weight").detach().to(torch.float64, copy=True)

    @property
    def x(self) -> Tensor:
        """What it works on."""
        return next(tensors_in([self.args, self.kwargs]))

    @property
    def activation(self) -> bool:
        exact = self.kwargs.get("approximate", "none") == "none" and len(self.args) < 3
        return self.name in ACTIVATIONS and exact

    @property
    def norm(self) -> bool:
        """A batch norm with statistics of its own: an affine map in eval mode."""
        return self.name == "batch_norm" and self.given("running_mean") is not None

    def affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift [features] of a batch norm in eval mode, float64."""
        gain, bias = self.values("weight"), self.values("bias")
        scale = (self.given("running_var").double() + self.given("eps")).rsqrt()
        scale = scale if gain is None else scale * gain
        shift = -self.given("running_mean").double() * scale
        return scale, shift if bias is None else shift + bias


@dataclass(eq=False)
class Recording:
    """All operations in order, and the names of the parameters and buffers of the model."""

    operations: list[Operation] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def tensor(self, operation: Operation, key: str = "weight") -> str:
        """Name of a parameter that an operation uses, or nothing."""
        return self.names.get(id(operation.given(key)), "") if operation.name in NAMED else ""

    def using(self, tensor: str) -> list[int]:
        """The operations whose weight this is."""
        return [place for place, operation in enumerate(self.operations) if tensor and self.tensor(operation) == tensor]

    def consumers(self, place: int) -> list[int]:
        return [later for later in range(place + 1, len(self.operations)) if place in self.operations[later].sources]

    def path(self, place: int, ends: set[str]) -> list[int] | None:
        """Recording from the nearest one whose weight is in `ends` to the one before `place`; None where something is between.

        Only activations, norms, pooling, views and concatenation may lie between; they have one source (or are joined).
        """
        for source in self.operations[place].sources:
            if source == IMAGE:
                continue
            operation = self.operations[source]
            if self.tensor(operation) in ends:
                return [source]
            if operation.activation or operation.norm or operation.name in PASSING | {"cat", "concat"}:
                found = self.path(source, ends)
                if found is not None:
                    return [*found, source]
        return None


class Recorder(TorchFunctionMode):
    def __init__(self, seen: Recording, image: Tensor) -> None:
        super().__init__()
        self.seen = seen
        self.maker = {id(image): IMAGE}
        self.alive = [image]  # keeps ids unique while the run lasts

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        sources = tuple(self.maker[id(x)] for x in tensors_in([args, kwargs]) if id(x) in self.maker)
        result = func(*args, **kwargs)
        made = list(tensors_in(result))
        if made:
            name = getattr(func, "__name__", "").strip("_")
            self.seen.operations.append(Operation(name, func, tuple(args), kwargs, sources))
            for tensor in made:
                self.maker[id(tensor)] = len(self.seen.operations) - 1
            self.alive += made
        return result


@torch.no_grad()
def record(model: nn.Module, shape: Sequence[int]) -> Recording:
    """Run the model in eval mode on one input [1, *shape] of zeros; the model is left as it was."""
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    seen = Recording(names={id(value): name for name, value in state.items()})
    dtype = next((value.dtype for value in state.values() if value.is_floating_point()), torch.float32)
    image = torch.zeros(1, *shape, dtype=dtype)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with Recorder(seen, image):
            model(image)
    finally:
        for module, mode in modes.items():
            module.training = mode
    return seen
