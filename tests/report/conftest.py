"""One synthetic run, its tables and figures, and its whole report: made once, read by many tests."""

from pathlib import Path
from shutil import copytree

import pytest

from maskbank.report.compose import write_report
from maskbank.report.figure import Figure, figures
from maskbank.report.run import Run, read_run
from maskbank.report.table import Table, tables
from tests.report import synthetic
from tests.report.synthetic import PARAMS, Tables


@pytest.fixture(scope="session")
def synthetic_tables() -> Tables:
    return synthetic.whole()


@pytest.fixture(scope="session")
def compared(synthetic_tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of the run and its comparisons, to be copied and not written to."""
    return synthetic.compared(tmp_path_factory.mktemp("compared"), synthetic_tables)


@pytest.fixture(scope="session")
def run(compared: Path) -> Run:
    return read_run(PARAMS, compared)


@pytest.fixture(scope="session")
def shown(run: Run) -> dict[str, Table]:
    return {each.name: each for each in tables(run)}


@pytest.fixture(scope="session")
def drawn(run: Run) -> dict[str, Figure]:
    return {each.name: each for each in figures(run)}


@pytest.fixture(scope="session")
def report(compared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole report, in every format."""
    folder = copytree(compared, tmp_path_factory.mktemp("report") / "reports")
    write_report(PARAMS, folder)
    return folder
