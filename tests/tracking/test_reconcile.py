import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from maskbank.config import Params, Track
from maskbank.errors import WorkError
from maskbank.tracking.reconcile import check, reconcile
from maskbank.tracking.store import store_uri

from .builder import cell, five_cells, write_cells

PARAMS = Params(track=Track(experiment="fake", models=False))


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


def client() -> MlflowClient:
    return MlflowClient(tracking_uri=store_uri())


def runs(query: str = "") -> list:
    experiment = client().get_experiment_by_name("fake")
    return list(client().search_runs([experiment.experiment_id], query))


def counts(folder: Path) -> tuple[int, int, int, int]:
    receipt = reconcile(folder, PARAMS)
    return receipt.created, receipt.replaced, receipt.kept, receipt.superseded


@pytest.fixture
def logged(folder):
    """Five cells, reconciled."""
    write_cells(folder, five_cells())
    reconcile(folder, PARAMS)
    return folder


def test_one_finished_run_a_cell_and_a_second_time_changes_nothing(folder):
    write_cells(folder, five_cells())
    assert counts(folder) == (5, 0, 0, 0)
    before = {run.info.run_id: run.data.to_dictionary() for run in runs()}
    assert sorted(run.data.tags["cell_key"] for run in runs()) == ["k1", "k2", "k3", "k4", "k5"]
    assert {run.info.status for run in runs()} == {"FINISHED"}
    assert counts(folder) == (0, 0, 5, 0)
    assert {run.info.run_id: run.data.to_dictionary() for run in runs()} == before
    assert check(folder, PARAMS) == []


def test_what_a_run_holds(logged):
    (run,) = runs("tags.method = 'smsp' and tags.budget = '0.1'")
    assert run.data.tags["cell_key"] == "k1"
    assert run.info.run_name == "smsp 10% uniform s0/t0 resnet20"
    assert run.data.metrics["accuracy"] == 0.8
    assert [(m.step, m.value) for m in client().get_metric_history(run.info.run_id, "accuracy")] == [
        (0, 0.5), (10, 0.6), (30, 0.8),
    ]  # fmt: skip
    assert [m.step for m in client().get_metric_history(run.info.run_id, "curve/loss")] == [1, 2, 4]
    assert run.data.params["backbone"] == "resnet20"
    assert [(used.dataset.name, used.dataset.digest) for used in run.inputs.dataset_inputs] == [("digits", "p0")]
    assert run.info.end_time - run.info.start_time == 2000
    assert {"git_commit", "git_dirty", "dvc_stage"} <= run.data.tags.keys()


def test_a_failed_cell_is_a_failed_run_with_its_reason(folder):
    write_cells(folder, [cell("k1"), cell("k2", status="failed", reason="out of memory", accuracy=None)])
    reconcile(folder, PARAMS)
    (run,) = runs("tags.status = 'failed'")
    assert (run.info.status, run.data.tags["reason"]) == ("FAILED", "out of memory")
    assert counts(folder) == (0, 0, 2, 0)


@pytest.mark.parametrize("call", ["create_run", "log_batch", "log_inputs", "set_terminated"])
def test_a_killed_writer_leaves_nothing_that_the_next_cannot_mend(folder, monkeypatch, call):
    write_cells(folder, five_cells())
    original = getattr(MlflowClient, call)
    calls = []

    def killed(*arguments, **options):
        calls.append(call)
        if len(calls) == 3:
            raise Killed
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, killed)
        with pytest.raises(Killed):
            reconcile(folder, PARAMS)
    assert len(check(folder, PARAMS)) == 3
    reconcile(folder, PARAMS)
    assert check(folder, PARAMS) == []
    assert len(runs()) == 5


def test_cells_no_longer_current_stay_as_superseded_until_they_are_current_again(logged):
    write_cells(logged, five_cells()[:3])
    assert check(logged, PARAMS) == [
        f"cell {key} is no longer in the records and its run is not marked superseded" for key in ("k5", "k4")
    ]
    assert counts(logged) == (0, 0, 3, 2)
    assert {run.data.tags["cell_key"] for run in runs("tags.superseded = 'true'")} == {"k4", "k5"}
    assert check(logged, PARAMS) == []
    write_cells(logged, five_cells())
    assert counts(logged) == (0, 0, 5, 0)
    assert runs("tags.superseded = 'true'") == []


def test_a_changed_record_is_logged_again(logged):
    cells = five_cells()
    write_cells(logged, [{**cells[0], "accuracy_dense": 0.91}, *cells[1:]])
    (line,) = check(logged, PARAMS)
    assert "cell k1" in line
    assert counts(logged) == (0, 1, 4, 0)
    assert runs("tags.cell_key = 'k1'")[0].data.metrics["accuracy_dense"] == 0.91
    assert len(runs()) == 5


