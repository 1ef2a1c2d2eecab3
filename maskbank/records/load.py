"""Reading and writing the record tables of a folder."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from maskbank.errors import InputError
from maskbank.files import write_bytes
from maskbank.records.places import REPORTS
from maskbank.records.schema import SORT_KEYS, TABLES, check_table, columns


def write_table(name: str, frame: pd.DataFrame, folder: Path) -> None:
    """Check, sort and write one table as parquet; equal rows give equal bytes, whatever order they came in."""
    frame = frame.reindex(columns=columns(name)) if frame.empty else frame
    frame = check_table(TABLES[name], name, frame[columns(name)], str(folder / f"{name}.parquet"))
    write_parquet(frame.sort_values(SORT_KEYS[name], kind="stable"), folder / f"{name}.parquet")


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    stream = BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), stream, compression="zstd")
    write_bytes(path, stream.getvalue())


def read_table(name: str, folder: Path) -> pd.DataFrame:
    """Read one table and check it; a missing, torn or foreign file is an InputError that names it."""
    path = folder / f"{name}.parquet"
    return check_table(TABLES[name], name, read_parquet(path), str(path))


def read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that writes it (`dvc repro`)") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable parquet file ({str(error).splitlines()[0]}); make it again") from None


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: read_table(name, folder) for name in TABLES}


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    for name, frame in tables.items():
        write_table(name, frame, folder)


def merge_tables(parts: list[dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """One set of tables from those of several stages; answers that several share are kept once."""
    merged = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in TABLES}
    merged["answers"] = merged["answers"].drop_duplicates("answers_hash", ignore_index=True)
    return merged


def load_records(folder: Path | str = REPORTS) -> pd.DataFrame:
    """Records joined with their timings and their metrics.

    Returns one row a (cell_key, steps) with the columns of `records` and `timings`, and one column
    `metric` or `metric@setting` for each measure of the metrics table (NaN where a cell has none).
    """
    folder = Path(folder)
    records = read_table("records", folder)
    joined = records.merge(read_table("timings", folder), on="cell_key", how="left", validate="many_to_one")
    metrics = read_table("metrics", folder)
    if not metrics.empty:
        name = np.where(metrics.setting == "none", metrics.metric, metrics.metric + "@" + metrics.setting)
        wide = metrics.assign(name=name).pivot(index=["cell_key", "steps"], columns="name", values="value")
        joined = joined.merge(wide.reset_index(), on=["cell_key", "steps"], how="left", validate="one_to_one")
    return joined
