"""Compare: statistics, rules and claims, from the records."""

from maskbank.errors import exits
from maskbank.files import hash_file
from maskbank.params import load_params
from maskbank.records.load import REPORTS, read_table
from maskbank.report.comparison import write_comparison
from maskbank.statistics.facts import Facts


@exits
def main() -> None:
    params = load_params()
    tables = {name: read_table(name, REPORTS) for name in ("records", "metrics", "timings")}
    facts = Facts(**tables, params=params, records_hash=hash_file(REPORTS / "records.parquet"))
    write_comparison(facts, REPORTS)


if __name__ == "__main__":
    main()
