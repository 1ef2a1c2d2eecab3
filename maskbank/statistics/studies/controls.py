"""What the parts of transfer are worth: pairs of controls that no headline holds, a family of their own in each setting."""

from dataclasses import replace

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.studies.transfer import HEADLINE, STUDY
from maskbank.statistics.study import Arms, Level
from maskbank.statistics.transfer import SETTING

METHOD, REFERENCE = "method", "reference"  # stand for those of the run
PAIRS = [
    (METHOD, "universal"), (METHOD, "random_neighbours"), (METHOD, "farthest"), ("nearest", "farthest"), (METHOD, "nearest"),
    (METHOD, "shuffled"), (METHOD, "magnitude_widths"), (METHOD, "random"), (METHOD, "scratch"), ("oracle", METHOD),
    ("oracle", "random"),
    (REFERENCE, METHOD),
]  # fmt: skip


def against(rows: pd.DataFrame, params: Params) -> Arms:
    method = params.compare.method
    known = {METHOD: [method], REFERENCE: sorted(rows.method[rows.role == "reference"].unique())}
    asked = [
        (one, two) for left, right in PAIRS for one in known.get(left, [left]) for two in known.get(right, [right])
    ]
    heads = {frozenset((method, rival)) for rival in params.compare.against}
    return [pair for pair in asked if frozenset(pair) not in heads]


STUDY = replace(STUDY, levels=(Level(HEADLINE, (), tuple(SETTING)),), against=against)
