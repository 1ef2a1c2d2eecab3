"""PAODING's published models and their size cuts: `python benchmarks/paoding_sizes.py > docs/paoding_sizes.md`.

Counts only, no training: parameters left when a nominal ratio of the tool (it overshoots), or exactly that fraction of the
units, leaves every layer. BatchNorm's running statistics count as parameters, as in the published totals.
"""

import math

import torch

from maskbank.measures.cost import Cost, trace_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.paoding.shipped import removed_of

MODELS = {
    "mlp": (Architecture("mlp", 1, 29, 1), "credit card fraud"),
    "paoding_xray": (Architecture("paoding_xray", 1, 1, 64), "chest X-ray"),
    "paoding_mnist": (Architecture("paoding_mnist", 10, 1, 28), "MNIST"),
    "paoding_cifar": (Architecture("paoding_cifar", 10, 3, 32), "CIFAR-10"),
}
RATIOS = (0.25, 0.5)
PUBLISHED = (
    "36.5-49.4 % at a nominal 25 %, 63.9-78.1 % at a nominal 50 %, over the four models (Meng et al., arXiv 2405.00074)"
)


def stored(cost: Cost, counts: dict[str, int], counters: int) -> int:
    """Numbers in the state: parameters and running statistics, without BatchNorm's step counters."""
    return (cost.bytes(counts) - 8 * counters) // 4


def left(cost: Cost, ratio: float, nominal: bool) -> dict[str, int]:
    """Units left in each layer."""
    widths = list(cost.dense.values())
    gone = removed_of(ratio, widths) if nominal else [math.floor(ratio * width) for width in widths]
    return {name: width - cut for (name, width), cut in zip(cost.dense.items(), gone, strict=True)}


def line(name: str) -> str:
    architecture, data = MODELS[name]
    torch.manual_seed(0)
    model = architecture.build()
    cost = trace_cost(model, architecture.image)
    counters = sum(key.endswith("num_batches_tracked") for key in model.state_dict())
    dense = stored(cost, cost.dense, counters)
    cells = [name, data, f"{dense:,}"]
    for nominal in (True, False):
        for ratio in RATIOS:
            now = stored(cost, left(cost, ratio, nominal), counters)
            cells.append(f"{now:,} (-{100 * (1 - now / dense):.1f} %)")
    return f"| {' | '.join(cells)} |"


def table() -> str:
    head = "| model | published for | parameters | nominal 25 % | nominal 50 % | exactly 25 % | exactly 50 % |"
    lines = [head, "|---" * 7 + "|", *map(line, MODELS)]
    about = f"Written by `python benchmarks/paoding_sizes.py`. Published: {PUBLISHED}."
    how = "Every layer loses the ratio, convolutions and dense layers alike; the classifier stays whole."
    return "\n".join(["# Size cuts of PAODING's published models", "", f"{about} {how}", "", *lines]) + "\n"


if __name__ == "__main__":
    print(table(), end="")
