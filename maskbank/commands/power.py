"""What this run's splits can find, and how many splits, tasks and seeds an effect needs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maskbank.params import params_or_default


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--effect", type=float, required=True, metavar="POINTS", help="difference to find, such as 0.5")
    parser.add_argument("--records", default="reports", metavar="PATH", help="a run's folder or its records.parquet")


def run(given: Namespace) -> None:
    from maskbank.records.gather import read_run
    from maskbank.statistics.facts import Facts
    from maskbank.statistics.planning import power_lines

    tables = read_run(Path(given.records))
    facts = Facts(tables["records"], tables["metrics"], tables["timings"], params_or_default())
    print("\n".join(power_lines(facts, given.effect)))