def test_a_change_between_the_first_and_the_last_step_is_seen(logged):
    rows = five_cells()
    write_cells(logged, [{**rows[0], "accuracy": 0.8}, *rows[1:]])
    (line,) = check(logged, PARAMS)
    assert "tag content_hash differs" in line


def test_deleted_doubled_and_edited_runs_are_put_right(logged):
    first, second, third, *_ = runs()
    client().delete_run(first.info.run_id)
    twin = client().create_run(second.info.experiment_id, tags={"cell_key": second.data.tags["cell_key"]})
    client().set_terminated(twin.info.run_id)
    client().set_tag(third.info.run_id, "method", "another")
    lines = check(logged, PARAMS)
    assert sum("0 runs instead of 1" in line for line in lines) == 1
    assert sum("2 runs instead of 1" in line for line in lines) == 1
    assert sum("tag method differs" in line for line in lines) == 1 + 1  # the edited run and the twin
    assert counts(logged) == (1, 1, 3, 0)
    assert check(logged, PARAMS) == []


def test_runs_of_others_are_left_alone(logged):
    foreign = client().create_run(runs()[0].info.experiment_id, run_name="by hand")
    assert counts(logged) == (0, 0, 5, 0)
    assert client().get_run(foreign.info.run_id).info.lifecycle_stage == "active"


def test_a_deleted_database_and_a_deleted_experiment_are_rebuilt(logged):
    client().delete_experiment(runs()[0].info.experiment_id)
    assert check(logged, PARAMS) == ["experiment fake: not in MLflow; run `maskbank sync`"]
    assert counts(logged)[0] + counts(logged)[2] > 0
    assert check(logged, PARAMS) == []
    Path("mlflow.db").rename("elsewhere.db")
    assert check(logged, PARAMS) == [f"{store_uri()}: no such database; run `maskbank sync`"]


def test_figures_have_one_run_that_follows_them(logged):
    page = logged / "figures" / "curve.svg"
    page.parent.mkdir()
    page.write_text("<svg/>")
    assert check(logged, PARAMS) == ["report: 0 runs instead of 1"]
    reconcile(logged, PARAMS)
    (run,) = runs("tags.kind = 'report'")
    assert [file.path for file in client().list_artifacts(run.info.run_id, "figures")] == ["figures/curve.svg"]
    reconcile(logged, PARAMS)
    assert [again.info.run_id for again in runs("tags.kind = 'report'")] == [run.info.run_id]
    page.write_text("<svg></svg>")
    assert "not of these figures" in check(logged, PARAMS)[0]
    reconcile(logged, PARAMS)
    assert [again.info.run_id for again in runs("tags.kind = 'report'")] != [run.info.run_id]
    assert check(logged, PARAMS) == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "http://user:secret@no-such-host.invalid:5000"])
def test_an_unreachable_server_is_one_line_within_seconds(folder, monkeypatch, uri):
    write_cells(folder, five_cells())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    start = time.monotonic()
    with pytest.raises(WorkError, match=r"the records are kept.*maskbank sync") as caught:
        reconcile(folder, PARAMS)
    assert time.monotonic() - start < 15
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_one_line_at_once(folder):
    write_cells(folder, five_cells())
    Path("mlflow.db").write_text("this is text, and long enough to be told from a database " * 20)
    start = time.monotonic()
    with pytest.raises(WorkError, match="not a database"):
        reconcile(folder, PARAMS)
    assert time.monotonic() - start < 5


def test_two_processes_may_open_a_missing_database_together(folder):
    write_cells(folder, five_cells()[:2])
    for path in Path().glob("mlflow.db*"):
        path.unlink()
    Path("mlflow.db.new").write_text("what a killed process left")
    code = (
        "from pathlib import Path; from maskbank.config import Params, Track; "
        "from maskbank.tracking.reconcile import reconcile; "
        "print(reconcile(Path('reports'), Params(track=Track(experiment='fake', models=False))).created)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate()[0].strip() for process in both) == ["0", "2"]
    assert check(folder, PARAMS) == []


def test_the_receipt_tells_only_of_the_records(folder):
    write_cells(folder, five_cells())
    first, second = reconcile(folder, PARAMS), reconcile(folder, PARAMS)
    assert first.facts() == second.facts()
    assert first.line() != second.line()


def test_importing_the_room_imports_neither_mlflow_nor_torch_nor_dvc():
    code = (
        "import sys, maskbank.tracking.reconcile, maskbank.tracking.server; "
        "print([name for name in ('mlflow', 'torch', 'dvc') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_pinned_mlflow_is_the_one_measured():
    assert mlflow.__version__ == "3.17.2"
