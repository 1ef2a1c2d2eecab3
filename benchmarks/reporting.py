"""What a report costs: `python benchmarks/reporting.py [--records 10000]`. Generated records, compare and report, one process.

Transfer records of 20 methods on 40 tasks in 10 splits: settings, budgets, steps and seeds until there are enough. Prints the
seconds of comparing and of reporting, of the wall and of the processor, the peak memory, and the size of the page.
"""

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from maskbank.config import Params
from maskbank.params import validate
from maskbank.records.load import write_tables
from maskbank.records.schema import NONE, SCHEMA_VERSION, TABLES, columns
from maskbank.report.comparison import read_facts, write_comparison
from maskbank.report.compose import write_report

METHODS = (
    "smsp", "universal", "random_neighbours", "farthest", "nearest", "shuffled", "magnitude_widths", "scratch", "class_gates",
    "mvp", "oracle", "random", "l1", "l2", "taylor", "fisher", "snip", "grasp", "iterative_taylor",
)  # fmt: skip
REFERENCE, CONTROLS = "dense", ("universal", "random", "shuffled", "oracle", "farthest", "nearest")
BUDGETS, STEPS, SPLITS, TASKS = (0.5, 0.2, 0.1, 0.05, 0.03), (0, 10, 30), 10, 4
AXES = ("seed", "allocation", "backbone", "bn", "recipe", "shots")  # what there is more of, until there are enough
MORE = {
    "seed": tuple(range(6)), "allocation": ("uniform", "global_macs"), "backbone": ("resnet20", "vit"),
    "bn": ("reestimated", "kept"), "recipe": ("adam", "snt"), "shots": (np.nan, 5.0, 10.0, 20.0),
}  # fmt: skip


def sizes(wanted: int) -> dict[str, int]:
    """How many values of each axis give at least so many records."""
    counts = dict.fromkeys(AXES, 1)
    whole = len(METHODS) * len(BUDGETS) * len(STEPS) * SPLITS * TASKS
    for axis in AXES:
        while counts[axis] < len(MORE[axis]) and whole * np.prod(list(counts.values())) < wanted:
            counts[axis] += 1
    return counts


def generated(wanted: int) -> dict[str, pd.DataFrame]:
    """Records with their metrics and timings: methods differ, tasks differ, and tasks agree with some methods."""
    generator, counts = np.random.default_rng(0), sizes(wanted)
    axes = {
        "method": [*METHODS, REFERENCE], "budget_asked": BUDGETS, "steps": STEPS, "split": [f"s{n}" for n in range(SPLITS)],
        "task": [f"t{n}" for n in range(TASKS)], **{axis: MORE[axis][: counts[axis]] for axis in AXES},
    }  # fmt: skip
    index = pd.MultiIndex.from_tuples(itertools.product(*axes.values()), names=list(axes))
    frame = index.to_frame(index=False).iloc[:wanted]
    dense = frame.method == REFERENCE
    frame = frame[
        ~dense | (frame.budget_asked == BUDGETS[0]) & (frame.allocation == "uniform") & (frame.bn == "reestimated")
    ]
    frame = frame.reset_index(drop=True)
    dense = frame.method == REFERENCE
    gain = pd.Series(generator.normal(0, 0.03, len(axes["method"])), axes["method"])
    hard = pd.Series(generator.normal(0, 0.05, SPLITS), axes["split"])
    accuracy = 0.7 + frame.method.map(gain) + frame.split.map(hard) + 0.04 * np.log2(frame.budget_asked.astype(float))
    frame["accuracy"] = np.clip(accuracy + generator.normal(0, 0.03, len(frame)), 0, 1)
    frame.loc[dense, ["budget_asked"]] = 1.0
    frame.loc[dense, ["allocation", "bn"]] = NONE
    roles = {**dict.fromkeys(CONTROLS, "control"), REFERENCE: "reference", "smsp": "method"}
    values = {
        "stage": "transfer", "profile": "generated", "dataset": "generated", "role": frame.method.map(roles).fillna("rival"),
        "variant": "default", "bank": NONE, "task_split": "heldout", "ways": 3.0, "pattern": "units", "schedule": NONE,
        "reconstruct": NONE, "form": NONE, "activation_bits": np.nan, "stop": NONE, "setup": "same-steps",
        "budget_kind": np.where(dense, NONE, "units"), "budget_achieved": frame.budget_asked, "pretrain_seed": 0.0,
        "status": "ok", "reason": "", "accuracy_dense": 0.8, "loss": 1.0, "params": 5e4, "params_dense": 2.7e5, "macs": 2e6,
        "macs_dense": 1e7, "bytes": 2e5, "train_macs": 1e9 * frame.steps, "selection_macs": 1e8, "tuning_macs": 0.0,
        "dense_hash": "d0", "splits_hash": frame.split, "evidence_hash": "e0", "code_version": "c0",
        "schema_version": SCHEMA_VERSION, "suite": "generated", "suite_version": "1", "tuning": "default", "trials": 1,
        "numerics_class": "float32", "leak": "backbone saw no target class",
    }  # fmt: skip
    cells = [name for name in axes if name != "steps"]
    number = frame.groupby(cells, dropna=False, sort=False).ngroup()
    frame = frame.assign(**values, cell_key=number.map("{:020d}".format))
    records = frame[columns("records")]
    metrics = records[["cell_key", "steps"]].assign(metric="test_reads", setting=NONE, value=1.0)
    keys = records[["cell_key"]].drop_duplicates()
    timings = keys.assign(cpu_seconds=1.0, wall_seconds=1.0, machine_class="generated").reindex(
        columns=columns("timings")
    )
    empty = {name: pd.DataFrame(columns=columns(name)) for name in TABLES}
    return empty | {"records": records, "metrics": metrics, "timings": timings}


def taken() -> tuple[float, float]:
    """Seconds on the wall, and of the processor."""
    return time.perf_counter(), time.process_time()


def between(start: tuple[float, float], end: tuple[float, float]) -> str:
    return f"{end[0] - start[0]:.1f} s ({end[1] - start[1]:.1f} s CPU)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    given = parser.parse_args()
    params: Params = validate({}, "generated")
    with tempfile.TemporaryDirectory() as name:
        folder, tables = Path(name), generated(given.records)
        write_tables(tables, folder)
        count = len(tables["records"])
        del tables
        clocks = [taken()]
        write_comparison(read_facts(folder, params), folder)
        clocks.append(taken())
        write_report(params, folder)
        clocks.append(taken())
        page = (folder / "index.html").stat().st_size / 2**20
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    spent = zip(("compare", "report", "both"), (clocks[:2], clocks[1:], clocks[::2]), strict=True)
    print(f"{count} records: " + ", ".join(f"{name} {between(*ends)}" for name, ends in spent))
    print(f"peak memory {memory:.2f} GiB, page {page:.2f} MiB")


if __name__ == "__main__":
    main()
