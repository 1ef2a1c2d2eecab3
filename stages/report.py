"""Report: tables, figures and the page, from the records and the comparisons."""

from pathlib import Path

import pandas as pd

from maskbank.config import Params, load_params
from maskbank.errors import InputError, exits
from maskbank.files import hash_file, read_json, write_bytes
from maskbank.records.load import REPORTS, read_table
from maskbank.report.aggregate import structured_means, transfer_means
from maskbank.report.figures import accuracy_figure, compression_figure, forest_figure
from maskbank.report.page import Contents, render
from maskbank.report.prunability import prunability_table
from maskbank.report.robustness import robustness_figure, robustness_table
from maskbank.report.style import write_drawing
from maskbank.report.tables import seeded_table, transfer_table, write_sheet


def read_comparisons(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that writes it (`dvc repro`)") from None


def write_report(params: Params, folder: Path) -> None:
    """Write tables/, figures/ and index.html."""
    records = read_table("records", folder)
    comparisons = read_comparisons(folder / "comparisons.csv")
    transferred = transfer_means(records)
    structured = structured_means(records, read_table("metrics", folder))
    sheets = [
        transfer_table(transferred),
        seeded_table(records),
        robustness_table(structured),
        prunability_table(structured, records),
    ]
    drawings = [
        accuracy_figure(transferred),
        compression_figure(records),
        robustness_figure(structured),
        forest_figure(comparisons, params.compare.margin),
    ]
    for sheet in sheets:
        write_sheet(sheet, folder / "tables")
    contents = Contents(
        params=params,
        records=records,
        records_hash=hash_file(folder / "records.parquet"),
        comparisons=comparisons,
        claims=read_json(folder / "claims.json"),
        rules=read_json(folder / "rules.json"),
        sheets=sheets,
        drawings=drawings,
        files={drawing.name: write_drawing(drawing, folder / "figures") for drawing in drawings},
    )
    write_bytes(folder / "index.html", render(contents).encode())


@exits
def main() -> None:
    write_report(load_params(), REPORTS)


if __name__ == "__main__":
    main()
