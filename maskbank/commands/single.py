"""One model of the user's own, outside of the pipeline: pruned, saved small, exported."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from maskbank.data.sources import npz
from maskbank.errors import InputError, WorkError
from maskbank.measures.cost import Cost, cost_of, parameter_count, tensor_bytes, trace_cost
from maskbank.measures.latency import latency_size
from maskbank.models import foreign
from maskbank.models.export import to_onnx, to_torch
from maskbank.models.graph import Graph, UnitSet, belongs
from maskbank.models.surgery import Kept, slice_units
from maskbank.models.torch_pruning import layers_from_torch_pruning
from maskbank.models.tracer import trace
from maskbank.models.units import Gates
from maskbank.patterns import OF_SINGLE, parse_pattern
from maskbank.pruning.budget import achieved
from maskbank.pruning.patterns import pattern_of
from maskbank.pruning.prune import Target, merge_of, prune_units, reconstructed, thin, unit_set
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import live_weights, prunable_weights
from maskbank.registry import SCORES
from maskbank.seeds import seed_of, torch_generator

Image = tuple[int, int, int]


def parse_image(text: str) -> Image:
    parts = text.split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"--image {text}: expected channels x height x width, such as 3x224x224")
    return int(parts[0]), int(parts[1]), int(parts[2])


def read_sample(path: str | None, image: Image, images: int, seed: int) -> Sample:
    """Training images of an .npz file, normalised by their own mean and deviation; none without a file."""
    generator = torch_generator(seed, "sample")
    if path is None:
        return Sample(torch.zeros(0, *image), torch.zeros(0, dtype=torch.int64), generator)
    raw = npz.load(Path(path), None).check(path)
    chosen = torch.randperm(len(raw.train_y), generator=generator)[:images]
    x = torch.from_numpy(raw.train_x)[chosen].permute(0, 3, 1, 2).float() / 255
    if tuple(x.shape[1:]) != image:
        raise InputError(f"{path}: images of shape {list(x.shape[1:])}; --image says {list(image)}")
    mean, std = x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True).clamp_min(1e-6)
    return Sample((x - mean) / std, torch.from_numpy(raw.train_y)[chosen], generator)


def prune(given: Namespace) -> str:
    """`maskbank prune`: returns the lines to print."""
    torch.set_num_threads(1)
    torch.manual_seed(seed_of(given.seed, "weights"))
    image, options = parse_image(given.image), dict(given.model_option)
    model = foreign.build(given.model, options)
    if given.weights is not None:
        foreign.load_weights(model, Path(given.weights))
    SCORES.check(given.method, "--method")
    SCORES.check_options(given.method, dict(given.option), "--option")
    if not 0 < given.budget <= 1:
        raise InputError(f"--budget {given.budget:g}: expected a fraction above 0, at most 1")
    sample = read_sample(given.data, image, given.score_images, given.seed)
    logits = run(model, torch.zeros(2, *image))
    if len(sample.y) and int(sample.y.max()) >= logits.shape[-1]:
        raise InputError(
            f"{given.data}: labels up to {int(sample.y.max())}; the model tells {logits.shape[-1]} classes apart"
        )
    structured = parse_pattern(given.pattern, (*OF_SINGLE, "units")).kind == "units"
    small, facts = (structured_model if structured else masked_model)(model, sample, image, given)
    about = {"image": list(image), "pruning": {"method": given.method, "pattern": given.pattern, **facts}}
    answer = run(small, torch.zeros(2, *image))
    foreign.save_model(Path(given.out), small, given.model, options, about)
    check_loads(Path(given.out), answer, image)
    return "\n".join([f"{key:16} {value}" for key, value in facts.items()] + [f"written to {given.out}"])


@torch.no_grad()
def run(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The model's logits. Raises InputError where its forward fails, as one does that holds widths of its own."""
    try:
        logits = model.eval()(x)
    except Exception as error:  # whatever a model of the user's own may raise
        reason = str(error).split("\n")[0] or type(error).__name__
        raise InputError(f"the model's forward fails ({reason}); a pruned one must read widths off tensors") from None
    if not isinstance(logits, torch.Tensor):
        raise InputError(f"the model answers with a {type(logits).__name__}; expected one tensor of logits")
    return logits


def check_loads(folder: Path, answer: torch.Tensor, image: Image) -> None:
    """What was written must load and answer alike."""
    if not torch.equal(run(foreign.load_model(folder), torch.zeros(2, *image)), answer):
        raise WorkError(f"{folder}: the saved model does not answer as the pruned one")


