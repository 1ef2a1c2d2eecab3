"""Tables of one run or of several, from wherever they are: folders of reports, or records files with what stands beside them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from maskbank.errors import InputError
from maskbank.records.load import read_table
from maskbank.records.schema import SORT_KEYS, TABLES, columns

Tables = dict[str, pd.DataFrame]
POINT = ["cell_key", "steps"]
FIRST = ("timings", "evidence", "answers")  # clocks differ, and answers follow from records


def read_run(path: Path) -> Tables:
    """The tables of a folder with records.parquet, or of that file; tables that are not there are empty.

    Raises InputError where there are no records, or a table is torn or not of this schema.
    """
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and path.name != "records.parquet":
        raise InputError(f"{path}: expected a folder with records.parquet, or that file")
    tables = {"records": read_table("records", folder)}
    for name in TABLES:
        if name != "records":
            there = (folder / f"{name}.parquet").is_file()
            tables[name] = read_table(name, folder) if there else pd.DataFrame(columns=columns(name))
    return tables


def gather_runs(paths: Sequence[Path]) -> Tables:
    """The tables of several runs as one; what they share is kept once.

    Of times the first are kept, since clocks differ. Raises InputError where two runs have other numbers for the same cell, as
    machines of two numerics classes do.
    """
    runs = [read_run(path) for path in paths]
    merged: Tables = {}
    for name in TABLES:
        keys = POINT if name == "records" else SORT_KEYS[name]
        frame = pd.concat([run[name] for run in runs], ignore_index=True)
        frame = frame.drop_duplicates(keys if name in FIRST else None, ignore_index=True)
        twice = frame[frame.duplicated(keys, keep=False)]
        if len(twice):
            raise InputError(
                f"{name}: {twice[keys[0]].nunique()} cells have other numbers in one run than in another{classes(twice)}, "
                f"the first {twice.iloc[0][keys[0]]}; report them apart, or look at both with `maskbank compare`"
            )
        merged[name] = frame
    return merged


def classes(rows: pd.DataFrame) -> str:
    """Why cells of two machines may differ, in words."""
    found = sorted(set(rows.numerics_class)) if "numerics_class" in rows else []
    return f" (numerics classes {', '.join(found)})" if len(found) > 1 else ""
