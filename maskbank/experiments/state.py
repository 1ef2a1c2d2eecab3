"""The state of the pipeline: what planning needs to know of earlier stages, and the sections that say where tasks start."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from maskbank.cells.spec import Input
from maskbank.config import Params
from maskbank.data.prepared import FOREIGN, PREPARED, prepared_hash
from maskbank.data.tasks import Split, read_splits
from maskbank.errors import InputError
from maskbank.experiments.artifacts import Artifact, read_index, stage_folder
from maskbank.files import read_json
from maskbank.section import Fraction, Names, Options, Positive, Section, Seeds


class Starts(Section):
    """Which pretrained models tasks start from: a part of the section transfer."""

    backbones: Names = ["resnet20"]
    recipe: str = "adam"
    pretrain_seeds: Seeds = [0]


class BankRecipe(Section):
    """How the masks of one bank are made."""

    learner: str = "amp"
    budget: Fraction = Field(0.1, description="fraction of units that a mask keeps: the bank's ratio")
    steps: Positive = 60
    repeats: Positive = Field(1, description="masks are made with so many seeds and averaged")
    tasks: Positive | None = Field(None, description="the first bank tasks of each split; null: all")
    backbones: Names | None = Field(None, description="null: all of transfer.backbones")
    options: Options = {}


class Banks(Section):
    """Which mask banks there are: a part of the section prune."""

    banks: Annotated[dict[str, BankRecipe], Field(min_length=1)] = {"amp": BankRecipe()}


@dataclass(frozen=True)
class Checkpoints:
    """The pretrained models of the run."""

    artifacts: tuple[Artifact, ...]

    def all_classes(self, backbone: str) -> list[Artifact]:
        """Those that saw every class, by recipe, seed and what ended their training."""
        found = [a for a in self.artifacts if a.spec["backbone"] == backbone and a.spec["split"] == "none"]
        return sorted(found, key=lambda a: (a.spec["recipe"], a.spec["seed"], a.spec["stop"] != "steps"))

    def find(self, backbone: str, recipe: str, seed: int, split: str) -> Artifact:
        """The model of one spec, trained for all steps; InputError where there is none: its cell failed, or was not planned."""
        wanted = (backbone, recipe, seed, split, "steps")
        for artifact in self.artifacts:
            spec = artifact.spec
            if (spec["backbone"], spec["recipe"], spec["seed"], spec["split"], spec["stop"]) == wanted:
                return artifact
        raise InputError(f"no pretrained {backbone} ({recipe}, seed {seed}, split {split}); see `maskbank failures`")


@dataclass(frozen=True)
class Start:
    """The starting checkpoint of the tasks of one split."""

    backbone: str
    recipe: str
    pretrain_seed: int
    split: Split
    dense: Artifact

    @property
    def labels(self) -> dict[str, Any]:
        """Fields of a spec."""
        return {
            "backbone": self.backbone, "recipe": self.recipe, "pretrain_seed": self.pretrain_seed,
            "split": self.split.name,
        }  # fmt: skip


class State:
    """The pipeline as it is on disk: what earlier stages have left."""

    def __init__(self, params: Params) -> None:
        self.params = params

    @cached_property
    def classes(self) -> int:
        return len(read_json(PREPARED / "data.json")["names"])

    @cached_property
    def image(self) -> tuple[int, int] | None:
        """Channels and pixels a side of the prepared images; None where that is not known yet."""
        channels, size = read_json(PREPARED / "data.json")["image"][:2]
        return channels, size

    @cached_property
    def splits(self) -> list[Split]:
        return read_splits(PREPARED)

    @cached_property
    def data(self) -> Input:
        return Input(str(PREPARED), prepared_hash())

    def checkpoints(self, backbones: list[str]) -> Checkpoints:
        return Checkpoints(tuple(a for name in backbones for a in read_index(stage_folder("pretrain", name))))

    @cached_property
    def foreign(self) -> Input:
        return Input(str(FOREIGN), prepared_hash(FOREIGN))

    def starts(self, validation: bool = False) -> Iterator[Start]:
        """For every backbone and seed of the section transfer and every split, the checkpoint that its tasks start from.

        `validation`: the splits for tuning, and no others.
        """
        given = self.params[Starts]
        checkpoints = self.checkpoints(given.backbones)
        for backbone in given.backbones:
            for seed in given.pretrain_seeds:
                for split in self.splits:
                    if (split.task_split == "validation") != validation:
                        continue
                    dense = checkpoints.find(backbone, given.recipe, seed, pretrained_on(split.name, split.task_split))
                    yield Start(backbone, given.recipe, seed, split, dense)

    def all_starts(self) -> Iterator[Start]:
        """Those for tuning last."""
        yield from self.starts()
        yield from self.starts(validation=True)

    def inputs(self, start: Start, foreign: bool = False) -> dict[str, Input]:
        """What a cell of one starting checkpoint reads; `foreign`: of a task of the other data set."""
        data = self.foreign if foreign else self.data
        return {"data": data, "dense": start.dense.input, "split": Input(start.split.name, start.split.hash)}

    def artifacts(self, stage: str) -> list[Artifact]:
        return read_index(stage_folder(stage))

    def bank(self, start: Start, name: str) -> Input:
        folder = bank_folder(start, name)
        try:
            return Input(str(folder), self.banks[str(folder)]["hash"])
        except KeyError:
            raise InputError(f"{folder}: no such bank; run `dvc repro bank`") from None

    @cached_property
    def banks(self) -> dict[str, Any]:
        return dict(read_json(stage_folder("bank") / "index.json"))

    def tuned(self, start: Start, method: str) -> dict[str, Any]:
        """Fields of a spec as the stage tune chose them."""
        chosen = self.chosen.get(tuned_name(start.backbone, start.pretrain_seed, method))
        if chosen is None:
            raise InputError(f"tune: nothing chosen for {method} on {start.backbone}; see `maskbank failures`")
        return {name: chosen[name] for name in ("lr", "options", "tuning_macs")} | tuned_by(chosen["trials"])

    def recalled(self, question: dict[str, Any], answer: Callable[[], Any]) -> Any:
        """What only torch can tell; a plan before anything has run remembers it."""
        return answer()

    @cached_property
    def chosen(self) -> dict[str, Any]:
        return dict(read_json(stage_folder("tune") / "chosen.json"))


def tuned_by(trials: int) -> dict[str, Any]:
    """Fields of a spec whose options were chosen by so many trials."""
    return {"tuning": f"tuned@{trials}", "trials": trials}


def tuned_name(backbone: str, pretrain_seed: int | None, method: str) -> str:
    return f"{backbone} {pretrain_seed} {method}"


def banks_of(params: Params, start: Start) -> list[str]:
    """Names of the banks of one backbone, the one that transfer reads first; for tuning there is that one alone."""
    named = [
        name for name, recipe in params[Banks].banks.items() if start.backbone in (recipe.backbones or [start.backbone])
    ]
    return named[:1] if start.split.task_split == "validation" else named


def bank_folder(start: Start, name: str) -> Path:
    return stage_folder("bank", f"{start.backbone}-{start.pretrain_seed}-{name}") / start.split.name


def pretrained_on(split: str, task_split: str) -> str:
    """The `split` of the pretrained model that a split's tasks start from: its own where its targets were held out."""
    return split if task_split == "unseen" else "none"
