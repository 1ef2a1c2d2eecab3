"""Small made-up records that fit the schema, for tests of statistics and reports."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from maskbank.config import Params
from maskbank.records.load import write_tables
from maskbank.records.schema import NONE, TABLES, columns

GAIN = {"smsp": 0.06, "universal": 0.05, "random": -0.04, "l2": 0.0, "taylor": 0.055, "dense": 0.14}
ATTACKS = {"fgsm eps 0.03": 0.6, "pgd eps 0.03": 0.5}
ROLE = {"smsp": "method", "universal": "control", "random": "control", "dense": "reference"}
LARGEST_PAGE = 5_000_000  # bytes
BASE = {
    "profile": "test", "dataset": "fashion_mnist", "backbone": "resnet20", "recipe": "adam", "method": NONE,
    "role": "reference", "variant": "default", "bank": NONE, "task": NONE, "task_split": NONE, "split": NONE,
    "ways": np.nan, "shots": np.nan,
    "pattern": NONE, "allocation": NONE, "schedule": NONE, "reconstruct": NONE, "bn": NONE, "form": NONE,
    "activation_bits": np.nan, "stop": NONE, "setup": "same-steps",
    "budget_kind": NONE, "budget_asked": np.nan, "budget_achieved": np.nan, "steps": 0, "pretrain_seed": 0.0,
    "seed": 0, "status": "ok", "reason": NONE, "accuracy": np.nan, "accuracy_dense": np.nan, "loss": np.nan,
    "params": 5e4, "params_dense": 2.7e5, "macs": 2e6, "macs_dense": 1e7, "bytes": 2e5, "train_macs": 1e9,
    "selection_macs": 1e8, "tuning_macs": 0.0, "dense_hash": "d0", "splits_hash": "s0", "evidence_hash": "e0",
    "code_version": "c0",
    "schema_version": 4, "suite": "fake", "suite_version": "1", "tuning": "default", "trials": 1,
    "numerics_class": "float32", "leak": "backbone saw no target class",
}  # fmt: skip


def transfer(splits: int, generator: np.random.Generator, seeds: int = 1) -> list[dict]:
    """Two tasks a split; six methods; two allocations; T 0, 10, 30."""
    points = [(0.2, "uniform"), (0.1, "uniform"), (0.5, "uniform"), (0.2, "global_macs"), (0.1, "global_macs")]
    rows = []
    for split in range(splits):
        shift = generator.normal(0, 0.04)
        for task in range(2):
            for seed in range(seeds):
                for method, gain in GAIN.items():
                    for budget, allocation in [(1.0, NONE)] if method == "dense" else points:
                        for steps in (0, 10, 30):
                            falls = 0.05 * np.log2(budget) + 0.04 * np.sqrt(steps / 10)
                            noise = generator.normal(0, 0.03)
                            rows.append({
                                "stage": "transfer", "method": method, "role": ROLE.get(method, "rival"),
                                "task": f"t{task}",
                                "task_split": "heldout", "split": f"s{split}", "ways": 3.0, "allocation": allocation,
                                "bn": "reestimated" if allocation != NONE else NONE, "seed": seed,
                                "budget_kind": "units" if allocation != NONE else NONE, "budget_asked": budget,
                                "budget_achieved": budget * (1.02 if budget < 0.2 else 1), "steps": steps,
                                "accuracy": float(np.clip(0.6 + gain + shift + falls + noise, 0, 1)),
                                "accuracy_dense": 0.8, "splits_hash": f"s{split}", "dense_hash": f"d{split}",
                            })  # fmt: skip
    return rows


def others(generator: np.random.Generator, seeds: int = 3) -> list[dict]:
    """Pretraining, compression, sparse training, and one latency cell with its timing."""
    rows = []
    for seed in range(seeds):
        for recipe in ("adam", "snt"):
            own = {"recipe": recipe, "pretrain_seed": float(seed), "seed": seed, "method": NONE}
            accuracy = 0.85 + generator.normal(0, 0.005)
            rows.append({"stage": "pretrain", "steps": 400, "accuracy": accuracy, **own})
            for method, kind, budgets in (("l1", "weights", (0.5, 0.2, 0.1)), ("quantize", "bits", (8, 4))):
                for budget in budgets:
                    drop = 0.1 * (1 - budget) if kind == "weights" else 0.3 / budget
                    extra = {"budget_kind": kind, "budget_asked": float(budget), "budget_achieved": float(budget)}
                    found = accuracy - drop + generator.normal(0, 0.01)
                    for bn in ("reestimated", "kept") if kind == "weights" else ("kept",):
                        rows.append(
                            {
                                "stage": "compress",
                                "accuracy": found,
                                **own,
                                "method": method,
                                "pattern": "unstructured" if kind == "weights" else NONE,
                                "role": "method",
                                "bn": bn,
                                **extra,
                            }
                        )
    for seed in range(2):
        for method in ("c_gap", "prune_from_dense"):
            for budget in (0.2, 0.1):
                rows.append({
                    "stage": "sparsify", "method": method, "seed": seed, "allocation": "uniform",
                    "budget_kind": "weights",
                    "role": "method" if method == "c_gap" else "rival", "steps": 400, "pretrain_seed": np.nan,
                    "budget_asked": budget, "budget_achieved": budget, "accuracy": 0.8 + generator.normal(0, 0.01),
                })  # fmt: skip
    rows.append({"stage": "evaluate", "method": "smsp", "role": "method", "budget_asked": 0.1, "budget_kind": "units"})
    return rows


def structured(generator: np.random.Generator, seeds: int = 3) -> list[dict]:
    """Units removed by three methods at two budgets, with the dense control of each seed."""
    rows = [pruned("dense", 1.0, seed, 0.8 + generator.normal(0, 0.01), reconstruct=NONE) for seed in range(seeds)]
    for method, share in (("paoding", 0.95), ("l1", 0.9), ("random", 0.8)):
        for budget in (0.8, 0.5):
            for seed in range(seeds):
                accuracy = rows[seed]["accuracy"] * share * (1 if budget > 0.5 else 0.7) + generator.normal(0, 0.01)
                rows.append(pruned(method, budget, seed, accuracy))
    return rows


def pruned(method: str, budget: float, seed: int, accuracy: float, **others: object) -> dict:
    """A cell of structured pruning; `others` replace what is given here."""
    role = {"dense": "reference", "paoding": "method", "random": "control"}.get(method, "rival")
    return {
        "stage": "compress", "method": method, "role": role, "pattern": "units", "allocation": "uniform",
        "schedule": "one_shot", "reconstruct": "merge", "bn": "kept", "budget_kind": "units", "budget_asked": budget,
        "budget_achieved": budget, "pretrain_seed": float(seed), "seed": seed, "accuracy": accuracy,
    } | others  # fmt: skip


def frame_of(rows: list[dict]) -> pd.DataFrame:
    """Rows as records, each a cell of its own; what they do not say is as in BASE."""
    frame = pd.DataFrame(
        [BASE | row for row in rows], columns=[name for name in columns("records") if name != "cell_key"]
    )
    keys = pd.Series([f"cell{index:05d}" for index in range(len(frame))], index=frame.index, dtype=str)
    return frame.assign(cell_key=keys)[columns("records")]


def attacks(frame: pd.DataFrame, shares: dict[str, float] = ATTACKS) -> pd.DataFrame:
    """Metrics of structured cells that ended well: under each attack this share of their right answers is left."""
    whole = frame[frame.pattern.str.startswith("units") & (frame.stage == "compress") & frame.accuracy.notna()]
    rows = [
        {"cell_key": row.cell_key, "steps": row.steps, "metric": "robust_accuracy", "setting": attack, "value": left}
        for row in whole.itertuples()
        for attack, left in ((attack, row.accuracy * share) for attack, share in shares.items())
    ]
    return pd.DataFrame(rows, columns=columns("metrics"))


def records(splits: int = 8, seed: int = 0, seeds: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return frame_of(transfer(splits, generator, seeds) + others(generator) + structured(generator))


STUDY = {  # method -> role, gain, MACs of its selection
    "smsp": ("method", 0.06, 4e9), "l1": ("rival", -0.02, 0.0), "l2": ("rival", 0.0, 0.0),
    "fpgm": ("rival", -0.01, 0.0), "taylor": ("rival", 0.045, 2e9), "snip": ("rival", 0.02, 2e9),
    "iterative_taylor": ("rival", 0.05, 9e9), "universal": ("control", 0.04, 0.0), "random": ("control", -0.04, 0.0),
    "nearest": ("control", 0.03, 4e9), "farthest": ("control", -0.03, 4e9), "shuffled": ("control", -0.01, 4e9),
    "magnitude_widths": ("control", 0.01, 4e9), "scratch": ("control", -0.1, 4e9), "oracle": ("control", 0.1, 3e10),
    "dense": ("reference", 0.14, 0.0),
}  # fmt: skip
FEW = ("nearest", "farthest", "shuffled", "magnitude_widths", "scratch", "oracle")  # controls at 10 % kept only
RIVALS = ("smsp", "l2", "taylor", "dense")
GRID = ((0.2, "uniform"), (0.1, "uniform"), (0.05, "uniform"), (0.2, "global_macs"), (0.1, "global_macs"))


def study(splits: int = 8, seed: int = 0, foreign: int = 4) -> pd.DataFrame:
    """Transfer in full: 16 methods of which controls ran at one budget, half of the splits unseen, a foreign data set,
    tuned cells with their trials, few shots, and ablations. Rows that differ in T alone share a cell."""
    generator = np.random.default_rng(seed)
    names = [(f"s{split}", "unseen" if split % 2 else "heldout") for split in range(splits)]
    rows = cells(generator, tuple(STUDY), GRID, names)
    rows += cells(generator, RIVALS, GRID, [(f"s{split}", "foreign") for split in range(foreign)], dataset="kmnist")
    rows += cells(generator, RIVALS, GRID, names, tuning="tuned@4", trials=4, tuning_macs=2e10)
    rows += cells(generator, RIVALS, [(0.1, "uniform")], names, shots=5.0)
    for variant, bank, loss in (("m1", "amp", 0.03), ("votes", "amp", 0.0), ("bank4", "amp4", 0.02)):
        rows += cells(generator, ("smsp",), GRID[:2], names, variant=variant, bank=bank, loss=loss)
    for trial in range(4):
        rows += [
            {**row, "stage": "tune", "task_split": "validation"}
            for row in cells(generator, RIVALS, [(0.1, "uniform")], [("v0", "validation")], variant=f"trial{trial}")
        ]
    return keyed(frame_of(rows))


def cells(
    generator: np.random.Generator, methods: tuple[str, ...], points: Sequence[tuple[float, str]],
    splits: list[tuple[str, str]], loss: float = 0.0, **labels: object,
) -> list[dict]:  # fmt: skip
    """Two tasks a split; T 0, 10, 30. `labels` are given to all rows; `loss` is taken off their accuracy."""
    rows = []
    for split, kind in splits:
        shift = np.random.default_rng(int(split[1:])).normal(0, 0.04)  # alike for all rows of the split
        for method in methods:
            role, gain, selection = STUDY[method]
            own = [(0.1, where) for _, where in points[1:4:2]] if method in FEW else points
            for budget, allocation in [(1.0, NONE)] if role == "reference" else own:
                for task in ("t0", "t1"):
                    for steps in (0, 10, 30):
                        gained = (gain - loss) * (0.4 if steps == 30 else 1) + 0.04 * np.sqrt(steps / 10)
                        accuracy = 0.6 + gained + shift + 0.05 * np.log2(budget) + generator.normal(0, 0.02)
                        rows.append({
                            "stage": "transfer", "method": method, "role": role, "task": task, "task_split": kind,
                            "split": split, "ways": 3.0, "steps": steps, "allocation": allocation, "pattern": "units",
                            "bn": "reestimated", "budget_kind": NONE if role == "reference" else "units",
                            "bank": "amp" if selection == 4e9 else NONE, "budget_asked": budget,
                            "budget_achieved": budget, "accuracy": float(np.clip(accuracy, 0, 1)),
                            "accuracy_dense": 0.8, "splits_hash": split, "dense_hash": split,
                            "selection_macs": selection, "train_macs": 4e9 * budget * steps, **labels,
                        })  # fmt: skip
    return rows


def study_timings(frame: pd.DataFrame, speed: float = 1e10) -> pd.DataFrame:
    """Timings of `study`: what the MACs of each cell take at this speed, in MACs a second."""
    spent = frame.groupby("cell_key")[["selection_macs", "train_macs"]].max() / speed
    timings = tables(frame)["timings"].set_index("cell_key")
    parts = {"selection_seconds": spent.selection_macs, "adaptation_seconds": spent.train_macs}
    return timings.assign(**parts, cpu_seconds=spent.sum(axis=1)).reset_index()


def keyed(frame: pd.DataFrame) -> pd.DataFrame:
    """The same records with one cell key for rows that differ in T and what was measured at it."""
    measured = ["cell_key", "steps", "accuracy", "train_macs", "status", "reason"]
    same = frame.groupby([name for name in frame if name not in measured], dropna=False, sort=False).ngroup()
    return frame.assign(cell_key=[f"cell{number:05d}" for number in same])


def fail(frame: pd.DataFrame, mask: pd.Series) -> pd.DataFrame:
    """The same records with the cells of the mask failed."""
    return frame.assign(
        status=frame.status.mask(mask, "failed"),
        reason=frame.reason.mask(mask, "the loss was not finite at step 7"),
        accuracy=frame.accuracy.mask(mask),
    )


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables of a run around its records."""
    found = {name: pd.DataFrame(columns=columns(name)) for name in TABLES}
    keys = frame[["cell_key"]].drop_duplicates()
    latency = frame.drop_duplicates("cell_key").stage.eq("evaluate").to_numpy()
    found["timings"] = keys.assign(
        cpu_seconds=1.0, wall_seconds=1.0, selection_seconds=0.1, adaptation_seconds=0.3,
        latency_ms=np.where(latency, 1.0, np.nan),
        latency_low_ms=np.where(latency, 0.95, np.nan), latency_high_ms=np.where(latency, 1.1, np.nan),
        latency_dense_ms=np.where(latency, 2.0, np.nan), peak_memory_mb=300.0, machine_class="2 cores",
    )  # fmt: skip
    return found | {"records": frame, "metrics": attacks(frame)}


def small_params() -> Params:
    return Params.model_validate({"compare": {"resamples": 500}})


def write(folder: Path, frame: pd.DataFrame) -> None:
    write_tables(tables(frame), folder)
