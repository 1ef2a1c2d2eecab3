"""How well the masks of a bank repeat: a row a bank, for all layers and then each."""

from typing import Any

import pandas as pd

from maskbank.report.reliability import ALL, REPEATS, banks, cost_text, layers_of, n_of, pick
from maskbank.report.run import Run
from maskbank.report.table import Columns
from maskbank.report.words import relation_words, spread_text

ORDER = 70
TITLE = "How well the masks of a bank repeat"
CAPTION = (
    "Mean ± sample sd over splits and 95 % t-interval (seeds, then tasks averaged first); n counts splits. Another "
    "seed: IoU of an entry's mask with the mask that the same recipe makes under another seed. Other images: IoU of "
    "masks from the first and the second half of the training images, each of which saw half as many. Chance: IoU of "
    "random masks of these layer widths. Own task: accuracy (points) of an entry on its own bank task. MACs and CPU "
    "seconds: of making one mask. No test."
)
TOGETHER = 2
Item = tuple[tuple[Any, ...], pd.DataFrame, str]  # the labels of a bank, its rows, a layer


def read(run: Run) -> pd.DataFrame:
    return run.reliability


def rows(run: Run, data: pd.DataFrame) -> list[Item]:
    return [(labels, own, layer) for labels, own in banks(data) for layer in (ALL, *layers_of(own))]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    def repeat(measure: str) -> Any:
        return lambda item: spread_text(pick(item[1], measure, item[2]))

    def whole(say: Any) -> Any:
        return lambda item: say(item[1]) if item[2] == ALL else ""

    return {
        "bank": lambda item: relation_words(item[0]),
        "made by": lambda item: made_by(item[1].iloc[0]),
        "layer": lambda item: "all layers" if item[2] == ALL else item[2],
        **{words: repeat(measure) for measure, (words, *_) in REPEATS.items()},
        "own task": whole(lambda own: spread_text(pick(own, "own_task"), 100, 1)),
        "MACs": whole(lambda own: cost_text(pick(own, "train_macs"))),
        "CPU s": whole(lambda own: cost_text(pick(own, "cpu_seconds"))),
        "n": lambda item: n_of(item[1][item[1].setting == item[2]], tuple(REPEATS)),
    }


def made_by(made: pd.Series) -> str:
    return "–" if pd.isna(made.method) else f"{made.method}, keep {made.budget:g}, {made.bank_steps:.0f} steps"
