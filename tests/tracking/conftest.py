"""An empty MLflow database made once, copied for each test."""

import shutil
from pathlib import Path

import pytest

from maskbank.config import Params
from maskbank.tracking.store import database_path, open_store, store_uri


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("database")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        with open_store(Params(), make=False) as store:
            assert not store.experiment_id
    return folder / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for tables; the working directory above it has the default database, still empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = database_path(store_uri())
    assert path is not None
    shutil.copy(empty_database, path)
    return tmp_path / "reports"
