"""The whole report of a folder of records: tables, figures, pages."""

from collections.abc import Iterable
from pathlib import Path

from maskbank.config import Params
from maskbank.files import write_bytes
from maskbank.report.figure import FIGURES, figures, write_figure
from maskbank.report.markdown import write_pages
from maskbank.report.page import Contents, render
from maskbank.report.print import write_table
from maskbank.report.run import read_run
from maskbank.report.table import TABLES, tables
from maskbank.report.venues import VENUES


def write_report(params: Params, folder: Path) -> None:
    """Write tables/, figures/, index.html, claims.md, one_shot_transfer.md, pretraining.md and sparse_training.md.

    Tables and figures without rows are not written, and what an earlier run left of them goes.
    """
    run, venue = read_run(params, folder), VENUES[params.report.venue]
    shown = [each for each in tables(run) if each.rows]
    drawn = [each for each in figures(run) if len(each.data)]
    place = cleared(folder / "tables", set(TABLES.names()) - {each.name for each in shown})
    for each in shown:
        write_table(each, place)
    place = cleared(folder / "figures", set(FIGURES.names()) - {each.name for each in drawn})
    files = {each.name: write_figure(each, place, venue) for each in drawn}
    write_bytes(folder / "index.html", render(Contents(run, shown, drawn, files)).encode())
    write_pages(run, folder, {each.name: each.alt for each in drawn}, {each.name for each in shown})


def cleared(folder: Path, names: Iterable[str]) -> Path:
    """The folder, made where it is missing, without the files of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [path for name in names for path in folder.glob(f"{name}.*")]:
        path.unlink()
    return folder
