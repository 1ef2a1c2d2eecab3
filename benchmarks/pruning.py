"""Structured pruning against torch-pruning: `python benchmarks/pruning.py [--quick] [--models resnet18 ...] [--masks]`.

Needs `pip install torch-pruning`. Timed: the graph, the graph with what a pruner prepares, and one step (score,
select, surgery, on a given graph). Images of 224 pixels, random weights, half of all units, global, with residual
streams and embeddings; the classifier stays whole. One thread, CPU-seconds, in turns, medians. Both cut a copy of
the model that is made off the clock.

`--masks` compares which units stay instead, by one and the same criterion (squared weights that make a unit).

The ViT is timm's: torchvision's keeps its heads inside a fused nn.MultiheadAttention, which torch-pruning shortens
along the embedding alone. It removes heads where it is given `num_heads` and told to.
"""

import argparse
import copy
import functools
import importlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import timm
import torch
import torch_pruning as tp
import torchvision
from torch import nn
from torch.nn import functional as F

from maskbank.measures.cost import Cost, trace_cost
from maskbank.models.graph import find_layers
from maskbank.models.surgery import Kept, slice_in_place
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import select
from maskbank.pruning.prune import Target, prune_units
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import kept_by

PIXELS, BUDGET, REPEATS, ITERATIONS = 224, 0.5, 5, 20
IMAGE = (3, PIXELS)
Action = Callable[[], object]


@dataclass(frozen=True)
class Network:
    """A network, and the name of its classifier."""

    build: Callable[[], nn.Module]
    classifier: str

    @functools.cached_property
    def model(self) -> nn.Module:
        torch.manual_seed(0)
        return self.build().eval()


MODELS = {
    "resnet18": Network(torchvision.models.resnet18, "fc"),
    "resnet50": Network(torchvision.models.resnet50, "fc"),
    "vgg16_bn": Network(torchvision.models.vgg16_bn, "classifier.6"),
    "densenet121": Network(torchvision.models.densenet121, "classifier"),
    "mobilenet_v2": Network(torchvision.models.mobilenet_v2, "classifier.1"),
    "vit_base": Network(functools.partial(timm.create_model, "vit_base_patch16_224", pretrained=False), "head"),
}


@dataclass(frozen=True)
class Row:
    """What is compared. Each side prepares off the clock and returns what is timed."""

    name: str
    ours: Callable[[], Action]
    theirs: Callable[[], Action]
    once: bool = False  # theirs takes a minute


def images(count: int) -> Sample:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 3, PIXELS, PIXELS, generator=generator)
    return Sample(x, torch.arange(count), generator)


def scorer(name: str) -> Callable[..., Scores]:
    return importlib.import_module(f"maskbank.pruning.scores.{name}").score


def our_step(model: nn.Module, cost: Cost, score: str, sample: Sample) -> Kept:
    layers = list(cost.layers)
    kept = select(removal_order(scorer(score)(model, layers, sample), cost, "global"), cost, "units", BUDGET)
    slice_in_place(model, layers, kept)
    return kept


def their_pruner(
    network: Network, importance: tp.importance.Importance, model: nn.Module, steps: int = 1
) -> tp.pruner.BasePruner:
    """With dictionaries of its own: those that it has as defaults are shared with every pruner before it."""
    heads = {part.qkv: part.num_heads for part in model.modules() if hasattr(part, "qkv")}
    return tp.pruner.BasePruner(
        model,
        torch.zeros(1, 3, PIXELS, PIXELS),
        importance,
        global_pruning=True,
        pruning_ratio=1 - BUDGET,
        iterative_steps=steps,
        ignored_layers=[model.get_submodule(network.classifier)],
        num_heads=heads,
        prune_num_heads=bool(heads),
        prune_head_dims=not heads,
        head_pruning_ratio=1 - BUDGET if heads else 0.0,
        in_channel_groups={},
        out_channel_groups={},
    )


def their_gradient(model: nn.Module, sample: Sample) -> None:
    model.zero_grad()
    F.cross_entropy(model(sample.x), sample.y).backward()


def rows(name: str, network: Network) -> Iterator[Row]:
    model, x = network.model, torch.zeros(1, 3, PIXELS, PIXELS)
    cost = trace_cost(model, IMAGE, "all")

    def ours(score: str, sample: Sample) -> Callable[[], Action]:
        return lambda: functools.partial(our_step, copy.deepcopy(model), cost, score, sample)

    def theirs(importance: tp.importance.Importance, sample: Sample | None = None) -> Callable[[], Action]:
        def prepare() -> Action:
            pruner = their_pruner(network, importance, copy.deepcopy(model))
            if sample is None:
                return pruner.step
            return lambda: (their_gradient(pruner.model, sample), pruner.step())

        return prepare

    none, four = images(0), images(4)
    yield Row(
        "graph",
        lambda: lambda: find_layers(model, IMAGE, "all"),
        lambda: lambda: tp.DependencyGraph().build_dependency(model, x),
    )
    yield Row(
        "graph and sizes",
        lambda: lambda: trace_cost(model, IMAGE, "all"),
        lambda: lambda: their_pruner(network, tp.importance.MagnitudeImportance(), model),
    )
    yield Row("L2 step", ours("l2", none), theirs(tp.importance.MagnitudeImportance(p=2)))
    yield Row("L1 step", ours("l1", none), theirs(tp.importance.MagnitudeImportance(p=1)))
    yield Row("FPGM step", ours("fpgm", none), theirs(tp.importance.FPGMImportance()), once=name == "vgg16_bn")
    yield Row("Taylor, gradient(4) + step", ours("taylor", four), theirs(tp.importance.TaylorImportance(), four))
    if name == "resnet50":
        yield Row(
            f"{ITERATIONS} L2 steps",
            lambda: functools.partial(our_iterations, copy.deepcopy(model), cost),
            lambda: functools.partial(
                their_iterations,
                their_pruner(network, tp.importance.MagnitudeImportance(), copy.deepcopy(model), ITERATIONS),
            ),
        )


