"""Commands over runs: a report of merged records, two runs compared, what a run can find."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from maskbank import cli
from maskbank.records.load import write_table
from maskbank.records.schema import columns
from maskbank.report import compose
from tests.report import fake
from tests.report.synthetic import SVG


def written(frame: pd.DataFrame, folder: Path) -> Path:
    folder.mkdir(parents=True)
    write_table("records", frame, folder)
    keys = frame[["cell_key"]].drop_duplicates()
    write_table("timings", keys.assign(machine_class="m").reindex(columns=columns("timings")), folder)
    return folder


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two halves of a run, and a whole one with another seed."""
    whole = fake.records(8)
    written(whole[whole.index % 2 == 0], tmp_path / "one")
    written(whole[whole.index % 2 == 1], tmp_path / "two")
    written(fake.records(8, seed=1), tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compose, "write_figure", lambda *_: SVG)
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["maskbank", *words])
    cli.main()
    return capsys.readouterr().out


def test_two_halves_are_reported_as_one_run(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = command(monkeypatch, capsys, "report", "--records", "one", "two/records.parquet", "--out", "both")
    assert f"{len(fake.records(8))} points of 2 run(s); the page is both/index.html" in out
    board = json.loads((runs / "both/leaderboard.json").read_text())
    assert [each["setting"]["allocation"] for each in board["boards"]] == ["global_macs", "uniform"]
    assert "<html" in (runs / "both/index.html").read_text()
    assert "0 changed" in command(monkeypatch, capsys, "compare", "both", "both")


def test_two_runs_are_compared(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = command(monkeypatch, capsys, "compare", "one", "other", "--most", "2", "--csv", "changes.csv")
    assert "A has " in out
    assert "differ significantly" in out
    assert len(pd.read_csv("changes.csv")) > 2


def test_what_a_run_can_find(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = command(monkeypatch, capsys, "power", "--effect", "0.5", "--records", "other")
    assert "to find 0.5 points with a power of 80 %" in out
    assert "smsp - taylor" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "--records", "one", "--out", "one"], "--out one: that is where the records are"),
        (["report", "--records", "nowhere"], "nowhere: expected a folder with records.parquet"),
        (["compare", "one", "nowhere"], "nowhere: expected a folder with records.parquet"),
        (["power", "--effect", "-1", "--records", "one"], "effect"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        command(monkeypatch, capsys, *words)
    assert error.value.code == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
