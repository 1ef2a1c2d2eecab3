"""Bring MLflow in line with the records."""

from argparse import ArgumentParser, Namespace

from maskbank.errors import WorkError
from maskbank.params import load_params


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where they disagree")


def run(given: Namespace) -> None:
    from maskbank.records.evidence import check_evidence
    from maskbank.records.load import read_tables
    from maskbank.records.places import REPORTS
    from maskbank.tracking.reconcile import check, reconcile

    params = load_params()
    if not given.check:
        print(reconcile(REPORTS, params).line())
        return
    wrong = [*check_evidence(read_tables(REPORTS)), *check(REPORTS, params)]
    if wrong:
        raise WorkError(f"sync: {len(wrong)} disagreements; run `maskbank sync`. The first: {'; '.join(wrong[:3])}")
    print("sync: every accuracy is the one its evidence gives; cells and MLflow runs agree one to one")
