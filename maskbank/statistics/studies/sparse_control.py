"""Known orders of sparse training: methods that move their masks by what was learned, each against a fixed random mask."""

from dataclasses import replace

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.studies.sparse import AT, STUDY
from maskbank.statistics.study import Arms, Level

KNOWN, RANDOM = ("gmp", "rigl"), "static"


def against(rows: pd.DataFrame, params: Params) -> Arms:
    ran = set(rows.method)
    return [(method, RANDOM) for method in KNOWN if {method, RANDOM} <= ran]


STUDY = replace(STUDY, levels=(Level("budget", (), AT),), against=against, finish=list)
