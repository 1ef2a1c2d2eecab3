"""Report: tables, figures and the page, from the records and the comparisons."""

from maskbank.errors import exits
from maskbank.params import load_params
from maskbank.records.load import REPORTS
from maskbank.report.compose import write_report


@exits
def main() -> None:
    write_report(load_params(), REPORTS)


if __name__ == "__main__":
    main()
