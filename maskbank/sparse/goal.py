"""What a sparse training is to end with: a budget of live weights, how it is spread over tensors, in which pattern."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from maskbank.errors import InputError, WorkError
from maskbank.patterns import OF_MASKS, check_fit
from maskbank.pruning.density import Groups, Shapes, erk, share
from maskbank.pruning.patterns import NOfM, Pattern, live_things, pattern_of
from maskbank.pruning.topk import top
from maskbank.pruning.weights import Masks, Saliencies


@dataclass(frozen=True)
class Goal:
    """`shapes` of the prunable tensors in forward order. The last `tune_fraction` of all `steps` are the fine-tune.

    `seed` decides what a schedule draws before training begins.
    """

    shapes: Shapes
    budget: float
    allocation: str
    steps: int
    tune_fraction: float = 0.25
    pattern_name: str = "unstructured"
    seed: int = 0

    @cached_property
    def pattern(self) -> Pattern:
        return pattern_of(self.pattern_name, OF_MASKS)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Prunable groups of each tensor."""
        bare = {name: torch.empty(shape, device="meta") for name, shape in self.shapes.items()}
        if isinstance(self.pattern, NOfM):
            return {name: value.numel() for name, value in bare.items()}
        return {name: self.pattern.things(value).numel() for name, value in bare.items()}

    @property
    def tune(self) -> int:
        """Steps of the fine-tune."""
        return round(self.steps * self.tune_fraction)

    @property
    def names(self) -> list[str]:
        return list(self.shapes)

    def check(self) -> None:
        """Raises InputError where the pattern does not tile a tensor, or the budget is out of reach or empties one."""
        for name, shape in self.shapes.items():
            self.pattern.check(name, shape)
        if not 1 <= self.tune < self.steps:
            raise InputError(
                f"sparsify.steps = {self.steps}: {self.tune} of them are the fine-tune (tune_fraction); "
                "expected 1 or more, and some before it"
            )
        if self.budget == 1:
            return
        check_fit(self.pattern_name, self.budget, self.allocation)
        if isinstance(self.pattern, NOfM):
            return
        share(self.shapes, self.sizes, self.budget, self.allocation)
        small = min(self.sizes, key=lambda name: self.sizes[name])
        if self.allocation == "uniform" and round(self.budget * self.sizes[small]) < 1:
            raise InputError(
                f"budget = {self.budget:g}: empties {small}, of which {self.sizes[small]} could be live; "
                f"use at least {1 / self.sizes[small]:.3g}, or allocation erk or global"
            )

    def live(self, fraction: float, names: Collection[str] | None = None) -> Groups:
        """How many groups of which tensors together are live when a fraction of all is. `names`: of these tensors alone."""
        chosen = [name for name in self.names if names is None or name in names]
        if fraction == 1:
            return [([name], self.sizes[name]) for name in chosen]
        if self.allocation == "global":
            return [(chosen, max(len(chosen), round(fraction * sum(self.sizes[name] for name in chosen))))]
        if self.allocation == "erk":
            counts = erk(self.shapes, self.sizes, fraction)
        else:
            counts = {name: max(1, round(fraction * self.sizes[name])) for name in chosen}
        return [([name], counts[name]) for name in chosen]

    def grown(self, names: Collection[str]) -> Groups:
        """Live counts while these tensors are dense. Of allocation global the others' are known together only later."""
        rest = [name for name in self.names if name not in names]
        return self.live(1, names) + (self.live(self.budget, rest) if self.allocation != "global" else [])

    def choose(self, saliencies: Saliencies, live: Groups) -> Masks:
        """Masks of the most salient groups, exactly as many as asked for; ties go to the lower index."""
        for name, values in saliencies.items():
            if not values.isfinite().all():
                raise WorkError(f"saliency of {name}: NaN or infinite; the method cannot rank these weights")
        masks: Masks = {}
        for names, count in live:
            pattern = self.pattern
            if count == sum(self.sizes[name] for name in names):
                masks |= {name: torch.ones(self.shapes[name], dtype=torch.bool) for name in names}
            elif isinstance(pattern, NOfM):
                masks |= {name: pattern.choose(saliencies[name]) for name in names}
            else:
                kept = top({name: pattern.things(saliencies[name]) for name in names}, count)
                masks |= {name: pattern.mask(kept[name], self.shapes[name]) for name in names}
        return masks

    def check_live(self, masks: Masks, live: Groups) -> None:
        """Raises WorkError where masks have not exactly as many live groups as asked for."""
        for names, count in live:
            found = sum(int(live_things(self.pattern, masks[name]).sum()) for name in names)
            if found != count:
                raise WorkError(f"{', '.join(names)}: {found} live, {count} asked for; the schedule lost count")

    def densities(self, live: Groups) -> Mapping[str, float]:
        """Of each tensor, which are known before training unless tensors are ranked together. Raises InputError there."""
        found = {name: count / self.sizes[name] for (name, *others), count in live if not others}
        if set(found) != set(self.shapes):
            raise InputError(
                f"allocation = {self.allocation!r}: what its training costs is known only afterwards; "
                "for setup same-macs use uniform or erk"
            )
        return found
