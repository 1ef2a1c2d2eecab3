"""The MLflow page on this machine: loopback only, one worker, no job execution."""

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from maskbank.config import Params
from maskbank.errors import WorkError
from maskbank.tracking.store import QUIET, is_server, open_store, shown_uri, store_uri

HOST = "127.0.0.1"
TRIES = 50
PATIENCE_S = 60


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens at."""
    for port in range(first, min(first + TRIES, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise WorkError(f"port {first} and the {TRIES} after it are taken; choose another with --port")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def command(uri: str, port: int) -> list[str]:
    options = {"--backend-store-uri": uri, "--host": HOST, "--port": str(port), "--workers": "1"}
    return [sys.executable, "-m", "mlflow", "server", *(part for option in options.items() for part in option)]


def stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def ui(params: Params, port: int = 5000) -> None:
    """Serve the store until interrupted and print its address; if the store is itself a server, print where it is."""
    uri = store_uri()
    if is_server(uri):
        print(f"MLflow is a server already: {shown_uri(uri)}")
        return
    with open_store(params):
        port = free_port(port)
    environment = {**os.environ, **QUIET, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    before = signal.signal(signal.SIGTERM, stop)
    process = subprocess.Popen(
        command(uri, port), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise WorkError(f"the MLflow server did not start; try `{' '.join(command(shown_uri(uri), port))}`")
            time.sleep(0.2)
        print(f"MLflow: http://{HOST}:{port} (Ctrl+C stops it)", flush=True)
        process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        process.terminate()
        process.wait()
        signal.signal(signal.SIGTERM, before)
