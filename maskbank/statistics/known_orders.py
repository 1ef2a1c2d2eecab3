"""Positive controls: orders known beforehand. A setting in which one was run and does not appear gives no verdict of any kind.

GMP and RigL learn where weights are needed and lie above a fixed random mask; an oracle that learned its mask on the target
itself lies above random units. Where that is not shown, differences between methods say little.
"""

import pandas as pd

from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.normalised import ONE
from maskbank.statistics.studies.sparse import AT
from maskbank.statistics.studies.transfer import HEADLINE, RANDOM
from maskbank.statistics.transfer import SETTING
from maskbank.statistics.verdict import HIGHER


def known_orders(table: pd.DataFrame) -> pd.DataFrame:
    """The contrasts that were run of which the outcome is known."""
    transfer = (table.study == "controls") & (table.arm == ONE) & (table.baseline == RANDOM)
    return table[((table.study == "sparse_control") | transfer) & (table.status != NOT_RUN)]


def uninformative(table: pd.DataFrame) -> pd.Series:
    """Of each row, whether it is a verdict in a setting where a known order does not appear."""
    absent = known_orders(table)
    absent = absent[absent.verdict != HIGHER]
    found = pd.Series(False, table.index)
    for control, rows, keys in (
        ("sparse_control", table.study == "sparse", list(AT)),
        ("controls", (table.study == "transfer") & (table.level == HEADLINE), SETTING),
    ):
        places = pd.MultiIndex.from_frame(absent[absent.study == control][keys])
        found |= rows & pd.MultiIndex.from_frame(table[keys]).isin(places)
    return found
