"""The MLflow store: where it is, one writer at a time, and errors of one line."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskbank.config import Params
from maskbank.errors import WorkError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DEFAULT_URI = "sqlite:///mlflow.db"
LOCK = Path(".maskbank") / "track.lock"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
# MLflow's own defaults retry for minutes. A server is greeted briefly, then given time for the work.
GREETING = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
WORKING = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
PAGE = 1000


@dataclass(frozen=True)
class Store:
    """An open experiment; its id is empty where it does not exist (only when opened with make=False)."""

    client: "MlflowClient"
    experiment_id: str

    def runs(self) -> "list[Run]":
        """All runs of the experiment that are not deleted, newest first."""
        if not self.experiment_id:
            return []
        return all_pages(
            lambda token: self.client.search_runs([self.experiment_id], max_results=PAGE, page_token=token)
        )


def all_pages(search: Callable[[str | None], Any]) -> list[Any]:
    """What a search of MLflow finds on all its pages; `search` takes a page's token."""
    found: list[Any] = []
    token = None
    while True:
        page = search(token)
        found.extend(page)
        token = page.token
        if not token:
            return found


def store_uri() -> str:
    """MLFLOW_TRACKING_URI, else a file in the working directory; a relative sqlite path is made absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    path = database_path(uri)
    query = uri.partition("?")[2]
    return f"sqlite:///{path.absolute()}{'?' if query else ''}{query}" if path else uri


def is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def shown_uri(uri: str) -> str:
    """The URI without a password."""
    return re.sub(r"//[^/@]*@", "//***@", uri)


def database_path(uri: str) -> Path | None:
    """The file of a sqlite URI; None for a server, another database or one in memory."""
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(path) if uri.startswith("sqlite:///") and path not in ("", ":memory:") else None


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for a while; those that the user has set win."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def one_line(uri: str) -> Iterator[None]:
    """Turn what MLflow and its database raise into a WorkError of one line."""
    foreign = (import_module("mlflow.exceptions").MlflowException, import_module("sqlalchemy.exc").SQLAlchemyError)
    try:
        yield
    except (*foreign, sqlite3.Error, OSError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise WorkError(
            f"MLflow at {shown_uri(uri)} did not answer as it should ({shown_uri(first)}); "
            "the records are kept: mend it and run `maskbank sync` again"
        ) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def relaxed_commits() -> Iterator[None]:
    """sqlite connections opened inside do not wait for the disk at each of a run's six commits.

    Only with a write-ahead log: there a power cut may lose the last commits, never the database.
    """
    event, engine = import_module("sqlalchemy.event"), import_module("sqlalchemy.engine").Engine

    def relax(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection) and connection.execute("PRAGMA journal_mode").fetchone() == (
            "wal",
        ):
            connection.execute("PRAGMA synchronous = NORMAL")

    event.listen(engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(engine, "connect", relax)


def open_database(path: Path) -> None:
    """Make a missing database; refuse at once a file that is none, where MLflow would retry for long.

    The tables are made under another name: MLflow cannot mend a database whose making was cut short.
    """
    if not path.exists() or path.stat().st_size == 0:
        unfinished = path.with_name(path.name + ".new")
        for leftover in path.parent.glob(unfinished.name + "*"):
            leftover.unlink()
        uri = f"sqlite:///{unfinished}"
        import_module("mlflow").MlflowClient(tracking_uri=uri, registry_uri=uri)
        unfinished.replace(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")


def close_database(path: Path) -> None:
    """Move what the write-ahead log holds into the file, so that the file alone can be copied."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def get_experiment(client: "MlflowClient", name: str, make: bool, path: Path | None) -> str:
    """The experiment's id; if `make`, a deleted one is restored and a missing one made."""
    with environment(GREETING):
        found = client.get_experiment_by_name(name)
    if found is None:
        beside = (path.parent / "mlruns").resolve().as_uri() if path else None
        return client.create_experiment(name, artifact_location=beside) if make else ""
    if found.lifecycle_stage == "deleted":
        if not make:
            return ""
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


@contextmanager
def open_store(params: Params, make: bool = True) -> Iterator[Store]:
    """The experiment of params, under a lock; made if `make`. Raises WorkError if the store does not answer."""
    uri = store_uri()
    path = database_path(uri)
    lock = path.with_name(path.name + ".lock") if path else LOCK
    with environment(QUIET), one_line(uri), locked(lock), relaxed_commits():
        if path:
            open_database(path)
        client = import_module("mlflow").MlflowClient(tracking_uri=uri, registry_uri=uri)
        with environment(WORKING):
            yield Store(client, get_experiment(client, params.track.experiment, make, path))
        if path:
            close_database(path)
