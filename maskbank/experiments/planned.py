"""Planning before anything has run: the state that params promise, and what its cells would cost on this machine.

Knows no torch: what only torch can tell is asked once, and remembered for this code and machine.
"""

import functools
import importlib
import os
import platform
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from maskbank.cells.spec import Cell, Input, Spec
from maskbank.config import Data, Params
from maskbank.data.prepared import FOREIGN, PREPARED
from maskbank.data.tasks import Split, draw_splits
from maskbank.errors import InputError
from maskbank.experiments.artifacts import Artifact, stage_folder
from maskbank.experiments.sparse_spec import IMAGES, SparseSpec
from maskbank.experiments.state import Checkpoints, Start, State, tuned_by
from maskbank.experiments.work import Facts, Work
from maskbank.files import hash_bytes, hash_json, read_json, write_json
from maskbank.registry import PACKAGE, SOURCES, STAGES, pipeline

REMEMBERED = Path(".maskbank") / "plans"
PROMISED = Input("", "planned")
Cells = dict[str, list[Cell[Any]]]  # name of a stage in the records -> its cells


class PlannedState(State):
    """The state that params promise: right in its counts and specs, with made-up hashes. Plans each stage once."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.plans: Cells = {}
        self.paces: dict[tuple[str, str], tuple[float, float]] = {}

    def planned(self, stage: str) -> list[Cell[Any]]:
        """Every cell that a stage runs."""
        if stage not in self.plans:
            self.plans[stage] = STAGES.module(stage).plan(self.params, self)
        return self.plans[stage]

    @cached_property
    def classes(self) -> int:
        return class_count(self.params.data, PREPARED)

    @cached_property
    def image(self) -> tuple[int, int] | None:
        try:
            return image_facts(self.params)[:2]
        except InputError:
            return None

    @cached_property
    def splits(self) -> list[Split]:
        foreign = self.params.foreign
        return draw_splits(self.params.tasks, self.classes, class_count(foreign, FOREIGN) if foreign else 0)

    @cached_property
    def data(self) -> Input:
        return PROMISED

    @cached_property
    def foreign(self) -> Input:
        return PROMISED

    @cached_property
    def pretrained(self) -> list[Artifact]:
        return self.artifacts("pretrain")

    def checkpoints(self, backbones: list[str]) -> Checkpoints:
        return Checkpoints(tuple(a for name in backbones for a in self.pretrained if a.spec["backbone"] == name))

    def artifacts(self, stage: str) -> list[Artifact]:
        return [promise(cell) for cell in self.planned(stage)]

    def bank(self, start: Start, name: str) -> Input:
        return PROMISED

    def tuned(self, start: Start, method: str) -> dict[str, Any]:
        return tuned_by(len({cell.spec.variant for cell in self.planned("tune") if cell.spec.method == method}))

    def recalled(self, question: dict[str, Any], answer: Callable[[], Any]) -> Any:
        return recalled(question, answer)


def promise(cell: Cell[Any]) -> Artifact:
    spec: dict[str, Any] = cell.spec.model_dump(mode="json")
    size = {"channels": 0, "size": 0}
    return Artifact(stage_folder(cell.stage), "planned", "planned", "planned", spec, size, None)


def recalled(question: dict[str, Any], answer: Callable[[], Any]) -> Any:
    """The answer that an earlier plan got from the same code and torch on this machine; else it is asked for and kept."""
    about = [question, code_hash(), version("torch"), platform.node(), os.cpu_count()]
    path = REMEMBERED / f"{hash_json(about)}.json"
    if not path.is_file():
        write_json(path, {"question": question, "answer": answer()})
    return read_json(path)["answer"]


@functools.cache
def code_hash() -> str:
    """Of every file of this package."""
    return hash_bytes(b"".join(path.read_bytes() for path in sorted(PACKAGE.rglob("*.py"))))


def class_count(data: Data, prepared: Path) -> int:
    """Of the source itself, or else of the prepared data."""
    source = SOURCES.module(data.source)
    if hasattr(source, "CLASSES"):
        return int(source.CLASSES)
    if (prepared / "data.json").is_file():
        return len(read_json(prepared / "data.json")["names"])
    raise InputError(f"plan: how many classes {data.source} has is known after `dvc repro prepare`")


def image_facts(params: Params) -> tuple[int, int, int]:
    """Channels, pixels a side and test images a class: of the prepared data, else of the source's own IMAGE."""
    path = PREPARED / "data.json"
    about = read_json(path) if path.is_file() else {}
    if about.get("source") == params.data.source and params.data.size in (None, about["image"][1]):
        return about["image"][0], about["image"][1], about["images"]["test"] // len(about["names"])
    source = SOURCES.module(params.data.source)
    if not hasattr(source, "IMAGE"):
        raise InputError(f"plan: the size of {params.data.source}'s images is known after `dvc repro prepare`")
    channels, size, per_class = source.IMAGE
    return channels, params.data.size or size, params.data.test_per_class or per_class


def planned_cells(state: PlannedState) -> Cells:
    """Every cell of every stage, without reading what stages leave."""
    cells: Cells = {}
    for stage in pipeline():
        if STAGES.defines(stage, "plan"):
            for cell in state.planned(stage):
                cells.setdefault(cell.stage, []).append(cell)
            cells.setdefault(stage, [])
    return cells


def estimates(state: PlannedState, cells: Cells) -> dict[str, float]:
    """Core-seconds of each stage on this machine: the work of its cells at the pace of their dense models."""
    facts = Facts(image_facts(state.params)[2], state.params.tasks.bank_per_split)

    def seconds(cell: Cell[Any]) -> float:
        work: Work = importlib.import_module(cell.module).work(cell.spec, facts)
        trained, evaluated = pace_of(state, cell.spec)
        return work.trained * trained + work.evaluated * evaluated

    return {stage: sum(map(seconds, planned)) for stage, planned in cells.items()}


def pace_of(state: PlannedState, spec: Spec) -> tuple[float, float]:
    """Core-seconds for an example that is trained on and for one that is evaluated, as measured on this machine."""
    image = state.image
    workload, options = IMAGES, state.params.models.get(spec.backbone, {})
    if isinstance(spec, SparseSpec) and spec.workload != IMAGES:
        workload, options, image = spec.workload, spec.model, None
    asked: dict[str, Any] = {
        "workload": workload, "backbone": spec.backbone, "options": options, "image": image, "classes": state.classes,
        "precision": state.params.engine.precision,
    }  # fmt: skip
    if (workload, spec.backbone) not in state.paces:

        def measured() -> tuple[float, float]:
            from maskbank.experiments.pace import measure_pace

            return measure_pace(**asked)

        state.paces[workload, spec.backbone] = tuple(recalled({"pace": asked}, measured))
    return state.paces[workload, spec.backbone]
