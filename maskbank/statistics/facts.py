"""What rules and claims look at: the tables of a run, its contrasts and its boards."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from maskbank.statistics.board import Board
from maskbank.statistics.boards import all_boards
from maskbank.statistics.comparisons import comparisons, headlines
from maskbank.statistics.contrasts import every_contrast
from maskbank.statistics.policies import unstable_headlines
from maskbank.statistics.tables import Tables


@dataclass(frozen=True)
class Facts(Tables):
    """The tables of a run with what is said about them; each is made once, when it is first asked for."""

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        return every_contrast(self)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        return comparisons(self.contrasts)

    @cached_property
    def headlines(self) -> pd.DataFrame:
        return headlines(self.comparisons)

    @cached_property
    def boards(self) -> list[Board]:
        return all_boards(self.records, self.params.compare)

    @cached_property
    def unstable(self) -> dict[Hashable, list[str]]:
        return unstable_headlines(self.transfer, self.headlines, self.params.compare)
