"""Tables, figures and pages, from the records and the comparisons."""

from maskbank.config import Params
from maskbank.records.places import REPORTS

AFTER = "compare"


def execute(params: Params) -> None:
    from maskbank.report.compose import write_report

    write_report(params, REPORTS)
