"""Toy cells: quick, and able to fail in every way."""

import os
import time
from typing import ClassVar

import numpy as np

from maskbank.cells.engine import Runtime
from maskbank.cells.result import AnswerSheet, Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.errors import Diverged, InputError


class ToySpec(Spec):
    stage: ClassVar[str] = "toy"

    knob: int = 0
    behaviour: str = "ok"

    def points(self) -> tuple[int, ...]:
        return (0, 5)


def run(cell: Cell[ToySpec], runtime: Runtime) -> Result:
    behaviour = cell.spec.behaviour
    if behaviour == "raise":
        raise ZeroDivisionError("one by zero")
    if behaviour == "input":
        raise InputError("the budget is out of reach")
    if behaviour == "diverge":
        raise Diverged("loss inf at step 3")
    if behaviour == "die":
        os._exit(9)
    if behaviour == "sleep":
        time.sleep(60)
    labels = np.array([0, 1, 1, 0], np.uint8)
    sheet = AnswerSheet(
        np.arange(4, dtype=np.uint32), labels, np.array([0, 1, 0, 0], np.uint8), np.full(4, 200, np.uint8)
    )
    points = [Point(steps, values={"accuracy": sheet.accuracy, "loss": float("nan")}, sheet=sheet) for steps in (0, 5)]
    return Result(
        points=points, curves=[(1, "train_loss", 0.5)], tensors={"t": np.arange(3)}, description={"kind": "toy"}
    )
