"""What the parts of transfer are worth: pairs of controls that no headline holds, a family of their own in each setting."""

from dataclasses import replace

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.settings import SETTING
from maskbank.statistics.studies.transfer import HEADLINE, STUDY
from maskbank.statistics.study import Arms, Level

SIMILARITY, IDENTITY, WEIGHTS, CEILING = "similarity", "identity of units", "pretrained weights", "ceiling"


def questions(method: str, references: list[str]) -> dict[str, list[tuple[str, str, str]]]:
    """What is asked of each part: in words, left, right."""
    return {
        SIMILARITY: [
            ("similar neighbours against the whole bank", method, "universal"),
            ("similar neighbours against random ones", method, "random_neighbours"),
            ("similar neighbours against the farthest", method, "farthest"),
            ("the nearest single mask against the farthest neighbours", "nearest", "farthest"),
            ("several neighbours against the nearest alone", method, "nearest"),
        ],
        IDENTITY: [
            ("which units, at the same layer widths", method, "shuffled"),
            ("units by the bank against units by magnitude, at the same layer widths", method, "magnitude_widths"),
            ("the bank against random units", method, "random"),
        ],
        WEIGHTS: [("pretrained weights against random ones, in the same architecture", method, "scratch")],
        CEILING: [
            ("a mask learned on the target itself against the bank", "oracle", method),
            *(("the unpruned net against the pruned", name, method) for name in references),
        ],
    }


def against(rows: pd.DataFrame, params: Params) -> Arms:
    method, rivals = params.compare.method, params.compare.against
    references = sorted(rows.method[rows.role == "reference"].unique())
    asked = [(left, right) for lines in questions(method, references).values() for _, left, right in lines]
    return [pair for pair in asked if not ({*pair} <= {method, *rivals} and method in pair)]


STUDY = replace(STUDY, levels=(Level(HEADLINE, (), tuple(SETTING)),), against=against)
