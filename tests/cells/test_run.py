"""Cells that end in every way; resume; equal results from both engines; a store that notices damage."""

import io
import json
from pathlib import Path

import pytest

from maskbank.cells.engine import run_pool, run_serial
from maskbank.cells.key import cell_key
from maskbank.cells.run import gather, run_cells
from maskbank.cells.spec import Cell
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.errors import InputError, WorkError
from maskbank.records.evidence import check_evidence
from tests.cells.toy import ToySpec


def toy(behaviour: str = "ok", knob: int = 0) -> Cell[ToySpec]:
    return Cell(ToySpec(method="toy", behaviour=behaviour, knob=knob))


def serial(**engine: object) -> Params:
    return Params.model_validate({"engine": {"kind": "serial", **engine}})


@pytest.fixture(autouse=True)
def keys_of_toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy cells have no file under maskbank, so that their code has no fingerprint there."""
    monkeypatch.setattr("maskbank.cells.run.code_version", lambda cell: "toy")


def test_each_ending_is_a_record(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [toy(), toy("raise"), toy("input"), toy("diverge")]
    finished = run_cells("toy", cells, serial(), store)
    tables = gather(finished, serial(), store)
    records = tables["records"]
    assert len(records) == 8, "a failed cell has a row at each point, so that counts add up"
    assert [done.status for done in finished] == ["ok", "failed", "failed", "diverged"]
    assert finished[1].body["points"][0]["reason"].startswith("ZeroDivisionError: one by zero (toy.py:")
    assert finished[3].body["points"][0]["reason"] == "loss inf at step 3"
    assert records.accuracy.dropna().tolist() == [0.75, 0.75]
    assert check_evidence(tables) == []
    assert "3 cells did not end well" not in capsys.readouterr().out, "up to three are named one by one"


def test_failed_cells_are_tried_again_and_good_ones_are_not(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    cells = [toy(), toy("raise"), toy("diverge")]
    run_cells("toy", cells, serial(), store)
    capsys.readouterr()
    run_cells("toy", cells, serial(), store)
    assert "3 cells, 2 stored, 1 to run" in capsys.readouterr().out


def test_no_good_cell_at_all_is_an_error(store: Store) -> None:
    with pytest.raises(WorkError, match=r"all 2 cells failed, .* one by zero"):
        run_cells("toy", [toy("raise"), toy("raise", 1)], serial(), store)


def test_the_same_cell_twice_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="asked for twice"):
        run_cells("toy", [toy(), toy()], serial(), store)


@pytest.mark.parametrize("file", ["cell.json", "evidence.safetensors", "artifact.safetensors"])
def test_a_torn_or_altered_cell_is_run_again(store: Store, file: str) -> None:
    cell = toy()
    (done,) = run_cells("toy", [cell], serial(), store)
    path = store.folder(done.key) / file
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert store.get(done.key) is None
    (again,) = run_cells("toy", [cell], serial(), store)
    assert again.body["points"] == done.body["points"]
    assert (store.folder(done.key) / "evidence.safetensors").is_file()


def test_an_altered_accuracy_is_noticed(store: Store) -> None:
    (done,) = run_cells("toy", [toy()], serial(), store)
    done.body["points"][0]["values"]["accuracy"] = 0.9
    with pytest.raises(WorkError, match="not the one its evidence gives"):
        gather([done], serial(), store)


def test_the_pool_survives_death_and_timeout_and_agrees_with_serial(tmp_path: Path) -> None:
    """Real spawned workers: one dies, one sleeps past its time, one raises; the others' cells are those of serial."""
    pooled, single = Store(tmp_path / "pool"), Store(tmp_path / "serial")
    jobs = [(cell, cell_key(cell)) for cell in (toy("die"), toy("sleep"), toy("raise"), toy(), toy(knob=1))]
    engine = Params.model_validate({"engine": {"workers": 2, "timeout_s": 5}}).engine
    statuses = dict(run_pool(jobs, pooled, engine))
    assert [statuses[key] for _, key in jobs] == ["failed", "timeout", "failed", "ok", "ok"]
    reasons = [pooled.get(key)["points"][0]["reason"] for _, key in jobs]  # type: ignore[index]
    assert reasons[0] == "the worker process died (exit code 9); out of memory?"
    assert reasons[1] == "not finished after 5 s (engine.timeout_s)"
    assert reasons[2].startswith("ZeroDivisionError")
    assert dict(run_serial(jobs[3:], single, engine)) == {key: "ok" for _, key in jobs[3:]}
    for _, key in jobs[3:]:
        one, two = pooled.get(key), single.get(key)
        assert one is not None
        assert two is not None
        assert {name: one[name] for name in ("points", "curves", "files")} == {
            name: two[name] for name in ("points", "curves", "files")
        }


def test_an_unwritable_store_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        run_cells("toy", [toy()], serial(), Store(tmp_path / "file" / "cells"))


def test_stored_cells_are_plain_json_and_safetensors(store: Store) -> None:
    (done,) = run_cells("toy", [toy()], serial(), store)
    assert sorted(path.suffix for path in store.folder(done.key).iterdir()) == [".json", ".safetensors", ".safetensors"]
    assert json.loads((store.folder(done.key) / "cell.json").read_text())["spec"] == {"method": "toy"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_line_on_a_terminal_and_plain_lines_elsewhere(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_cells("toy", [toy(), toy(knob=1)], serial(), store)
    assert capsys.readouterr().out.splitlines()[0] == "toy: 2 cells, 0 stored, 2 to run"
    for number, done in ((2, 1), (2, 0)):  # one cell is new; none is
        out, error = Terminal(), Terminal()
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", error)
        run_cells("toy", [toy(), toy(knob=number)], serial(), store)
        assert out.getvalue() == ""
        assert error.getvalue().count("\n") == 1, "written over and over, and left when it is done"
        last = error.getvalue().rstrip("\n").split("\r")[-1]
        assert last.startswith("toy: 100%")
        assert ("1 ok" in last) == bool(done)
