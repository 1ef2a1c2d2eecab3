"""The record tables: what is refused, equal bytes for equal rows, joining, evidence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maskbank.cells.result import AnswerSheet
from maskbank.errors import InputError
from maskbank.records.evidence import check_evidence
from maskbank.records.load import load_records, merge_tables, read_table, write_table
from maskbank.records.schema import columns

LABELS = {
    "cell_key", "stage", "profile", "dataset", "backbone", "recipe", "method", "task", "split", "pattern", "allocation",
    "schedule", "reconstruct", "bn", "setup", "budget_kind", "reason", "dense_hash", "splits_hash", "evidence_hash",
    "code_version", "suite", "suite_version", "tuning", "numerics_class", "leak", "variant", "bank",
}  # fmt: skip


def record(**values: object) -> dict[str, object]:
    row: dict[str, object] = {name: "x" if name in LABELS else np.nan for name in columns("records")}
    row |= {
        "cell_key": "a",
        "role": "method",
        "task_split": "none",
        "form": "none",
        "stop": "none",
        "steps": 0,
        "seed": 0,
        "status": "ok",
        "schema_version": 4,
    }
    return row | {"trials": 1, "accuracy": 0.5} | values


def records(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns("records"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([record(accuracy=1.2)], "accuracy"),
        ([record(status="fine")], "status"),
        ([record(), record()], "cell_key"),
        ([record(budget_asked=0.0)], "budget_asked"),
        ([record(schema_version=7)], "schema_version"),
        ([record(role="winner")], "role"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(rows: list[dict[str, object]], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"not a valid records table: .*{message}"):
        write_table("records", records(*rows), tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    frame = records(record()).assign(extra=1)
    frame.to_parquet(tmp_path / "records.parquet")
    with pytest.raises(InputError, match="extra"):
        read_table("records", tmp_path)


def test_rows_in_any_order_give_equal_bytes(tmp_path: Path) -> None:
    rows = [record(cell_key=key, steps=steps) for key in "cab" for steps in (10, 0)]
    written = []
    for number, order in enumerate(([0, 1, 2, 3, 4, 5], [5, 2, 0, 4, 1, 3])):
        write_table("records", records(*(rows[index] for index in order)), tmp_path / str(number))
        written.append((tmp_path / str(number) / "records.parquet").read_bytes())
    assert written[0] == written[1]


def test_files_that_are_missing_or_torn_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"records\.parquet: no such file"):
        read_table("records", tmp_path)
    write_table("records", records(record()), tmp_path)
    path = tmp_path / "records.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"records\.parquet: not a readable parquet file"):
        read_table("records", tmp_path)


def test_loading_joins_timings_and_metrics(tmp_path: Path) -> None:
    write_table("records", records(record(steps=0), record(steps=10), record(cell_key="b")), tmp_path)
    timings = pd.DataFrame({"cell_key": ["a", "b"], "cpu_seconds": [1.0, 2.0], "machine_class": "m"})
    write_table("timings", timings.reindex(columns=columns("timings")), tmp_path)
    metrics = [("a", 10, "ece", "15 bins", 0.1), ("b", 0, "test_reads", "none", 1.0)]
    write_table("metrics", pd.DataFrame(metrics, columns=columns("metrics")), tmp_path)
    joined = load_records(tmp_path).set_index(["cell_key", "steps"])
    assert joined.cpu_seconds.tolist() == [1.0, 1.0, 2.0]
    assert joined.loc[("a", 10), "ece@15 bins"] == 0.1
    assert np.isnan(joined.loc[("a", 0), "ece@15 bins"])
    assert joined.loc[("b", 0), "test_reads"] == 1.0


def sheet(count: int, classes: int = 10) -> AnswerSheet:
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, classes, (2, count)).astype(np.uint8)
    return AnswerSheet(
        np.arange(count, dtype=np.uint32), labels, predicted, generator.integers(0, 256, count).astype(np.uint8)
    )


def tables_of(each: AnswerSheet, accuracy: float) -> dict[str, pd.DataFrame]:
    evidence = {"cell_key": "a", "steps": 0, "answers_hash": each.answers_hash}
    evidence |= {"predicted": each.predicted.tobytes(), "probability": each.probability.tobytes()}
    answers = {"answers_hash": each.answers_hash, "ids": each.ids.tobytes(), "labels": each.labels.tobytes()}
    empty = {name: pd.DataFrame(columns=columns(name)) for name in ("metrics", "curves", "timings")}
    return {
        "records": records(record(accuracy=accuracy)),
        "evidence": pd.DataFrame([evidence]),
        "answers": pd.DataFrame([answers]),
        **empty,
    }


def test_evidence_of_ten_thousand_images_is_small() -> None:
    each = sheet(10_000)
    assert len(each.predicted.tobytes()) + len(each.probability.tobytes()) <= 30_000


def test_accuracy_must_be_what_evidence_gives() -> None:
    each = sheet(100)
    assert check_evidence(tables_of(each, each.accuracy)) == []
    assert "record 0.99" in check_evidence(tables_of(each, 0.99))[0]
    without = tables_of(each, each.accuracy) | {"evidence": pd.DataFrame(columns=columns("evidence"))}
    assert check_evidence(without) == ["a at 0: no evidence"]


def test_shared_answers_are_kept_once() -> None:
    part = tables_of(sheet(10), 0.5)
    assert len(merge_tables([part, part])["answers"]) == 1
