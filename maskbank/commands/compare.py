"""Compare two runs: what changed, and is it significant."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maskbank.commands.types import positive
from maskbank.params import params_or_default


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="folder of a run's reports, or its records.parquet")
    parser.add_argument("b", metavar="B", help="the other; differences are B minus A")
    parser.add_argument(
        "--most", type=positive, default=20, help="lines of differences to print (default: %(default)s)"
    )
    parser.add_argument("--csv", metavar="FILE", help="write every arm that changed")


def run(given: Namespace) -> None:
    """What two runs share, what changed, and whether it is significant."""
    from maskbank.records.gather import read_run
    from maskbank.statistics.changes import change_lines, changes

    a, b = (read_run(Path(path))["records"] for path in (given.a, given.b))
    params = params_or_default().compare
    found = changes(a, b, params)
    print("\n".join(change_lines(found, params.alpha, given.most)))
    if given.csv:
        found.arms.to_csv(given.csv, index=False)
        print(f"written to {given.csv}")