def structured_model(
    model: nn.Module, sample: Sample, image: Image, given: Namespace
) -> tuple[nn.Module, dict[str, Any]]:
    module, cost = SCORES.module(given.method), cost_by(given.graph, model, image, unit_set(given.pattern))
    size = latency_size(model, list(cost.layers), torch.zeros(1, *image)) if given.budget_kind == "latency" else None
    target = Target(given.budget, given.budget_kind, given.allocation or "global_macs", given.schedule, size=size)
    options = dict(given.option)
    kept = prune_units(model, cost, lambda small, layers: module.score(small, layers, sample, **options), target)
    check_masked(model, cost, kept, image)
    small = reconstructed(model, cost, kept, given.reconstruct, sample, merge_of(module, options))
    counts = {name: len(index) for name, index in kept.items()}
    return small, {
        "budget": f"{given.budget:g} of the {given.budget_kind}",
        "achieved": "measured" if size is not None else f"{achieved(kept, cost, given.budget_kind):.4f}",
        **sizes(cost, counts, small),
        "units": f"{sum(counts.values())} of {sum(cost.dense.values())} in {len(counts)} layers",
        "kept whole by": held(model, image),
    }


def held(model: nn.Module, image: Image) -> str:
    """Operations whose features the trace could not follow, with the modules that made them where they are known."""
    pinned = {
        name: sorted(filter(None, makers)) for name, makers in trace(model, image).pinned.items() if name != "output"
    }
    return (
        ", ".join(f"{name} ({' '.join(makers)})" if makers else name for name, makers in sorted(pinned.items()))
        or "nothing"
    )


def cost_by(graph: str, model: nn.Module, image: Image, units: UnitSet) -> Cost:
    """Layers by our own trace, or by torch-pruning's dependency graph where the trace has to leave too much whole.

    By the latter, MACs of attention and activation memory count as fixed.
    """
    if graph == "trace":
        return trace_cost(model, image, units)
    found = layers_from_torch_pruning(model, torch.zeros(1, *image))
    layers = [layer for layer in found if belongs(layer, units)]
    if not layers:
        raise InputError(
            f"--pattern units: torch-pruning finds coupled units only ({len(found)} layers); use units:coupled"
        )
    seen = trace(model, image)
    return cost_of(model, Graph(layers, seen, np.full(seen.count, -1)))


@torch.no_grad()
def check_masked(model: nn.Module, cost: Cost, kept: Kept, image: Image) -> None:
    """Raises WorkError where the sliced model does not answer as the model with those units at zero: the trace is then wrong."""
    layers, x = list(cost.layers), torch.randn(2, *image, generator=torch_generator(0, "input"))
    masks = {layer.name: torch.zeros(layer.count).index_fill(0, kept[layer.name], 1.0) for layer in layers}
    sliced = run(slice_units(model, layers, kept), x)
    with Gates(model, layers, masks):
        masked = run(model, x)
    if not (sliced - masked).abs().max() <= 1e-3 * masked.abs().max():
        raise WorkError("the sliced model does not answer as the masked one; its forward uses features by position")


def sizes(cost: Cost, counts: dict[str, int], small: nn.Module) -> dict[str, str]:
    pairs = {
        "params": (parameter_count(small), cost.params(cost.dense)),
        "macs": (cost.macs(counts), cost.macs(cost.dense)),
        "bytes": (tensor_bytes(small), cost.bytes(cost.dense)),
        "peak activation": (cost.peak(counts), cost.peak(cost.dense)),
    }
    return {name: f"{now} of {dense} ({now / dense:.4f})" for name, (now, dense) in pairs.items()}


def masked_model(model: nn.Module, sample: Sample, image: Image, given: Namespace) -> tuple[nn.Module, dict[str, Any]]:
    if not SCORES.defines(given.method, "saliency"):
        able = ", ".join(name for name in SCORES.names() if SCORES.defines(name, "saliency"))
        raise InputError(f"--method {given.method}: ranks units; with --pattern {given.pattern} choose from {able}")
    for key, plain in (("budget_kind", "units"), ("reconstruct", "none")):
        if getattr(given, key) != plain:
            raise InputError(
                f"--{key.replace('_', '-')} {getattr(given, key)}: for patterns that remove units; drop it here"
            )
    module, options = SCORES.module(given.method), dict(given.option)
    target = Target(given.budget, "weights", given.allocation or "global", given.schedule)
    masks = thin(
        model, prunable_weights(model), lambda own, weights: module.saliency(own, weights, sample, **options), target,
        pattern_of(given.pattern),
    )  # fmt: skip
    live, total = live_weights(masks)
    budget = f"{given.budget:g} of the weights"
    return model, {"budget": budget, "achieved": f"{live / total:.4f}", "weights": f"{live} of {total}"}


def export(given: Namespace) -> str:
    """`maskbank export`: returns the lines to print."""
    folder = Path(given.folder)
    spec = foreign.read_spec(folder)
    model = foreign.load_model(folder)
    x = torch.randn(2, *spec["image"], generator=torch_generator(0, "input"))
    lines = []
    for format in given.format:
        path = folder / {"onnx": "model.onnx", "torch": "model.pt2"}[format]
        difference = (to_onnx if format == "onnx" else to_torch)(model, x, path)
        lines.append(f"{path}: {path.stat().st_size} bytes, logits agree to {difference:.1e} of the largest")
    return "\n".join(lines)
