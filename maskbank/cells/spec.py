"""The spec of a cell: everything that decides its record."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from maskbank.seeds import seed_of, torch_generator

if TYPE_CHECKING:
    import torch


class Spec(BaseModel):
    """Base of the frozen specs, one subclass a kind of cell, beside the function `run` of its cells.

    Fields that bear the name of a records column fill it. A field at its default stays out of the key, so that a
    new knob whose default does nothing keeps old results valid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: ClassVar[str]
    keeps_artifact: ClassVar[bool] = True  # among the outs of its stage

    backbone: str = "none"
    recipe: str = "none"
    method: str
    role: str = "method"
    variant: str = "default"
    bank: str = "none"
    task: str = "none"
    task_split: str = "none"
    split: str = "none"
    ways: int | None = None
    shots: int | None = None
    pattern: str = "none"
    allocation: str = "none"
    schedule: str = "none"
    reconstruct: str = "none"
    bn: str = "none"
    form: str = "none"
    activation_bits: int | None = None
    stop: str = "none"
    setup: str = "none"
    budget_kind: str = "none"
    budget_asked: float | None = None
    pretrain_seed: int | None = None
    seed: int = 0
    tuning: str = "default"
    trials: int = 1
    leak: str = "none"
    classes: tuple[int, ...] = ()
    options: dict[str, Any] = {}  # of the method

    @property
    def budget(self) -> float:
        """The budget of a spec that has one."""
        if self.budget_asked is None:
            raise ValueError(f"{type(self).__name__} has no budget")
        return self.budget_asked

    def draw(self, what: str) -> "torch.Generator":
        """A source of randomness that is the same for all methods and models at one task and seed."""
        return torch_generator(self.seed, what, self.split, self.task)

    def own_draw(self, what: str) -> "torch.Generator":
        """One that no other method or model has."""
        return torch_generator(self.seed, what, self.split, self.task, *self.model_labels, self.method)

    def mask_seeds(self, numbers: Iterable[int]) -> list[int]:
        """Seeds of masks that a learner makes again and again for one task."""
        return [seed_of(self.seed, "mask", self.split, self.task, *self.model_labels, number) for number in numbers]

    @property
    def model_labels(self) -> tuple[object, ...]:
        return self.backbone, self.recipe, self.pretrain_seed

    def points(self) -> tuple[int, ...]:
        """Steps at which the cell is evaluated: one record row each."""
        return (0,)

    def modules(self) -> tuple[str, ...]:
        """Modules resolved by name at run time (methods, recipes, backbones), whose code belongs to the key."""
        return ()


@dataclass(frozen=True)
class Input:
    """A file or folder that a cell reads, named by its content."""

    path: str
    hash: str


SpecT = TypeVar("SpecT", bound=Spec, covariant=True)


@dataclass(frozen=True)
class Cell(Generic[SpecT]):
    """A spec with its inputs. `module` is the one that defines the spec and runs it, `stage` its name in the records."""

    spec: SpecT
    inputs: dict[str, Input] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        return self.spec.stage

    @property
    def module(self) -> str:
        return type(self.spec).__module__

    def input_path(self, name: str) -> Path:
        return Path(self.inputs[name].path)

    def describe(self) -> str:
        spec = self.spec
        parts = [spec.method, spec.backbone, spec.recipe, spec.task, spec.pattern, spec.allocation, spec.reconstruct]
        budget = f"{spec.budget_kind} {spec.budget_asked:g}" if spec.budget_asked is not None else "none"
        return " ".join(part for part in [*parts, budget, f"seed {spec.seed}"] if part != "none")


def spec_values(spec: Spec) -> dict[str, Any]:
    """The spec as JSON values, without the fields at their defaults."""
    return spec.model_dump(mode="json", exclude_defaults=True)
