"""The whole report of a folder of records: tables, figures, pages."""

import re
from collections.abc import Iterable
from pathlib import Path

from maskbank.config import Params
from maskbank.files import write_bytes
from maskbank.report.claims_page import claims_page
from maskbank.report.figure import FIGURES, figures, write_figure
from maskbank.report.page import Contents, render
from maskbank.report.pretraining_page import pretraining_page
from maskbank.report.print import write_table
from maskbank.report.run import Run, read_run
from maskbank.report.sparse_page import sparse_page
from maskbank.report.table import TABLES, tables
from maskbank.report.transfer_material import Material
from maskbank.report.transfer_page import transfer_page
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
    for name, text in pages(run).items():
        write_page(folder / f"{name}.md", text)


def cleared(folder: Path, names: Iterable[str]) -> Path:
    """The folder, made where it is missing, without the files of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [path for name in names for path in folder.glob(f"{name}.*")]:
        path.unlink()
    return folder


def pages(run: Run) -> dict[str, str]:
    """Pages in Markdown by name."""
    material = Material(
        run.records, run.comparisons, run.claims, run.rules, run.timings, run.correlations, run.reliability, run.params,
        run.records_hash,
    )  # fmt: skip
    about = {
        "alpha": run.alpha, "margin": run.margin, "records_hash": run.records_hash, "hypotheses": run.params.claims,
    }  # fmt: skip
    return {
        "one_shot_transfer": transfer_page(material),
        "pretraining": pretraining_page(run.pretraining, run.records, run.claims, run.rules, about),
        "sparse_training": sparse_page(run.sparse, run.records, run.claims, run.rules, about),
        "claims": claims_page(run.claims, run.rules, run.records_hash),
    }


def write_page(path: Path, text: str) -> None:
    """Write a page in Markdown, without the pictures and links of what was not written."""

    def kept(link: re.Match[str]) -> str:
        if (path.parent / link["target"]).exists():
            return link[0]
        return "" if link["picture"] else f"{link['words']} (no rows)"

    found = re.sub(r"(?P<picture>!?)\[(?P<words>[^\]]*)\]\((?P<target>(tables|figures)/[^)]*)\)", kept, text)
    write_bytes(path, re.sub(r"\n{3,}", "\n\n", found).encode())
