"""The whole pipeline on the smoke profile, through dvc itself. Tests run in order on one clone."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

import maskbank
from maskbank.params import profile_params, validate, write_params
from maskbank.records.load import read_tables
from maskbank.registry import pipeline
from tests.pipeline.conftest import Clone

TABLES = ("records", "metrics", "curves", "evidence", "answers")


def counts(output: str) -> dict[str, tuple[int, int]]:
    """Stage -> (cells stored, cells to run), from what stages print; backbones of pretrain are added up."""
    found: dict[str, tuple[int, int]] = {}
    for stage, stored, pending in re.findall(r"^(\w+): \d+ cells, (\d+) stored, (\d+) to run", output, re.MULTILINE):
        before = found.get(stage, (0, 0))
        found[stage] = (before[0] + int(stored), before[1] + int(pending))
    return found


def test_every_planned_cell_has_its_rows(clone: Clone) -> None:
    plan = clone.run("maskbank", "plan").stdout
    planned = {line.split()[0]: int(line.split()[1]) for line in plan.splitlines()[1:-1]}
    records = read_tables(clone.path / "reports")["records"]
    assert records.groupby("stage").cell_key.nunique().to_dict() == planned
    assert set(records.status) <= {"ok", "collapsed"}, records[records.status == "failed"].reason.tolist()
    transfer = records[records.stage == "transfer"]
    assert (transfer.groupby("cell_key").steps.agg(list).map(tuple) == (0, 5)).all(), "one cell, its points as rows"


def test_everything_listed_is_exercised(clone: Clone) -> None:
    records = read_tables(clone.path / "reports")["records"]
    scores = {row["name"] for row in json.loads(clone.run("maskbank", "list", "scores", "--json").stdout)}
    for kind, column in (("methods", "method"), ("recipes", "recipe"), ("compressors", "method"), ("sparsifiers", "method"),
                         ("learners", "method")):  # fmt: skip
        names = {row["name"] for row in json.loads(clone.run("maskbank", "list", kind, "--json").stdout)}
        assert names - scores <= set(records[column]), kind  # every score runs in tests/pruning
    assert {"units", "unstructured", "2:4"} <= set(records[records.stage == "compress"].pattern)


def test_records_say_what_they_should(clone: Clone) -> None:
    records = read_tables(clone.path / "reports")["records"]
    pruned = records[(records.stage == "transfer") & (records.role != "reference")]
    assert (pruned.budget_achieved - pruned.budget_asked).abs().max() < 0.02
    assert (pruned.macs < pruned.macs_dense).all()
    assert pruned.accuracy_dense.notna().all(), "each pruned cell has its dense reference beside it"
    default, tuned = records[records.tuning == "default"], records[records.tuning == "tuned@2"]
    assert (default[default.task_split == "heldout"].leak == "backbone").all()
    assert (default[default.task_split == "unseen"].leak == "none").all()
    assert set(tuned.leak) == {"backbone, tuning", "tuning"}
    assert (tuned.tuning_macs > 0).all(), "trials are paid for"
    assert {"prototypes", "label_free", "bank taylor"} <= set(records.variant)
    assert {"validation", "heldout", "unseen", "bank"} <= set(records.task_split)
    metrics = read_tables(clone.path / "reports")["metrics"]
    told = {"iou_reseeded", "iou_split_half", "similarity_leep", "overlap", "accuracy_of_entry", "overlap_own"}
    assert told <= set(metrics.metric)
    assert records[records.stage == "compress"].groupby("dense_hash").pretrain_seed.nunique().max() == 1
    joined = maskbank.load_records(clone.path / "reports")
    judged = joined.dropna(subset="accuracy")
    trials = judged.stage == "tune"
    assert judged[trials].test_reads.isna().all(), "choices are made on validation images alone"
    assert (judged[~trials].test_reads == 1).all(), "the test split is read once a point"
    assert joined[joined.stage == "evaluate"].latency_ms.notna().all()
    assert joined.cpu_seconds.notna().all()


def test_mlflow_agrees_one_to_one(clone: Clone) -> None:
    said = clone.run("maskbank", "sync", "--check").stdout
    assert "one to one" in said


def test_reports_are_there_and_self_contained(clone: Clone) -> None:
    reports = clone.path / "reports"
    for name in ("summary.json", "claims.json", "rules.json", "index.html"):
        assert (reports / name).stat().st_size > 100
    figures = {path.stem for path in (reports / "figures").glob("*.png")}
    assert len(figures) >= 3
    for stem in figures:
        assert {path.suffix for path in (reports / "figures").glob(f"{stem}.*")} >= {".png", ".pdf", ".svg", ".csv"}
    tables = {path.stem for path in (reports / "tables").glob("*.csv")}
    assert len(tables) >= 2
    for stem in tables:
        assert {path.suffix for path in (reports / "tables").glob(f"{stem}.*")} >= {".csv", ".md", ".tex"}
    page = (reports / "index.html").read_text()
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//", page)


def test_dvc_views(clone: Clone) -> None:
    assert "reports/summary.json" in clone.run("dvc", "metrics", "show").stdout
    plots = json.loads(clone.run("dvc", "plots", "show", "--json").stdout)
    assert any("accuracy_by_budget" in name for name in plots.get("data", plots)), plots


def test_nothing_changed_runs_nothing(clone: Clone) -> None:
    again = clone.run("dvc", "repro").stdout
    assert "Running stage" not in again
    assert "Data and pipelines are up to date." in again


def test_status_and_failures(clone: Clone) -> None:
    assert re.search(r"^transfer +\d+ ", clone.run("maskbank", "status").stdout, re.MULTILINE)
    assert "cells did not end well" in clone.run("maskbank", "failures").stdout


def test_bad_params_are_one_line_and_lose_nothing(clone: Clone) -> None:
    before = (clone.path / "reports/records.parquet").read_bytes()
    params = (clone.path / "params.yaml").read_text()
    for command in (
        ("maskbank", "configure", "--profile", "smoke", "--set", "tasks.ways=0"),
        ("maskbank", "run", "transfer"),
    ):
        (clone.path / "params.yaml").write_text(
            params.replace("ways: [3]", "ways: [0]") if command[1] == "run" else params
        )
        done = clone.run(*command, check=False)
        assert done.returncode == 2
        assert re.fullmatch(r"error: .*tasks\.ways\.0 = 0: .*greater than or equal to 2\n", done.stderr)
    (clone.path / "params.yaml").write_text(params)
    assert (clone.path / "reports/records.parquet").read_bytes() == before


def test_a_truncated_checkpoint_is_named_before_anything_runs(clone: Clone) -> None:
    path = next((clone.path / "data/pretrain/resnet20").glob("*.safetensors"))
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    done = clone.run("maskbank", "run", "compress", check=False)
    path.write_bytes(content)
    assert done.returncode == 2
    assert re.fullmatch(rf"error: .*{path.name}: truncated or altered; .*run `dvc repro`\n", done.stderr)
    assert "to run" not in done.stdout


SOME = ("pretrain", "transfer", "evaluate")  # training, cells with predictions, the tables of all
UP_TO_TABLES = pipeline()[: pipeline().index("compare")]


@pytest.mark.parametrize("stages", [SOME, pytest.param(UP_TO_TABLES, marks=pytest.mark.nightly)], ids=["some", "all"])
def test_made_again_by_the_other_engine_byte_for_byte(clone: Clone, tmp_path: Path, stages: Sequence[str]) -> None:
    """Another folder, an empty store, a pool instead of one process: the same tables."""
    other = Clone(tmp_path / "again")
    shutil.copytree(
        clone.path, other.path, ignore=shutil.ignore_patterns(".git", ".dvc", ".maskbank", "mlflow.db*", "mlruns")
    )
    write_params(profile_params("smoke", ["engine.kind=process"]), other.path / "params.yaml")
    for name in TABLES:
        (other.path / f"reports/{name}.parquet").unlink()
    for stage in stages:
        shutil.rmtree(other.path / "data" / stage, ignore_errors=True)
        other.run("maskbank", "run", stage)
    for name in TABLES:
        assert (other.path / f"reports/{name}.parquet").read_bytes() == (
            clone.path / f"reports/{name}.parquet"
        ).read_bytes(), name


def test_a_new_method_runs_its_own_cells_only(clone: Clone) -> None:
    (clone.path / "maskbank/pruning/scores/mine.py").write_text(
        '"""Mine: the sum of the absolute weights that make a unit."""\n\n'
        "from maskbank.models.units import unit_weights\n\n"
        'ROLE = "rival"\n\n\n'
        "def score(model, layers, sample):\n"
        "    return {layer.name: unit_weights(model, layer).abs().sum(1) for layer in layers}\n"
    )
    params = profile_params("smoke", []).model_dump()
    params["transfer"]["methods"].append("minex")
    with pytest.raises(ValueError, match="minex"):
        validate(params, "params")
    text = (clone.path / "params.yaml").read_text()
    named = re.sub(r"(iterative_taylor,\s+dense)\](\s+options)", r"\1, mine]\2", text)
    assert named != text
    (clone.path / "params.yaml").write_text(named)
    before = pd.read_parquet(clone.path / "reports/records.parquet")
    output = clone.run("dvc", "repro", "evaluate").stdout
    ran = counts(output)
    assert ran["transfer"][1] == 2, "two tasks, in the one grid of all methods"
    assert all(pending == 0 for stage, (_, pending) in ran.items() if stage != "transfer"), ran
    after = pd.read_parquet(clone.path / "reports/records.parquet")
    old = after[after.method != "mine"].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    clone.run("maskbank", "sync")
    clone.run("maskbank", "sync", "--check")


def test_a_killed_stage_goes_on_where_it_was(clone: Clone) -> None:
    """Kill the transfer stage and its workers in mid-run; what was stored stays, the tables come out the same."""
    before = (clone.path / "data/transfer/records.parquet").read_bytes()
    stored = set((clone.path / ".maskbank/cells").glob("*/*"))
    for folder in stored:
        if json.loads((folder / "cell.json").read_text())["stage"] == "transfer":
            shutil.rmtree(folder)
    kept = set((clone.path / ".maskbank/cells").glob("*/*"))
    process = subprocess.Popen(
        ["maskbank", "run", "transfer"],
        cwd=clone.path,
        env=clone.environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while (
        len(set((clone.path / ".maskbank/cells").glob("*/*/cell.json"))) - len(kept) < 5 and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    output = clone.run("maskbank", "run", "transfer").stdout
    resumed, pending = counts(output)["transfer"]
    assert resumed >= 5
    assert pending > 0
    assert (clone.path / "data/transfer/records.parquet").read_bytes() == before


def test_an_unreachable_server_keeps_the_records(clone: Clone) -> None:
    environment = clone.environment() | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    command = ["maskbank", "run", "track"]
    done = subprocess.run(
        command, cwd=clone.path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert (clone.path / "reports/records.parquet").is_file()
    clone.run("maskbank", "sync")
    clone.run("maskbank", "sync", "--check")
