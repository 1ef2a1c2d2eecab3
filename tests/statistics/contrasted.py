"""The contrasts of one study over made-up tables."""

import pandas as pd

from maskbank.config import Compare, Params
from maskbank.statistics.comparisons import comparisons
from maskbank.statistics.contrasts import contrasts, of_study
from maskbank.statistics.tables import Tables
from tests.report import fake


def tables_of(tables: dict[str, pd.DataFrame], compare: Compare | None = None) -> Tables:
    params = Params() if compare is None else Params().model_copy(update={"compare": compare})
    return Tables(tables["records"], tables["metrics"], tables["timings"], params)


def study(
    name: str, tables: dict[str, pd.DataFrame], *levels: str, compare: Compare | None = None, arm: str = "arm"
) -> pd.DataFrame:
    """The rows of a study at these levels, all where none is named, its arm called `arm`."""
    rows = of_study(contrasts(name, tables_of(tables, compare)), name, *levels)
    return rows.drop(columns=[arm] if arm in set(rows) - {"arm"} else []).rename(columns={"arm": arm})


def compared(records: pd.DataFrame, compare: Compare) -> pd.DataFrame:
    """What comparisons.csv holds of transfer records, before rules are judged."""
    return comparisons(contrasts("transfer", tables_of({**fake.tables(records), "records": records}, compare)))
