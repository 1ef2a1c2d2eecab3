"""Make statistics, tables, figures and the page again, from these records or from any."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import get_args

from maskbank.commands.run import run_stage
from maskbank.config import Report
from maskbank.errors import InputError
from maskbank.params import load_params, params_or_default


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--records", nargs="+", metavar="PATH",
        help="folders or records.parquet files of runs, taken as one (default: reports)",
    )  # fmt: skip
    parser.add_argument(
        "--out", default="merged", metavar="DIR", help="where to write, with --records (default: %(default)s)"
    )
    parser.add_argument(
        "--venue", choices=get_args(Report.model_fields["venue"].annotation),
        help="whose text width and font sizes figures have, with --records (default: report.venue of params.yaml)",
    )  # fmt: skip


def run(given: Namespace) -> None:
    """Of this checkout's records, or of any: one file, or those of several machines as one run."""
    if not given.records:
        if given.venue:
            raise InputError("--venue: goes with --records; of this checkout's run set report.venue in params.yaml")
        for stage in ("compare", "report"):
            run_stage(stage, load_params())
        return
    from maskbank.records.gather import gather_runs
    from maskbank.records.load import write_tables
    from maskbank.report.comparison import read_facts, write_comparison
    from maskbank.report.compose import write_report

    params, folder = params_or_default(), Path(given.out)
    if given.venue:
        params = params.model_copy(update={"report": params.report.model_copy(update={"venue": given.venue})})
    paths = [Path(path) for path in given.records]
    if folder.resolve() in {(path if path.is_dir() else path.parent).resolve() for path in paths}:
        raise InputError(f"--out {folder}: that is where the records are; choose another folder")
    write_tables(gather_runs(paths), folder)
    facts = read_facts(folder, params)
    write_comparison(facts, folder)
    write_report(params, folder)
    print(f"{len(facts.records)} points of {len(paths)} run(s); the page is {folder / 'index.html'}")
