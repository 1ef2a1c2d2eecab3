"""A training in progress: all that decides how it goes on, as a state that can be kept and taken up again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import nn

from maskbank.cells.snapshots import State
from maskbank.data.batches import Batches
from maskbank.training.loop import Curve, Loss, cross_entropy, train


@dataclass
class Session:
    """`step` steps are done, in `seconds` of processor time."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler | None
    batches: Batches
    curve: Curve
    precision: str = "float32"
    after_backward: Callable[[], None] | None = None
    loss_of: Loss = cross_entropy
    step: int = 0
    seconds: float = 0.0

    def advance(self, steps: int) -> None:
        """Take so many steps. Raises Diverged, which names the step."""
        started = time.process_time()
        train(
            self.model, islice(self.batches, steps), self.optimizer, loss_of=self.loss_of, precision=self.precision,
            scheduler=self.scheduler, after_backward=self.after_backward, on_loss=self.curve, first=self.step,
        )  # fmt: skip
        self.step += steps
        self.seconds += time.process_time() - started

    def state(self) -> State:
        return {
            "step": self.step, "seconds": self.seconds, "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(), "batches": self.batches.state(), "curve": self.curve.rows,
            "scheduler": None if self.scheduler is None else plain(self.scheduler.state_dict()),
            "generator": torch.get_rng_state(),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        self.step, self.seconds = state["step"], state["seconds"]
        self.model.load_state_dict(state["model"])
        restore_optimizer(self.optimizer, state["optimizer"])
        self.batches.restore(state["batches"])
        self.curve.rows[:] = [(step, metric, value) for step, metric, value in state["curve"]]
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["generator"])


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The part of a scheduler's state that is numbers; its function is made again."""
    return {name: value for name, value in values.items() if name != "lr_lambdas"} | {"lr_lambdas": [None]}


def restore_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Load a state whose keys became text; moments lie in memory as their weights do, as they did before."""
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    moments = {
        int(place): {
            name: torch.empty_like(parameters[int(place)]).copy_(value)
            if isinstance(value, torch.Tensor) and value.shape == parameters[int(place)].shape
            else value
            for name, value in values.items()
        }
        for place, values in state["state"].items()
    }
    optimizer.load_state_dict({"state": moments, "param_groups": state["param_groups"]})
