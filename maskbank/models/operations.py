"""What torch's functions do to the numbers of features: views carry them, sums and products tie them, layers read them.

A handler gets the labels so far, the function, its arguments and its result, and labels the result. A function without a
handler pins what it touches.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from maskbank.models.labels import Labels, tensors_in
from maskbank.models.trace import FIXED

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


def bound(args: Any, kwargs: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {**dict(zip(names, args, strict=False)), **{key: value for key, value in kwargs.items() if key in names}}


def product(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    """A convolution or linear layer: reads the features of its input and makes new ones."""
    given = bound(args, kwargs, ("input", "weight", "bias"))
    x, weight, bias = given["input"], given["weight"], given.get("bias")
    linear = getattr(func, "__name__", "").strip("_") == "linear"
    groups = 1 if linear else int(kwargs.get("groups", args[6] if len(args) > 6 else 1))
    name, axis = state.weighted(weight), x.ndim - 1 if linear else 1
    if id(weight) in state.names:
        state.seen.positions[state.names[id(weight)]] += result.numel() // result.shape[axis]
    labels = state.ids.get(id(x))
    whole = labels is not None and labels.numel() == (labels.shape[axis] if labels.ndim > axis else 1)
    if name is None or (labels is not None and labels.numel() > 1 and not whole):
        state.unknown(getattr(func, "__name__", "product").strip("_"), [x], result)
        return
    features = x.shape[axis]
    incoming = torch.zeros(features, dtype=torch.int64) if labels is None else labels.flatten().expand(features)
    if groups > 1:  # a unit is a whole group, of one channel where the convolution is depthwise
        group = incoming.reshape(groups, -1)
        state.seen.unify(*torch.broadcast_tensors(group, group[:, :1]))
        made = group[:, :1].expand(groups, weight.shape[0] // groups).flatten()
        made = state.seen.bind(f"{name}.weight", 0, made, "carried")
    else:
        state.seen.bind(f"{name}.weight", 1, incoming, "read")
        made = state.seen.bind(f"{name}.weight", 0, state.seen.fresh(weight.shape[0]), "made")
    if bias is not None and id(bias) in state.names:
        state.seen.bind(state.names[id(bias)], 0, made, "carried" if groups > 1 else "made")
    elif bias is not None:  # put together from other tensors: cannot be cut
        state.seen.unify(made, torch.zeros_like(made))
    state.maker[id(result)] = name
    state.label(result, made.reshape([-1 if dim == axis else 1 for dim in range(result.ndim)]))


def norm(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    """BatchNorm (features in dim 1) and LayerNorm (in the last): their tensors belong to the features."""
    kind = func.__name__.strip("_")
    names = ("input", "running_mean", "running_var", "weight", "bias")
    given = bound(args, kwargs, names if kind == "batch_norm" else ("input", "shape", "weight", "bias"))
    x, labels = given["input"], state.ids.get(id(given["input"]))
    axis = 1 if kind == "batch_norm" else x.ndim - 1
    if labels is None or labels.numel() not in (1, labels.shape[axis]) or len(given.get("shape", ())) > 1:
        state.unknown(kind, [x], result)
        return
    ids = labels.flatten().expand(x.shape[axis])
    for key in names[1:]:
        if given.get(key) is not None and id(given[key]) in state.names:
            state.seen.bind(state.names[id(given[key])], 0, ids, "carried")
    if kind == "layer_norm":
        state.seen.normed.append(ids)
    state.label(result, labels)


def same(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    state.label(result, state.of(args[0]))
    if result is args[0]:
        return
    if id(args[0]) in state.maker and func.__name__.strip("_") in ("contiguous", "to", "clone", "dropout"):
        state.maker[id(result)] = state.maker[id(args[0])]


def spatial(state: Labels, func: Any, args: Any, kwargs: Any, result: Any) -> None:
    """Pooling, resizing, padding: features stay where they are as long as no dimension that holds them changes."""
    labels, first = state.ids.get(id(args[0])), next(tensors_in(result))
    if labels is None:
        return
    held = [dim for dim, size in enumerate(labels.shape) if size > 1]
    name = func.__name__.strip("_")
    worked = int(name[-2]) if name[-1] == "d" and name[-2].isdigit() else 0 if name == "pad" else labels.ndim - 2
    outside = all(dim < labels.ndim - worked for dim in held)
    if labels.ndim == first.ndim and outside and all(args[0].shape[dim] == first.shape[dim] for dim in held):
        state.label(first, labels)
    else:
        state.unknown(func.__name__, [args[0]], result)


def view(state: Labels, func: Any, args: Any, kwargs: Any, result: Any) -> None:
    """The same view of the labels as of the tensor."""
    labels = state.of(args[0])
    if labels is None or not isinstance(args[0], Tensor):
        return
    name = func.__name__.strip("_")
    if any(
        tensor.device.type == "meta" for tensor in tensors_in([args[1:], kwargs])
    ):  # looked up by numbers not known here
        state.unknown(name, [args[0]], result)
        return
    with torch._C.DisableTorchFunction():
        same = torch.Tensor.reshape if func is torch.Tensor.view else func  # labels are not laid out in memory
        seen = same(labels.expand(args[0].shape), *args[1:], **kwargs)
    for part, ids in zip(tensors_in(result), tensors_in(seen), strict=True):
        own = squeeze_labels(ids)
        if name in ("roll", "flip") and not torch.equal(own.flatten(), labels.flatten()):
            state.unknown(name, [args[0]], result)
            return
        if own.numel() < labels.numel():
            state.seen.parts.setdefault(id(args[0]), (labels.flatten(), []))[1].append(own.flatten())
        state.label(part, own)


def merge(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    """An elementwise operation of two tensors: features that meet are one unit."""
    operands = [value for value in args[:2] if isinstance(value, Tensor)]
    labelled = [(value, state.of(value)) for value in operands]
    known = [ids for _, ids in labelled if ids is not None]
    if not known:
        return
    out = known[0]
    for ids in known[1:]:
        a, b = torch.broadcast_tensors(level(out, result), level(ids, result))
        state.seen.unify(a, b)
        if func.__name__.strip("_") in ("add", "iadd", "sub"):
            state.seen.added += [a.flatten()]
        out = squeeze_labels(a)
    for value, own in labelled:
        if own is None and any(
            size > 1 and value.ndim >= out.ndim - dim and value.shape[dim - out.ndim] > 1
            for dim, size in enumerate(out.shape)
        ):
            state.seen.unify(out, torch.full((out.numel(),), FIXED))
            state.seen.pinned[func.__name__.strip("_")].add("")
    state.label(result, level(out, result))


def level(ids: Tensor, like: Tensor) -> Tensor:
    return ids.reshape([1] * (like.ndim - ids.ndim) + list(ids.shape))


def concat(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    tensors = list(args[0] if args else kwargs["tensors"])
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0) % result.ndim
    labels = [state.of(tensor) for tensor in tensors]
    if all(ids is None for ids in labels):
        return
    full = [
        (torch.zeros([1] * tensor.ndim, dtype=torch.int64) if ids is None else ids)
        for tensor, ids in zip(tensors, labels, strict=True)
    ]
    other = [max(ids.shape[d] for ids in full) for d in range(result.ndim)]
    if any(ids.shape[dim] > 1 for ids in full) or all(size == 1 for d, size in enumerate(other) if d != dim):
        shapes = [[t.shape[dim] if d == dim else other[d] for d in range(result.ndim)] for t in tensors]
        state.label(result, torch.cat([ids.expand(shape) for ids, shape in zip(full, shapes, strict=True)], dim))
        return
    first = full[0].expand(other)  # joined along another dimension: the features are the same in every part
    for ids in full[1:]:
        state.seen.unify(first, ids.expand(other))
        state.seen.added.append(first.flatten())
    state.label(result, first)


def reduce(state: Labels, func: Any, args: Any, kwargs: Any, result: Any) -> None:
    labels, first = state.ids.get(id(args[0])), next(tensors_in(result))
    if labels is None:
        return
    dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
    dims = range(labels.ndim) if dims is None else [dims] if isinstance(dims, int) else dims
    gone = {dim % labels.ndim for dim in dims}
    if any(labels.shape[dim] > 1 for dim in gone):
        state.unknown(func.__name__, [args[0]], result)
        return
    kept = first.ndim == labels.ndim
    state.label(first, labels if kept else labels.reshape([s for d, s in enumerate(labels.shape) if d not in gone]))


def softmax(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    labels = state.ids.get(id(args[0]))
    dim = kwargs.get("dim", args[1] if len(args) > 1 else -1)
    if labels is not None and labels.shape[dim] > 1:
        state.unknown("softmax", [args[0]], result)
    else:
        state.label(result, labels)


def attention(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    """softmax(q k') v: a head's features of q, k and v stay or go together. [B, heads, tokens, d]."""
    given = bound(args, kwargs, ("query", "key", "value"))
    q, k, v = (given[key] for key in ("query", "key", "value"))
    labels = [state.ids.get(id(each)) for each in (q, k, v)]
    mask = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
    by_head = isinstance(mask, Tensor) and mask.ndim > 2 and mask.shape[-3] > 1  # heads have numbers of their own in it
    if by_head or any(ids is None or ids.ndim != 4 or ids.shape[:1] + ids.shape[2:3] != (1, 1) for ids in labels):
        state.unknown("scaled_dot_product_attention", [q, k, v], result)
        return
    head = tie_heads(state, labels)
    each = q.shape[2] * k.shape[2] * (q.shape[3] + v.shape[3])
    state.seen.products.append((head.flatten().expand(q.shape[1]), each))
    state.label(result, labels[2])


def tie_heads(state: Labels, labels: list[Any]) -> Tensor:
    """One unit a head; returns its number, [1, heads, 1, 1]."""
    head = labels[-1][..., :1]
    for ids in labels:
        state.seen.unify(*torch.broadcast_tensors(ids, head))
        state.seen.heads.append(ids.flatten())
    return head


def matmul(state: Labels, func: Any, args: Any, kwargs: Any, result: Tensor) -> None:
    """Attention spelled out: q k' ties the features of a head, the product with v keeps those of v."""
    a, b = args[:2]
    left, right = state.ids.get(id(a)), state.ids.get(id(b))
    if left is None or right is None or left.ndim != 4 or right.ndim != 4:
        if left is not None or right is not None:
            state.unknown("matmul", [a, b], result)
        return
    if left.shape[2] == 1 and right.shape[3] == 1 and (left.shape[3] > 1 or right.shape[2] > 1):
        head = tie_heads(state, [left, right.transpose(2, 3)])
        state.seen.products.append((head.flatten().expand(a.shape[1]), a.shape[2] * a.shape[3] * b.shape[3]))
        state.label(result, head)
    elif left.shape[2:] == (1, 1) and right.shape[2] == 1:
        tie_heads(state, [left, right])
        state.seen.products.append((left.flatten().expand(a.shape[1]), a.shape[2] * a.shape[3] * b.shape[3]))
        state.label(result, right)
    else:
        state.unknown("matmul", [a, b], result)


Handler = Callable[[Labels, Any, Any, Any, Any], None]
HANDLERS: dict[str, Handler] = {
    "linear": product, "batch_norm": norm, "layer_norm": norm, "cat": concat,
    "concat": concat, "softmax": softmax, "scaled_dot_product_attention": attention,
    "matmul": matmul, "bmm": matmul,
    **dict.fromkeys(CONVOLUTIONS, product),
    **dict.fromkeys(VIEWS, view),
    **dict.fromkeys(SAME, same),
    **dict.fromkeys(SPATIAL, spatial),
    **dict.fromkeys(MERGES | {f"i{name}" for name in MERGES} | {"truediv", "itruediv"}, merge),
    **dict.fromkeys(REDUCTIONS, reduce),
}  # fmt: skip
