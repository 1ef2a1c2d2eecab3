"""Total cost at which the method passes: a row a setting, budget and rival, a column a kind of cost."""

import numpy as np
import pandas as pd

from maskbank.report.costs import NAMES, WHAT
from maskbank.report.panels import short
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns, across, first, groups_of
from maskbank.report.words import setting_title
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.costs import KINDS, UNKNOWN, crossings
from maskbank.statistics.crossing import CHANGES, CHEAPER, DEARER, FROM, UNTIL
from maskbank.statistics.transfer import SETTING

ORDER = 40
TITLE = "Total cost at which {method} passes"
CAPTION = (
    "From which total cost the mean accuracy of {method} is above each other method's, on curves that are straight "
    "between the T measured on a logarithmic axis of cost, within the costs that both were measured at. In brackets: "
    "95 % percentile interval of that cost, by a bootstrap over splits (below, beyond: outside the costs measured), and "
    "the share of resamples with the same outcome. Dearer (cheaper) at every T: no cost was measured of both, as one's "
    f"first point costs more than the other's last. {WHAT} No test is made. n counts splits; with fewer than 6, or "
    "incomplete blocks, no interval is given."
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return crossings(run.costs, run.params.compare)


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    return groups_of(data, [*SETTING, "budget_asked", "rival"], sort=False)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "setting": first(lambda row: setting_title(row.to_dict(), data)),
        "keep": first(lambda row: f"{row.budget_asked:g}"),
        "against": first(lambda row: label(row.rival)),
        "role": first(lambda row: row.role),
        **across({f"above, by {NAMES[kind]}": ("cost_of", kind) for kind in KINDS}, where),
        "n": first(lambda row: str(row.n)),
        "status": first(lambda row: row.status + (f": {row.missing}" if row.missing else "")),
    }


def where(row: pd.Series) -> str:
    """Where the method is above, in words: `from 1.2G [0.9G, beyond], 87 %`."""
    verdict = row["verdict"]
    if verdict in (UNKNOWN, DEARER, CHEAPER):
        return str(verdict)
    alone = verdict in (FROM, UNTIL)
    text = f"{verdict} {short(row['cost'])}" if alone else str(verdict)
    text = f"changes, last at {short(row['cost'])}" if verdict == CHANGES else text
    if row["status"] != TESTED:
        return text
    ends = f" [{edge(row['low'])}, {edge(row['high'])}]" if alone else ""
    return f"{text}{ends}, {100 * row['agreement']:.0f} %"


def edge(value: float) -> str:
    return short(value) if np.isfinite(value) else "beyond" if value > 0 else "below"
