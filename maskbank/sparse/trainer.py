"""Training under weight masks: a schedule of phases, from its first step or from where it was cut off."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from maskbank.cells.snapshots import Snapshots, State
from maskbank.data.batches import Batches
from maskbank.measures.weight_cost import WeightCost
from maskbank.measures.work import MacCounter
from maskbank.pruning.density import Groups
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import Masks, Saliencies, densities, live_weights, prunable_weights
from maskbank.sparse.goal import Goal
from maskbank.sparse.masks import Masking, magnitudes_of
from maskbank.sparse.phase import Phase, Saliency, starts_of, step_macs
from maskbank.sparse.rates import Rates
from maskbank.training.loop import Curve, Loss, cross_entropy
from maskbank.training.session import Session

CHECKS = 40  # times that a training is looked at: whether a snapshot is due


@dataclass
class SparseTrainer:
    """A model on its way through `phases`, with its masks and what it has spent so far.

    `generator` is of masks alone, so that all methods see the same batches; `sample` is what scores look at. `probe`
    judges the model where a phase opens (None: nothing does). `debug` checks the invariant after every step.
    """

    model: nn.Module
    goal: Goal
    phases: Sequence[Phase]
    batches: Batches
    cost: WeightCost
    generator: torch.Generator
    sample: Sample
    curve: Curve
    lr: float
    rates: Rates
    loss_of: Loss = cross_entropy
    precision: str = "float32"
    debug: bool = False
    probe: Callable[[nn.Module], float] | None = None
    judged: str = "validation_accuracy"  # what the probe measures
    place: int = -1  # of the phase that has begun last
    example_macs: float = 0.0
    selection_macs: float = 0.0
    peak: int = 0
    slopes: dict[str, Tensor] = field(
        default_factory=dict
    )  # gradient of all weights at the last step, where it was asked for
    memory: dict[str, Tensor] = field(default_factory=dict)  # an early state of the model
    shown: dict[str, float] = field(default_factory=dict)  # last values of the curve

    def __post_init__(self) -> None:
        self.weights = prunable_weights(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), self.lr, fused=True)
        self.masking = Masking(self.weights, self.optimizer)
        scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.rates.factor)
        self.session = Session(
            self.model,
            self.optimizer,
            scheduler,
            self.batches,
            self.curve,
            self.precision,
            self.after_backward,
            self.loss_of,
        )
        self.wants_slopes = False

    @property
    def masks(self) -> Masks:
        return self.masking.masks

    @property
    def train_macs(self) -> float:
        """MACs of the steps taken, forward and backward at the density of their time; theoretical."""
        return self.example_macs * self.batches.batch

    def run(self, snapshots: Snapshots) -> None:
        """Take all steps, from the last snapshot if there is one. Raises Diverged, and WorkError where a mask does not hold."""
        state = snapshots.load()
        if state is not None:
            self.restore(state)
        ends, every = starts_of(self.phases)[1:], max(1, self.goal.steps // CHECKS)
        for place in range(max(self.place, 0), len(self.phases)):
            if place > self.place:
                self.begin(place)
            while self.session.step < ends[place]:
                if snapshots.due():
                    snapshots.save(self.state())
                last = ends[place] - self.phases[place].gradients
                self.wants_slopes = self.session.step == last
                stop = ends[place] if self.wants_slopes else min(last, (self.session.step // every + 1) * every)
                self.advance(stop - self.session.step)
            self.end(self.phases[place])
        self.show({"live_weights": live_weights(self.masks)[0]})

    def begin(self, place: int) -> None:
        """Let a phase move the masks; from there on the rate and the optimizer may be new."""
        phase, self.place = self.phases[place], place
        if phase.change is not None:
            phase.change(self)
        self.slopes = {}
        if self.rates.restarts(self.session.step):
            self.optimizer.state.clear()
        self.goal.check_live(self.masks, phase.live)
        live = live_weights(self.masks)[0]
        self.peak = max(self.peak, live)
        density = {f"density/{name.removesuffix('.weight')}": each for name, each in densities(self.masks).items()}
        self.show({"live_weights": live, **phase.notes, **density})
        if self.probe is not None and place > 0 and phase.opens:
            self.show({self.judged: self.probe(self.model)})

    def advance(self, steps: int) -> None:
        for count in [1] * steps if self.debug else [steps]:
            self.session.advance(count)
            if self.debug:
                self.masking.check()

    def end(self, phase: Phase) -> None:
        self.masking.check()
        self.goal.check_live(self.masks, phase.live)
        sparse = self.cost.sparse_macs(densities(self.masks))
        self.example_macs += step_macs(sparse, self.cost.macs, phase.steps, phase.gradients)

    def after_backward(self) -> None:
        if self.wants_slopes:
            slopes = {name: weight.grad for name, weight in self.weights.items()}
            self.slopes = {name: slope.clone() for name, slope in slopes.items() if slope is not None}
        self.masking.mask_gradients()

    def show(self, values: dict[str, float]) -> None:
        """Rows of the curve at this step, of values that are not what they were."""
        changed = {name: value for name, value in values.items() if self.shown.get(name) != value}
        self.curve.rows += [(self.session.step, name, float(value)) for name, value in changed.items()]
        self.shown |= changed

    def put(self, masks: Masks) -> None:
        self.masking.put(masks)

    def prune(self, live: Groups) -> None:
        """Keep the largest weights, as many as asked for, of the tensors named."""
        names = [name for group, _ in live for name in group]
        values = magnitudes_of({name: self.weights[name] for name in names}, self.masks)
        self.put(self.goal.choose(values, live))

    def grow(self, names: Iterable[str]) -> None:
        """Every weight of these tensors is live; those that were masked are exactly zero."""
        self.put({name: torch.ones_like(self.masks[name]) for name in names})

    def chance(self) -> Saliencies:
        """A random value for every weight."""
        return {name: torch.rand(weight.shape, generator=self.generator) for name, weight in self.weights.items()}

    def saliencies(self, function: Saliency) -> Saliencies:
        """What a score says of the weights as they are, and -1 below its least where they are masked; its MACs are counted."""
        with MacCounter() as spent:
            values = function(self.model, self.weights, self.sample)
        self.selection_macs += spent.macs
        lowest = min(float(value.min()) for value in values.values()) - 1
        return {name: value.masked_fill(~self.masks[name], lowest) for name, value in values.items()}

    def remember(self) -> None:
        self.memory = {name: value.clone() for name, value in self.model.state_dict().items()}

    def rewind(self) -> None:
        """Live weights, and all else of the model, as they were remembered; with a fresh optimizer."""
        self.model.load_state_dict(self.memory)
        self.optimizer.state.clear()
        self.put(self.masks)

    def state(self) -> State:
        return {
            "session": self.session.state(), "masks": self.masks, "memory": self.memory, "shown": self.shown,
            "place": self.place, "peak": self.peak, "example_macs": self.example_macs,
            "selection_macs": self.selection_macs, "generator": self.generator.get_state(),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        self.session.restore(state["session"])
        self.put(state["masks"])
        self.memory, self.shown = state["memory"], state["shown"]
        self.place, self.peak = state["place"], state["peak"]
        self.example_macs, self.selection_macs = state["example_macs"], state["selection_macs"]
        self.generator.set_state(state["generator"])
