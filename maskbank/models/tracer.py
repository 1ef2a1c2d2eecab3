"""Channel tracing: one run of a model on shapes, watched function by function.

What an operation unknown to `operations` touches is pinned: it stays whole, with the operation as the reason.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from maskbank.errors import InputError
from maskbank.models.labels import Labels, tensors_in
from maskbank.models.operations import HANDLERS, KEEPS_SHAPE, QUESTIONS, same_shape
from maskbank.models.trace import Activation, Trace


def trace(model: nn.Module, image: tuple[int, ...]) -> Trace:
    """Run the model in eval mode on one input of (channels, pixels a side) or of the full shape, without computing.

    Raises InputError where the forward fails.
    """
    shape = (image[0], image[1], image[1]) if len(image) == 2 else tuple(image)
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
    dtype = next((value.dtype for value in state.values() if value.is_floating_point()), torch.float32)
    kept = set(model.state_dict())  # buffers that are not stored cannot be cut
    labels = Labels(model, {name: value for name, value in shapes.items() if name in kept})
    tracer = Tracer(labels)
    labels.seen.shapes = {name: tuple(value.shape) for name, value in state.items()}
    x = torch.empty(1, *shape, dtype=dtype, device="meta")
    labels.label(x, torch.zeros(1, dtype=torch.int64).expand(1, *[1] * len(shape)))
    tracer.memory[id(x)] = Activation(torch.zeros(1, dtype=torch.int64), x.numel(), 0, 0)
    labels.seen.activations.append(tracer.memory[id(x)])
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with tracer:
            output = torch.func.functional_call(model, shapes, (x,))
    except Exception as error:  # whatever a model of the user's own may raise
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(f"{type(model).__name__} on an input of {[1, *shape]}: the forward fails ({reason})") from None
    finally:
        for module, mode in modes.items():
            module.training = mode
    for tensor in tensors_in(output):
        labels.pin(tensor, "output")
    return labels.seen


class Tracer(TorchFunctionMode):
    """Watches every torch function that a forward calls, has its result labelled, and keeps track of memory."""

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        self.memory: dict[int, Activation] = {}
        self.clock = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").strip("_")
        if name == "get":  # a property, such as Tensor.shape
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        self.clock += 1
        result = same_shape(func, args, kwargs) if name in KEEPS_SHAPE and args else func(*args, **kwargs)
        if name in QUESTIONS:
            return result
        inputs = list(tensors_in([args, kwargs]))
        for tensor in inputs:
            if id(tensor) in self.memory:
                self.memory[id(tensor)].died = self.clock
        handler = HANDLERS.get(name)
        if handler is not None:
            first = () if args or "input" not in kwargs else (kwargs["input"],)
            other = (kwargs["other"],) if "other" in kwargs else ()
            handler(self.labels, func, (*first, *args, *other), kwargs, result)
        elif isinstance(result, Tensor | list | tuple) or name == "setitem":
            self.labels.unknown(name, inputs, result)
        self.remember(name, inputs, result)
        return result

    def remember(self, name: str, inputs: list[Tensor], result: object) -> None:
        """Activation memory: a view or an in-place operation shares its input's, anything else makes its own."""
        for tensor in tensors_in(result):
            shared = next((self.memory[id(x)] for x in inputs if id(x) in self.memory), None)
            if id(tensor) in self.memory or tensor.numel() == 0:
                continue
            if shared is not None and tensor._is_view():
                self.memory[id(tensor)] = shared
                continue
            ids = self.labels.ids.get(id(tensor), torch.zeros(1, dtype=torch.int64))
            made = Activation(ids.flatten(), tensor.numel() // ids.numel(), self.clock, self.clock)
            self.memory[id(tensor)] = made
            self.labels.seen.activations.append(made)
