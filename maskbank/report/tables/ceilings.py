"""How near bank entries come to the target's own mask: a row a bank and T."""

from typing import Any

import pandas as pd

from maskbank.report.reliability import CEILINGS, OVERLAPS, banks, n_of, pick
from maskbank.report.run import Run
from maskbank.report.table import Columns
from maskbank.report.words import relation_words, spread_text

ORDER = 80
TITLE = "How near bank entries come to the target's own mask"
CAPTION = (
    "Mean ± sample sd over splits and 95 % t-interval (seeds, then tasks averaged first); n counts splits. Overlap "
    "(IoU) with the mask learned on the target itself: of a second such mask under another seed, which is the "
    "ceiling, of the bank's entries, and of random masks of the entries' layer widths. Accuracy (points) of the "
    "target at the bank's ratio with its own mask, and with one entry: the best is chosen on the test images and so "
    "flattered, the one of highest LEEP is what the nearest single mask would give. No test."
)
TOGETHER = 1
NAMES = ("own mask, again", "mean entry's", "chance")  # of OVERLAPS
Item = tuple[tuple[Any, ...], pd.DataFrame, str]  # the labels of a bank, its rows, a T


def read(run: Run) -> pd.DataFrame:
    return run.reliability[run.reliability.measure.isin([*CEILINGS, *OVERLAPS])]


def rows(run: Run, data: pd.DataFrame) -> list[Item]:
    steps = [(labels, own, set(own[own.measure.isin(CEILINGS)].setting)) for labels, own in banks(data)]
    return [(labels, own, at) for labels, own, known in steps for at in sorted(known, key=int)]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    def overlap(measure: str) -> Any:
        return lambda item: spread_text(pick(item[1], measure))

    def accuracy(measure: str) -> Any:
        return lambda item: spread_text(pick(item[1], measure, item[2]), 100, 1)

    return {
        "bank": lambda item: relation_words(item[0]),
        **{f"overlap: {name}": overlap(measure) for name, measure in zip(NAMES, OVERLAPS, strict=True)},
        "T": lambda item: item[2],
        **{words: accuracy(measure) for measure, (words, *_) in CEILINGS.items()},
        "n": lambda item: n_of(item[1], (*OVERLAPS, *CEILINGS)),
    }
