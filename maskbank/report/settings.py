"""Settings of transfer apart, in figures that draw each by itself."""

from itertools import islice

import pandas as pd

from maskbank.report.words import setting_title
from maskbank.statistics.pairing import SETTING

MOST_DRAWN = 8  # settings in one figure


def by_setting(data: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Rows of each setting under its title, in the order of the data; of the first MOST_DRAWN of them."""
    groups = islice(data.groupby(SETTING, sort=False), MOST_DRAWN)
    return [(setting_title(group.iloc[0].to_dict(), data), group) for _, group in groups]


def not_drawn(data: pd.DataFrame) -> str:
    """Which settings a figure of this data leaves out, as the end of its caption; empty where it leaves out none."""
    count = len(data[SETTING].drop_duplicates()) if set(SETTING) <= set(data) else 0
    return (
        f" Drawn: the first {MOST_DRAWN} of {count} settings; the csv beside it has all." if count > MOST_DRAWN else ""
    )
