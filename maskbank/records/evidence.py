"""Reading evidence back: what each evaluated model answered, and checking records against it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answered:
    """One evaluated cell and point: `correct` [N] bool, `probability` [N] of the top-1 class in 0..1."""

    cell_key: str
    steps: int
    correct: NDArray[np.bool_]
    probability: NDArray[np.float64]


def answered(tables: dict[str, pd.DataFrame]) -> Iterator[Answered]:
    """Every evaluated point of the tables `evidence` and `answers`."""
    answers = {row["answers_hash"]: row for row in tables["answers"].to_dict("records")}
    for row in tables["evidence"].to_dict("records"):
        right = answers[row["answers_hash"]]
        dtype = np.dtype(np.uint8 if len(right["labels"]) == len(right["ids"]) // 4 else np.uint16)
        correct = np.frombuffer(row["predicted"], dtype) == np.frombuffer(right["labels"], dtype)
        probability = np.frombuffer(row["probability"], np.uint8) / 255
        yield Answered(str(row["cell_key"]), int(row["steps"]), correct, probability)


def check_evidence(tables: dict[str, pd.DataFrame]) -> list[str]:
    """What does not hold between records and evidence; empty where each accuracy is the one its evidence gives."""
    accuracy = tables["records"].set_index(["cell_key", "steps"]).accuracy
    derived = {(each.cell_key, each.steps): float(each.correct.mean()) for each in answered(tables)}
    wrong = [
        f"{key} at {steps}: record {accuracy.get((key, steps))}, evidence {value}"
        for (key, steps), value in derived.items()
        if accuracy.get((key, steps)) != value
    ]
    missing = [
        f"{key} at {steps}: no evidence" for key, steps in accuracy.dropna().index if (key, steps) not in derived
    ]
    return wrong + missing
