"""Engines: where cells run. Each takes (cell, key) pairs and yields (key, status) as they finish, in any order."""

import importlib
import multiprocessing
import multiprocessing.connection
import os
import resource
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from typing import Any

import torch
from pebble import ProcessExpired, ProcessPool

from maskbank.cells.machine import machine_class, numerics_class, resolve_precision
from maskbank.cells.result import Point, Result
from maskbank.cells.snapshots import Snapshots
from maskbank.cells.spec import Cell
from maskbank.cells.store import Store
from maskbank.config import Engine
from maskbank.errors import Diverged, InputError


@dataclass(frozen=True)
class Runtime:
    """What a cell function may know of the machine: nothing that its key depends on."""

    precision: str = "float32"
    device: str = "cpu"
    snapshots: Snapshots = field(default_factory=Snapshots)


def failure(cell: Cell, status: str, reason: str) -> Result:
    """A result of a cell that did not finish: a row for each evaluation point, so that counts add up."""
    return Result(points=[Point(steps, status, reason) for steps in cell.spec.points()])


def run_cell(cell: Cell, key: str, store: Store, precision: str, engine: Engine) -> str:
    """Run one cell in this process and store what it leaves; returns its status. Never raises for the cell's own fault."""
    cpu, wall = time.process_time(), time.perf_counter()
    snapshots = Snapshots(store.unfinished(key), engine.checkpoint_s, numerics_class(precision))
    function = importlib.import_module(cell.module).run
    try:
        result: Result = function(cell, Runtime(precision, engine.device, snapshots))
        status = next((point.status for point in result.points if point.status != "ok"), "ok")
    except Diverged as error:
        status, result = "diverged", failure(cell, "diverged", str(error))
    except InputError as error:
        status, result = "failed", failure(cell, "failed", str(error))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
        status, result = "failed", failure(cell, "failed", reason)
    timings = {
        "cpu_seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    result.timings = timings | result.timings
    store.put(cell, key, result, about(status, precision))
    snapshots.clear()
    return status


def about(status: str, precision: str) -> dict[str, str]:
    return {"status": status, "numerics_class": numerics_class(precision), "machine_class": machine_class()}


def start_worker() -> None:
    """One thread a process: two processes of one thread beat one process of two threads. Workers end with their parent."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=end_with, args=(parent.sentinel,), daemon=True).start()


def end_with(sentinel: int) -> None:
    """Wait for a process to end, then end this one at once."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def run_serial(jobs: Iterable[tuple[Cell, str]], store: Store, engine: Engine) -> Iterator[tuple[str, str]]:
    """One after the other in this process; no time limit."""
    start_worker()
    precision = resolve_precision(engine.precision)
    for cell, key in jobs:
        yield key, run_cell(cell, key, store, precision, engine)


def run_pool(jobs: Iterable[tuple[Cell, str]], store: Store, engine: Engine) -> Iterator[tuple[str, str]]:
    """A pool of spawned, warm workers, at most one a cell. A cell past its time, or whose worker dies, is stored as such."""
    jobs, precision = list(jobs), resolve_precision(engine.precision)
    workers = max(1, min(engine.workers or os.cpu_count() or 1, len(jobs)))
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=workers, context=context, initializer=start_worker) as pool:
        futures: dict[Any, tuple[Cell[Any], str]] = {
            pool.schedule(run_cell, args=(cell, key, store, precision, engine), timeout=engine.timeout_s): (cell, key)
            for cell, key in jobs
        }
        try:
            for future in as_completed(futures):
                cell, key = futures[future]
                try:
                    yield key, future.result()
                except FutureTimeout:
                    reason = f"not finished after {engine.timeout_s:g} s (engine.timeout_s)"
                    store.put(cell, key, failure(cell, "timeout", reason), about("timeout", precision))
                    yield key, "timeout"
                except ProcessExpired as error:
                    reason = f"the worker process died (exit code {error.exitcode}); out of memory?"
                    store.put(cell, key, failure(cell, "failed", reason), about("failed", precision))
                    yield key, "failed"
        except BaseException:
            pool.stop()
            raise


ENGINES = {"process": run_pool, "serial": run_serial}
