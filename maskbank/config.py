"""params.yaml as frozen, validated models: what several rooms read. Knows no torch.

A stage's own section is in its file, `maskbank/stages/<name>.py`; `maskbank.params` makes the whole of them.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from maskbank.hypotheses import HYPOTHESES, Declared
from maskbank.section import Count, Names, Options, Positive, Rate, Section

Ways = Annotated[
    list[Annotated[int, Field(ge=2)]],
    BeforeValidator(lambda given: given if isinstance(given, list) else [given]),
    Field(min_length=1),
]
Kind = TypeVar("Kind", bound=Section)


class Suite(Section):
    """What a board is called; a change of tasks, splits or steps is a new version (rule X10)."""

    name: str = "fashion-mnist-fewway"
    version: str = "4"
    profile: str = "default"
    budget_minutes: float = Field(
        10.0, gt=0, description="what this profile may cost on two cores; `plan` warns past it"
    )


class Engine(Section):
    """How cells are run. Nothing here is part of a cell's key."""

    kind: Literal["process", "serial"] = "process"
    workers: Count = Field(0, description="0: one a core")
    timeout_s: Rate = Field(3600.0, description="seconds one cell may take")
    device: str = Field(
        "cpu",
        pattern=r"^(cpu|mps|cuda(:\d+)?)$",
        description="where pretraining computes; all else is on the processor",
    )
    checkpoint_s: Annotated[float, Field(ge=0)] = Field(
        60.0, description="seconds between the checkpoints that a killed training goes on from"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 autocast where the processor computes it natively, else float32"
    )


class Data(Section):
    source: str = "fashion_mnist"
    path: str | None = Field(
        None, description="file or folder of your own data (sources npz, imagefolder) or of a copy"
    )
    train_per_class: Positive | None = Field(None, description="null: all that validation leaves")
    validation_per_class: Positive = 200
    test_per_class: Positive | None = None
    size: Positive | None = Field(None, description="images are resized to this many pixels a side; null: as they are")
    seed: Count = 0

    @property
    def name(self) -> str:
        """What records call the data set: the source, and of your own data the file or folder."""
        return self.source if self.path is None else f"{self.source}:{Path(self.path).name.split('.')[0]}"


class Tasks(Section):
    """Few-way tasks. A split draws `targets` classes to transfer to; the bank is made from the other classes.

    Numbers of tasks are for each of `ways`.
    """

    ways: Ways = Field([3], description="classes a task; several: tasks of each, as [3, 5, 10]")
    splits: Count = Field(8, description="0: no few-way tasks, for data sets of few classes")
    targets: Annotated[int, Field(ge=2)] = 4
    per_split: Positive = 3
    bank_per_split: Positive = 12
    unseen_splits: Count = Field(4, description="splits whose target classes the backbone never saw in pretraining")
    validation_splits: Count = Field(0, description="further splits, for tuning alone")
    foreign_per_split: Positive = Field(1, description="tasks of the data set `foreign`, if there is one")
    given_targets: list[list[Count]] = Field(
        [[0, 2, 4, 6]], description="target classes of the first splits; the rest are drawn"
    )
    seed: Count = 0

    @model_validator(mode="after")
    def fits(self) -> Self:
        if self.targets < max(self.ways):
            raise ValueError(f"targets {self.targets} must be at least ways {max(self.ways)}")
        if self.unseen_splits > self.splits:
            raise ValueError(f"unseen_splits {self.unseen_splits} must be at most splits {self.splits}")
        if len(self.given_targets) > self.splits:
            raise ValueError(f"given_targets lists {len(self.given_targets)} sets, more than splits {self.splits}")
        return self


class Evaluate(Section):
    latency_methods: list[str] = ["smsp", "l2", "random"]
    latency_repeats: Annotated[int, Field(ge=5)] = 30
    latency_batch: Positive = 1
    int8_backbones: list[str] = Field(
        [], description="whose first pretrained model torchao runs in int8 beside float32; needs maskbank[int8]"
    )
    calibration_bins: Positive = 15


class Compare(Section):
    """Statistics of the comparisons; a family is what Holm corrects over."""

    method: str = "smsp"
    against: Names = ["universal", "random", "l2", "taylor", "dense"]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    margin: Annotated[float, Field(gt=0, lt=1)] = Field(0.005, description="equivalence margin, as accuracy")
    effect: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="smallest difference of interest, as accuracy: what reports plan for where n is too small"
    )
    rules: list[Annotated[str, Field(pattern=r"^[BWPX][1-9]\d?$")]] = Field(
        ["B3", "B6", "W1", "X2", "X3", "X4", "X10", "X12", "X13", "X15", "X16"],
        description="rules without which no headline and no claim of transfer is given",
    )
    resamples: Annotated[int, Field(ge=100)] = 10000
    seed: Count = 0


class Report(Section):
    title: str = "maskbank report"
    venue: Literal["page", "neurips", "icml", "iclr", "cvpr", "tmlr"] = Field(
        "page", description="whose text width and font sizes figures have; page: as wide as their panels"
    )


class Track(Section):
    experiment: str = "maskbank"
    models: bool = Field(True, description="register the pretrained models in MLflow's model registry")


class Common(Section):
    """Sections that come first in params.yaml: what is run, how, on which data."""

    suite: Suite = Suite()
    engine: Engine = Engine()
    data: Data = Data()
    foreign: Data | None = Field(None, description="another data set than the bank's, to transfer to")
    tasks: Tasks = Tasks()
    models: dict[str, Options] = {
        "resnet20": {"width": 16, "stem_stride": 2},
        "vit": {"dim": 48, "depth": 4, "heads": 3, "patch": 7},
    }


class Params(Common):
    """params.yaml. A section of a stage is read by its class, as in `params[Transfer].steps`, all others by name."""

    evaluate: Evaluate = Evaluate()
    compare: Compare = Compare()
    claims: dict[str, Declared] = HYPOTHESES
    report: Report = Report()
    track: Track = Track()

    def __getitem__(self, kind: type[Kind]) -> Kind:
        """The section of this class. Raises KeyError where no stage has it."""
        for name in type(self).model_fields:
            section = getattr(self, name)
            if isinstance(section, kind):
                return section
        raise KeyError(kind.__name__)
