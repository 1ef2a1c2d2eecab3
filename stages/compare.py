"""Compare: statistics, rules and claims, from the records."""

from maskbank.errors import exits
from maskbank.params import load_params
from maskbank.records.load import REPORTS
from maskbank.report.comparison import read_facts, write_comparison


@exits
def main() -> None:
    write_comparison(read_facts(REPORTS, load_params()), REPORTS)


if __name__ == "__main__":
    main()