def our_iterations(model: nn.Module, cost: Cost) -> None:
    score = functools.partial(scorer("l2"), sample=images(0))
    kept = prune_units(model, cost, score, Target(BUDGET, allocation="global", schedule=f"iterative:{ITERATIONS}"))
    slice_in_place(model, list(cost.layers), kept)


def their_iterations(pruner: tp.pruner.BasePruner) -> None:
    for _ in range(ITERATIONS):
        pruner.step()


def cpu_seconds(prepare: Callable[[], Action]) -> float:
    action = prepare()
    started = time.process_time()
    action()
    return time.process_time() - started


def compare(row: Row, repeats: int) -> tuple[float, float]:
    """Medians of both in CPU-seconds, taken in turns."""
    ours, theirs = [], []
    for repeat in range(repeats):
        ours.append(cpu_seconds(row.ours))
        if not (row.once and repeat):
            theirs.append(cpu_seconds(row.theirs))
    return statistics.median(ours), statistics.median(theirs)


class MadeMagnitude(tp.importance.MagnitudeImportance):
    """Their magnitude restricted to the weights that make a unit: added up over the group, not normalised."""

    def __init__(self) -> None:
        super().__init__(p=2, group_reduction="sum", normalizer=None)

    def __call__(self, group: tp.dependency.Group) -> torch.Tensor | None:
        out = (tp.prune_conv_out_channels, tp.prune_linear_out_channels)
        made = [item for item in group if item.dep.handler in out]
        # As long as the longest of what it adds up: the q, k and v of a head make it three times too long.
        return super().__call__(made)[: len(group[0].idxs)] if made else None


def masks(name: str, network: Network) -> None:
    """Units, parameters and MACs that both keep by the same criterion, and the layers where they differ."""
    model = network.model
    cost = trace_cost(model, IMAGE, "all")
    layers = list(cost.layers)
    kept = our_step(copy.deepcopy(model), cost, "l2", images(0))
    for criterion in (MadeMagnitude(), tp.importance.MagnitudeImportance(p=2)):
        pruner = their_pruner(network, criterion, copy.deepcopy(model))
        pruner.step()
        other = kept_by(pruner.pruning_history(), layers)
        counts, their_counts = ({key: len(index) for key, index in each.items()} for each in (kept, other))
        print(f"\n{name}, theirs by {type(criterion).__name__}")
        for label, each in (("units", lambda c: sum(c.values())), ("parameters", cost.params), ("MACs", cost.macs)):
            print(f"  {label:<11}{each(cost.dense):>15,}{each(counts):>15,} ours{each(their_counts):>15,} theirs")
        real = sum(parameter.numel() for parameter in pruner.model.parameters())
        print(f"  their model really has {real:,} parameters")
        differ = [layer for layer in layers if not torch.equal(kept[layer.name], other[layer.name])]
        print(f"  {len(layers) - len(differ)} of {len(layers)} layers keep the same units")
        for layer in differ:
            both = int(torch.isin(kept[layer.name], other[layer.name]).sum())
            print(
                f"    {layer.name} ({layer.kind}, {layer.count}): {counts[layer.name]} ours, "
                f"{their_counts[layer.name]} theirs, {both} in both"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Structured pruning, ours against torch-pruning")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--rows", nargs="+", default=[], help="only rows that begin with one of these words")
    parser.add_argument("--quick", action="store_true", help="once instead of five times")
    parser.add_argument("--masks", action="store_true", help="which units stay, instead of seconds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    ratios = []
    if not options.masks:
        print(f"{'CPU-seconds, one thread':<44}{'ours':>9}{'theirs':>9}{'ratio':>8}")
    for name in options.models:
        if options.masks:
            masks(name, MODELS[name])
            continue
        for row in rows(name, MODELS[name]):
            if options.rows and not row.name.startswith(tuple(options.rows)):
                continue
            ours, theirs = compare(row, 1 if options.quick else REPEATS)
            ratios.append(ours / theirs)
            print(f"{name:<14}{row.name:<30}{ours:>9.3f}{theirs:>9.3f}{ours / theirs:>8.2f}", flush=True)
    if ratios:
        print(
            f"median ratio of {len(ratios)} rows: {statistics.median(ratios):.2f}; slower in {sum(r > 1 for r in ratios)}"
        )


if __name__ == "__main__":
    main()
