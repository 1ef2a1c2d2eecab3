"""Tables of several runs as one: what they share once, what contradicts refused."""

from pathlib import Path

import pandas as pd
import pytest

from maskbank.errors import InputError
from maskbank.records.gather import gather_runs, read_run
from maskbank.records.load import write_table
from maskbank.records.schema import columns
from tests.report import fake


def written(frame: pd.DataFrame, folder: Path, **timings: float) -> Path:
    folder.mkdir()
    write_table("records", frame, folder)
    keys = frame[["cell_key"]].drop_duplicates()
    clock = keys.assign(machine_class="m", **timings).reindex(columns=columns("timings"))
    write_table("timings", clock, folder)
    return folder


def test_two_halves_make_the_whole(tmp_path: Path) -> None:
    whole = fake.records(4)
    one, two = written(whole[:300], tmp_path / "one"), written(whole[200:], tmp_path / "two", cpu_seconds=1.0)
    found = gather_runs([one, two / "records.parquet"])
    pd.testing.assert_frame_equal(
        found["records"].sort_values("cell_key", ignore_index=True),
        read_run(written(whole, tmp_path / "whole"))["records"].sort_values("cell_key", ignore_index=True),
    )
    assert len(found["timings"]) == len(whole)
    assert found["timings"].cpu_seconds.notna().sum() == len(whole) - 300, "of shared cells the first clock is kept"
    assert len(found["metrics"]) == 0


def test_other_numbers_for_the_same_cell_are_refused(tmp_path: Path) -> None:
    whole = fake.records(4)
    other = whole.assign(numerics_class="bfloat16", accuracy=whole.accuracy.where(whole.index != 7, 0.0))[:10]
    one, two = written(whole, tmp_path / "one"), written(other, tmp_path / "two")
    with pytest.raises(
        InputError, match=r"records: 10 cells have other numbers .*bfloat16, float32.*maskbank compare"
    ) as error:
        gather_runs([one, two])
    assert "\n" not in str(error.value)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"records\.parquet: no such file"):
        read_run(tmp_path)
    (tmp_path / "other.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"other\.parquet: expected a folder with records\.parquet"):
        read_run(tmp_path / "other.parquet")
    (tmp_path / "records.parquet").write_bytes(b"torn")
    with pytest.raises(InputError, match="not a readable parquet file"):
        read_run(tmp_path)
