import socket

import pytest

from maskbank.config import Params
from maskbank.errors import WorkError
from maskbank.tracking import server
from maskbank.tracking.store import database_path, shown_uri, store_uri


def test_a_taken_port_gives_the_next_free_one():
    with socket.socket() as taken:
        taken.bind((server.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < server.free_port(port) < port + server.TRIES


def test_the_server_listens_on_loopback_with_one_worker():
    command = server.command("sqlite:///mlflow.db", 5000)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--workers") + 1] == "1"


def test_a_store_that_is_a_server_is_only_named(monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@tracking.example:8080")
    server.ui(Params())
    assert capsys.readouterr().out == "MLflow is a server already: https://***@tracking.example:8080\n"


def test_a_server_that_ends_at_once_is_a_work_error(folder, monkeypatch):
    monkeypatch.setattr(server, "command", lambda uri, port: ["false"])
    with pytest.raises(WorkError, match="did not start"):
        server.ui(Params(), server.free_port(5900))


@pytest.mark.parametrize("uri", ["sqlite:///mlflow.db", "sqlite:///./sub/../e", "sqlite:///a.db?timeout=5"])
def test_a_relative_database_is_made_absolute(tmp_path, monkeypatch, uri):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    path = database_path(store_uri())
    assert path is not None
    assert path.is_absolute()
    assert store_uri().partition("?")[2] == uri.partition("?")[2]
    assert shown_uri(store_uri()) == store_uri()
