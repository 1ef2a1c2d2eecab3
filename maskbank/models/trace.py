"""Channel tracing: which features of a net are one and the same unit, found by one run on shapes alone.

Every feature that a convolution or linear layer makes gets a number. The numbers travel through the forward: views
carry them along, additions and products of two features declare them one, normalisation binds its own parameters to
them, and the next convolution or linear layer reads them. Features that are declared one are the same unit. What an
operation unknown to this file touches is pinned: it stays whole, with the operation as the reason.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from maskbank.errors import InputError

FIXED = 0  # the number of features that stay: pixels, logits, whatever an unknown operation touched
CONVOLUTIONS = {"conv1d", "conv2d", "conv3d"}
VIEWS = {
    "flatten", "reshape", "view", "permute", "transpose", "unbind", "chunk", "split", "tensor_split", "getitem",
    "squeeze", "unsqueeze", "expand", "t", "movedim", "swapaxes", "unflatten", "narrow", "select", "flip", "roll",
    "repeat", "tile", "mT", "T",
}  # fmt: skip
ACTIVATIONS = {
    "relu", "relu6", "gelu", "silu", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu", "elu",
    "selu", "celu", "mish", "softplus", "dropout", "feature_dropout", "dropout2d", "alpha_dropout", "logsigmoid",
    "threshold",
}  # fmt: skip
SAME = ACTIVATIONS | {
    "contiguous", "clone", "detach", "to", "float", "double", "half", "bfloat16", "type", "abs", "neg", "exp", "sqrt",
    "rsqrt", "square", "pow", "clamp", "identity", "requires_grad", "log", "erf", "sin", "cos",
}  # fmt: skip
KEEPS_SHAPE = ACTIVATIONS | {"batch_norm", "layer_norm"}
SPATIAL = {
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d", "lp_pool2d", "interpolate", "upsample", "pad",
}  # fmt: skip
MERGES = {"add", "sub", "rsub", "mul", "div", "true_divide", "maximum", "minimum"}
REDUCTIONS = {"mean", "sum", "amax", "amin"}
QUESTIONS = {"size", "dim", "numel", "shape", "ndim", "device", "dtype", "is_floating_point", "stride", "is_contiguous"}


@dataclass
class Binding:
    """The features along one dimension of one tensor of the state: `ids` [features]."""

    ids: Tensor
    role: str


@dataclass
class Activation:
    """A tensor that the forward makes: elements a feature, and when it is made and last used."""

    ids: Tensor
    each: int
    born: int
    died: int


@dataclass
class Trace:
    """What a run on shapes has seen. `bindings` by (tensor, dim) in forward order."""

    bindings: dict[tuple[str, int], Binding] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # weight -> places where it is used
    products: list[tuple[Tensor, int]] = field(default_factory=list)  # attention: ids [heads], MACs a head
    activations: list[Activation] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)  # module -> norm that reads its output directly
    pinned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # operation -> modules it read
    edges: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    added: list[Tensor] = field(default_factory=list)
    heads: list[Tensor] = field(default_factory=list)
    normed: list[Tensor] = field(default_factory=list)
    count: int = 1

    def fresh(self, features: int) -> Tensor:
        ids = torch.arange(self.count, self.count + features)
        self.count += features
        return ids

    def unify(self, a: Tensor, b: Tensor) -> None:
        self.edges.append((a.flatten(), b.flatten()))

    def bind(self, tensor: str, dim: int, ids: Tensor, role: str) -> Tensor:
        """Tie the features along a dimension of a tensor; a tensor used twice ties both uses together."""
        known = self.bindings.get((tensor, dim))
        if known is None:
            self.bindings[tensor, dim] = Binding(ids, role)
            return ids
        self.unify(known.ids, ids)
        return known.ids

    def components(self) -> NDArray[np.int64]:
        """[count] the unit of each number; equal numbers are one unit. Unit of FIXED: features that stay."""
        if not self.edges:
            return np.arange(self.count)
        a = torch.cat([edge[0] for edge in self.edges]).numpy()
        b = torch.cat([edge[1] for edge in self.edges]).numpy()
        graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(self.count, self.count))
        return connected_components(graph, directed=False)[1].astype(np.int64)


def trace(model: nn.Module, image: tuple[int, ...]) -> Trace:
    """Run the model in eval mode on one input of (channels, pixels a side) or of the full shape, without computing.

    Raises InputError where the forward fails.
    """
    shape = (image[0], image[1], image[1]) if len(image) == 2 else tuple(image)
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {name: torch.empty_like(value, device="meta") for name, value in state.items()}
    dtype = next((value.dtype for value in state.values() if value.is_floating_point()), torch.float32)
    tracer = Tracer(model, shapes)
    tracer.seen.shapes = {name: tuple(value.shape) for name, value in state.items()}
    x = torch.empty(1, *shape, dtype=dtype, device="meta")
    tracer.label(x, torch.zeros(1, dtype=torch.int64).expand(1, *[1] * len(shape)))
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with tracer:
            output = torch.func.functional_call(model, shapes, (x,))
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"{type(model).__name__} on an input of {[1, *shape]}: the forward fails ({reason})") from None
    finally:
        for module, mode in modes.items():
            module.training = mode
    for tensor in tensors_in(output):
        tracer.pin(tensor, "output")
    return tracer.seen


def tensors_in(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)


def squeeze_labels(ids: Tensor) -> Tensor:
    """The smallest tensor that broadcasts to `ids`."""
    for dim, size in enumerate(ids.shape):
        if size > 1 and bool((ids == ids.narrow(dim, 0, 1)).all()):
            ids = ids.narrow(dim, 0, 1)
    return ids


def same_shape(func: Any, args: Any, kwargs: Any) -> Tensor:
    """What norms and activations return, without asking torch: on shapes alone that costs more than all the rest."""
    in_place = func.__name__.endswith("_") or kwargs.get("inplace") or any(value is True for value in args[1:])
    return args[0] if in_place and func.__name__ not in ("batch_norm", "layer_norm") else torch.empty_like(args[0])


class Tracer(TorchFunctionMode):
    """Watches every torch function that a forward calls and keeps the numbers of each tensor's features.

    Labels are integer tensors that broadcast to the shape of what they label; a tensor without labels has none
    that can be cut.
    """

    def __init__(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.seen = Trace()
        self.names = {id(value): name for name, value in state.items()}
        self.modules = dict(model.named_modules())
        self.labels: dict[int, Tensor] = {}
        self.alive: list[Tensor] = []  # keeps ids unique while the run lasts
        self.maker: dict[int, str] = {}
        self.memory: dict[int, Activation] = {}
        self.clock = 0

    def label(self, tensor: Tensor, ids: Tensor | None) -> None:
        self.alive.append(tensor)
        if ids is not None:
            self.labels[id(tensor)] = ids

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
            handler(self, func, args, kwargs, result)
        elif isinstance(result, Tensor | list | tuple) or name == "setitem":
            self.unknown(name, inputs, result)
        self.remember(name, inputs, result)
        return result

    def remember(self, name: str, inputs: list[Tensor], result: object) -> None:
        """Activation memory: a view or an in-place operation shares its input's, anything else makes its own."""
        for tensor in tensors_in(result):
            shared = next((self.memory[id(x)] for x in inputs if id(x) in self.memory), None)
            if id(tensor) in self.memory or tensor.numel() == 0:
                continue
            if name in VIEWS and shared is not None:
                self.memory[id(tensor)] = shared
                continue
            ids = self.labels.get(id(tensor), torch.zeros(1, dtype=torch.int64))
            made = Activation(ids.flatten(), tensor.numel() // ids.numel(), self.clock, self.clock)
            self.memory[id(tensor)] = made
            self.seen.activations.append(made)

    def of(self, value: object) -> Tensor | None:
        """Labels of a tensor; a parameter used by itself makes its own features along its last dimension."""
        if not isinstance(value, Tensor):
            return None
        found = self.labels.get(id(value))
        name = self.names.get(id(value))
        if found is None and name is not None and value.ndim > 0:
            dim = value.ndim - 1
            ids = self.seen.bind(name, dim, self.seen.fresh(value.shape[dim]), "carried")
            found = ids.reshape([1] * dim + [-1])
            self.label(value, found)
        return found

    def pin(self, tensor: Tensor, why: str) -> None:
        ids = self.labels.get(id(tensor))
        if ids is not None:
            self.seen.unify(ids, torch.full((ids.numel(),), FIXED))
            self.seen.pinned[why].add(self.maker.get(id(tensor), ""))

    def unknown(self, name: str, inputs: list[Tensor], result: object) -> None:
        for tensor in inputs:
            if self.labels.get(id(tensor)) is not None:
                self.pin(tensor, name)
        for tensor in tensors_in(result):
            self.label(tensor, None)

    def weighted(self, weight: object) -> str | None:
        """Name of the module whose own weight this is: one whose input can be gated and whose weight can be cut."""
        name = self.names.get(id(weight), "")
        module = self.modules.get(name.removesuffix(".weight"))
        plain = isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
        return name.removesuffix(".weight") if plain and name.endswith(".weight") else None

    def product(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        """A convolution or linear layer: reads the features of its input and makes new ones."""
        given = bound(args, kwargs, ("input", "weight", "bias"))
        x, weight, bias = given["input"], given["weight"], given.get("bias")
        linear = getattr(func, "__name__", "").strip("_") == "linear"
        groups = 1 if linear else int(kwargs.get("groups", args[6] if len(args) > 6 else 1))
        name, axis = self.weighted(weight), x.ndim - 1 if linear else 1
        labels = self.labels.get(id(x))
        whole = labels is not None and labels.numel() == (labels.shape[axis] if labels.ndim > axis else 1)
        if name is None or (labels is not None and labels.numel() > 1 and not whole):
            self.unknown(getattr(func, "__name__", "product").strip("_"), [x], result)
            return
        features = x.shape[axis]
        incoming = torch.zeros(features, dtype=torch.int64) if labels is None else labels.flatten().expand(features)
        self.seen.positions[f"{name}.weight"] += result.numel() // result.shape[axis]
        if groups > 1 and groups == features == weight.shape[0]:
            made = self.seen.bind(f"{name}.weight", 0, incoming, "carried")
        else:
            if groups > 1:
                self.seen.pinned["groups"].add(name)
                self.seen.unify(incoming, torch.zeros_like(incoming))
            else:
                self.seen.bind(f"{name}.weight", 1, incoming, "read")
            made = self.seen.bind(f"{name}.weight", 0, self.seen.fresh(weight.shape[0]), "made")
            if groups > 1:
                self.seen.unify(made, torch.zeros_like(made))
        if bias is not None:
            self.seen.bind(f"{name}.bias", 0, made, "made")
        self.maker[id(result)] = name
        self.label(result, made.reshape([-1 if dim == axis else 1 for dim in range(result.ndim)]))

    def norm(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        """BatchNorm (features in dim 1) and LayerNorm (in the last): their tensors belong to the features."""
        kind = func.__name__.strip("_")
        names = ("input", "running_mean", "running_var", "weight", "bias")
        given = bound(args, kwargs, names if kind == "batch_norm" else ("input", "shape", "weight", "bias"))
        x, labels = given["input"], self.labels.get(id(given["input"]))
        axis = 1 if kind == "batch_norm" else x.ndim - 1
        if labels is None or labels.numel() not in (1, labels.shape[axis]):
            self.unknown(kind, [x], result)
            return
        ids = labels.flatten().expand(x.shape[axis])
        for key in names[1:]:
            if given.get(key) is not None and id(given[key]) in self.names:
                self.seen.bind(self.names[id(given[key])], 0, ids, "carried")
        if kind == "layer_norm":
            self.seen.normed.append(ids)
        if id(x) in self.maker and given.get("weight") is not None:
            self.seen.behind.setdefault(self.maker[id(x)], self.names.get(id(given["weight"]), "").rpartition(".")[0])
        self.label(result, labels)

    def same(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        self.label(result, self.of(args[0] if args else next(tensors_in(kwargs))))
        if result is args[0]:
            return
        if id(args[0]) in self.maker and func.__name__.strip("_") in ("contiguous", "to", "clone", "dropout"):
            self.maker[id(result)] = self.maker[id(args[0])]

    def spatial(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Pooling, resizing, padding: features stay where they are as long as no dimension that holds them changes."""
        labels, first = self.labels.get(id(args[0])), next(tensors_in(result))
        if labels is None:
            return
        held = [dim for dim, size in enumerate(labels.shape) if size > 1]
        if labels.ndim == first.ndim and all(args[0].shape[dim] == first.shape[dim] for dim in held):
            self.label(first, labels)
        else:
            self.unknown(func.__name__, [args[0]], result)

    def view(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """The same view of the labels as of the tensor."""
        labels = self.of(args[0])
        if labels is None or not isinstance(args[0], Tensor):
            return
        with torch._C.DisableTorchFunction():
            same = torch.Tensor.reshape if func is torch.Tensor.view else func  # labels are not laid out in memory
            seen = same(labels.expand(args[0].shape), *args[1:], **kwargs)
        for part, ids in zip(tensors_in(result), tensors_in(seen), strict=True):
            self.label(part, squeeze_labels(ids))

    def merge(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        """An elementwise operation of two tensors: features that meet are one unit."""
        operands = [value for value in args[:2] if isinstance(value, Tensor)]
        labelled = [(value, self.of(value)) for value in operands]
        known = [ids for _, ids in labelled if ids is not None]
        if not known:
            return
        out = known[0]
        for ids in known[1:]:
            a, b = torch.broadcast_tensors(self.level(out, result), self.level(ids, result))
            self.seen.unify(a, b)
            if func.__name__.strip("_") in ("add", "iadd", "sub"):
                self.seen.added += [a.flatten()]
            out = squeeze_labels(a)
        for value, own in labelled:
            if own is None and any(
                size > 1 and value.ndim >= out.ndim - dim and value.shape[dim - out.ndim] > 1
                for dim, size in enumerate(out.shape)
            ):
                self.seen.unify(out, torch.full((out.numel(),), FIXED))
                self.seen.pinned[func.__name__.strip("_")].add("")
        self.label(result, self.level(out, result))

    @staticmethod
    def level(ids: Tensor, like: Tensor) -> Tensor:
        return ids.reshape([1] * (like.ndim - ids.ndim) + list(ids.shape))

    def concat(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        tensors = list(args[0] if args else kwargs["tensors"])
        dim = kwargs.get("dim", args[1] if len(args) > 1 else 0) % result.ndim
        labels = [self.of(tensor) for tensor in tensors]
        if all(ids is None for ids in labels):
            return
        full = [
            (torch.zeros([1] * tensor.ndim, dtype=torch.int64) if ids is None else ids)
            for tensor, ids in zip(tensors, labels, strict=True)
        ]
        other = [max(ids.shape[d] for ids in full) for d in range(result.ndim)]
        if any(ids.shape[dim] > 1 for ids in full) or all(size == 1 for d, size in enumerate(other) if d != dim):
            shapes = [[t.shape[dim] if d == dim else other[d] for d in range(result.ndim)] for t in tensors]
            self.label(result, torch.cat([ids.expand(shape) for ids, shape in zip(full, shapes, strict=True)], dim))
            return
        first = full[0].expand(other)  # joined along another dimension: the features are the same in every part
        for ids in full[1:]:
            self.seen.unify(first, ids.expand(other))
            self.seen.added.append(first.flatten())
        self.label(result, first)

    def reduce(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        labels, first = self.labels.get(id(args[0])), next(tensors_in(result))
        if labels is None:
            return
        dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
        dims = range(labels.ndim) if dims is None else [dims] if isinstance(dims, int) else dims
        gone = {dim % labels.ndim for dim in dims}
        if any(labels.shape[dim] > 1 for dim in gone):
            self.unknown(func.__name__, [args[0]], result)
            return
        kept = first.ndim == labels.ndim
        self.label(first, labels if kept else labels.reshape([s for d, s in enumerate(labels.shape) if d not in gone]))

    def softmax(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        labels = self.labels.get(id(args[0]))
        dim = kwargs.get("dim", args[1] if len(args) > 1 else -1)
        if labels is not None and labels.shape[dim] > 1:
            self.unknown("softmax", [args[0]], result)
        else:
            self.label(result, labels)

    def attention(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        """softmax(q k') v: a head's features of q, k and v stay or go together. [B, heads, tokens, d]."""
        given = bound(args, kwargs, ("query", "key", "value"))
        q, k, v = (given[key] for key in ("query", "key", "value"))
        labels = [self.labels.get(id(each)) for each in (q, k, v)]
        if any(ids is None or ids.ndim != 4 or ids.shape[:1] + ids.shape[2:3] != (1, 1) for ids in labels):
            self.unknown("scaled_dot_product_attention", [q, k, v], result)
            return
        head = self.tie_heads(labels)
        each = q.shape[2] * k.shape[2] * (q.shape[3] + v.shape[3])
        self.seen.products.append((head.flatten().expand(q.shape[1]), each))
        self.label(result, labels[2])

    def tie_heads(self, labels: list[Any]) -> Tensor:
        """One unit a head; returns its number, [1, heads, 1, 1]."""
        head = labels[-1][..., :1]
        for ids in labels:
            self.seen.unify(*torch.broadcast_tensors(ids, head))
            self.seen.heads.append(ids.flatten())
        return head

    def matmul(self, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
        """Attention spelled out: q k' ties the features of a head, the product with v keeps those of v."""
        a, b = args[:2]
        left, right = self.labels.get(id(a)), self.labels.get(id(b))
        if left is None or right is None or left.ndim != 4 or right.ndim != 4:
            if left is not None or right is not None:
                self.unknown("matmul", [a, b], result)
            return
        if left.shape[2] == 1 and right.shape[3] == 1 and (left.shape[3] > 1 or right.shape[2] > 1):
            head = self.tie_heads([left, right.transpose(2, 3)])
            self.seen.products.append((head.flatten().expand(a.shape[1]), a.shape[2] * a.shape[3] * b.shape[3]))
            self.label(result, head)
        elif left.shape[2:] == (1, 1) and right.shape[2] == 1:
            self.tie_heads([left, right])
            self.seen.products.append((left.flatten().expand(a.shape[1]), a.shape[2] * a.shape[3] * b.shape[3]))
            self.label(result, right)
        else:
            self.unknown("matmul", [a, b], result)


def bound(args: Any, kwargs: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {**dict(zip(names, args, strict=False)), **{key: value for key, value in kwargs.items() if key in names}}


Handler = Callable[[Tracer, Any, Any, Any, Any], None]
HANDLERS: dict[str, Handler] = {
    "linear": Tracer.product, "batch_norm": Tracer.norm, "layer_norm": Tracer.norm, "cat": Tracer.concat,
    "concat": Tracer.concat, "softmax": Tracer.softmax, "scaled_dot_product_attention": Tracer.attention,
    "matmul": Tracer.matmul, "bmm": Tracer.matmul,
    **dict.fromkeys(CONVOLUTIONS, Tracer.product),
    **dict.fromkeys(VIEWS, Tracer.view),
    **dict.fromkeys(SAME, Tracer.same),
    **dict.fromkeys(SPATIAL, Tracer.spatial),
    **dict.fromkeys(MERGES | {f"i{name}" for name in MERGES} | {"truediv", "itruediv"}, Tracer.merge),
    **dict.fromkeys(REDUCTIONS, Tracer.reduce),
}  # fmt: skip
