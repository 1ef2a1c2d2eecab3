"""Small made-up records of banks, of the stage relate, and of transfer with controls and variants."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE, columns
from tests.report.fake import BASE

LAYERS = ("layer1.0.conv1", "layer2.0.conv1", "layer3.0.conv1")
BANKS = {"amp10": ("amp", 0.1, 60), "amp10_long": ("amp", 0.1, 200)}
GAIN = {
    "smsp": 0.06, "universal": 0.06, "random": -0.05, "random_neighbours": 0.03, "farthest": 0.0, "nearest": 0.04,
    "shuffled": -0.02, "scratch": -0.15, "oracle": 0.13, "l2": -0.06, "taylor": 0.075, "dense": 0.18,
}  # fmt: skip
ROLE = dict.fromkeys(GAIN, "control") | {"smsp": "method", "l2": "rival", "taylor": "rival", "dense": "reference"}
VARIANT_GAIN = {"m1": -0.03, "m8": 0.01}
STEPS = (0, 10)
Rows = list[dict[str, object]]


def kind(split: int) -> str:
    return "unseen" if split % 2 else "heldout"


def relate(generator: np.random.Generator, splits: int, entries: int = 8, tasks: int = 2) -> tuple[Rows, Rows]:
    """Rows of records and of metrics of `relate`: LEEP orders overlap and accuracy, with noise; prototypes do not."""
    rows, metrics = [], []
    for split in range(splits):
        for bank, (_, ratio, steps) in BANKS.items():
            near = generator.normal(size=entries)
            for task in range(tasks):
                key = f"relate-{bank}-{split}-{task}"
                rows.append({
                    "cell_key": key, "stage": "relate", "bank": bank, "task": f"t{task}", "task_split": kind(split),
                    "split": f"s{split}", "ways": 3.0, "budget_asked": ratio, "steps": 10, "dense_hash": f"d{split}",
                })  # fmt: skip
                values = entry_values(generator, near + generator.normal(0, 0.5, entries), split)
                values |= {("overlap_own", NONE): 0.33 + steps / 2000, ("accuracy_of_own", NONE): 0.9}
                metrics += rows_of(key, 10, values)
    return rows, metrics


def entry_values(generator: np.random.Generator, near: np.ndarray, split: int) -> dict[tuple[str, str], float]:
    """Measures of one target task with every entry of its bank; `near` [entries] is the similarity there is."""
    values: dict[tuple[str, str], float] = {}
    for number, similar in enumerate(near):
        entry = f"s{split}/b{number}"
        overlap = float(np.clip(0.12 + 0.03 * similar + generator.normal(0, 0.03), 0, 1))
        values |= {
            ("similarity_leep", entry): -1.2 + 0.1 * similar, ("similarity_prototypes", entry): generator.normal(),
            ("similarity_label_free", entry): similar + generator.normal(), ("overlap", entry): overlap,
            ("overlap_random", entry): 0.06,
            ("accuracy_of_entry", entry): float(np.clip(0.6 + overlap + generator.normal(0, 0.02), 0, 1)),
        }  # fmt: skip
        noise = generator.normal(0, 0.1, len(LAYERS))
        values |= {
            ("overlap_by_layer", f"{entry}|{layer}"): float(np.clip(overlap + each, 0, 1))
            for layer, each in zip(LAYERS, noise, strict=True)
        }
    return values


def prune(generator: np.random.Generator, splits: int, entries: int = 8) -> tuple[Rows, Rows]:
    """Rows of the masks of two bank recipes; the first two of each split were made again in other ways."""
    rows, metrics = [], []
    for split in range(splits):
        for bank, (maker, ratio, steps) in BANKS.items():
            for number in range(entries):
                for variant in ("default", "reseeded", "half_a", "half_b") if number < 2 else ("default",):
                    key = f"prune-{bank}-{split}-{number}-{variant}"
                    rows.append({
                        "cell_key": key, "stage": "prune", "method": maker, "role": "method", "bank": bank,
                        "variant": variant, "task": f"b{number}", "task_split": "bank", "split": f"s{split}",
                        "ways": 3.0, "budget_kind": "units", "budget_asked": ratio, "budget_achieved": ratio,
                        "steps": steps, "train_macs": 1e7 * steps, "accuracy": 0.8 + generator.normal(0, 0.02),
                    })  # fmt: skip
                if number < 2:
                    settings = ("all", *LAYERS)
                    means = {
                        "iou_reseeded": 0.2 + steps / 1000,
                        "iou_split_half": 0.15 + steps / 1000,
                        "iou_random": 0.06,
                    }
                    values = {
                        (metric, setting): float(np.clip(mean + generator.normal(0, 0.03), 0, 1))
                        for metric, mean in means.items()
                        for setting in settings
                    }
                    metrics += rows_of(f"prune-{bank}-{split}-{number}-default", steps, values)
    return rows, metrics


def rows_of(key: str, steps: int, values: dict[tuple[str, str], float]) -> Rows:
    return [
        {"cell_key": key, "steps": steps, "metric": metric, "setting": setting, "value": value}
        for (metric, setting), value in values.items()
    ]


def transfer(generator: np.random.Generator, splits: int, foreign: int = 0, tasks: int = 2) -> Rows:
    """Rows of transfer: every method at two budgets and allocations, controls at one budget; two variants of smsp."""
    rows: Rows = []
    for split in range(splits + foreign):
        of = {"task_split": kind(split), "split": f"s{split}", "leak": "none" if split % 2 else "backbone"}
        if split >= splits:
            of |= {"task_split": "foreign", "dataset": "kmnist"}
        shift = generator.normal(0, 0.03)
        for task in range(tasks):
            for method, gain in GAIN.items():
                for budget, allocation in points_of(method):
                    rows += one_cell(generator, method, gain + shift, budget, allocation, of | {"task": f"t{task}"})
            for variant, gain in VARIANT_GAIN.items():
                of_variant = of | {"task": f"t{task}", "variant": variant}
                rows += one_cell(generator, "smsp", GAIN["smsp"] + gain + shift, 0.1, "uniform", of_variant)
    return rows


def points_of(method: str) -> list[tuple[float, str]]:
    if ROLE[method] == "reference":
        return [(1.0, NONE)]
    budgets = (0.1,) if ROLE[method] == "control" and method not in ("universal", "random") else (0.2, 0.1)
    return [(budget, allocation) for budget in budgets for allocation in ("uniform", "global_macs")]


def one_cell(
    generator: np.random.Generator, method: str, gain: float, budget: float, allocation: str, given: dict[str, object]
) -> Rows:
    key = "-".join(map(str, ("transfer", method, budget, allocation, *given.values())))
    return [
        {
            "cell_key": key, "stage": "transfer", "method": method, "role": ROLE[method], "ways": 3.0,
            "allocation": allocation, "bn": "reestimated", "budget_kind": "units", "budget_asked": budget,
            "budget_achieved": budget, "steps": steps, "train_macs": 1e8 * steps * (5 if method == "dense" else 1),
            "selection_macs": {"smsp": 4e8, "taylor": 3e7, "oracle": 6e8}.get(method, 1e7), "bank": "amp10",
            "accuracy": float(np.clip(0.6 + gain + 0.01 * steps + generator.normal(0, 0.02), 0, 1)),
            **given,
        }
        for steps in STEPS
    ]  # fmt: skip


def frame_of(rows: Iterable[dict[str, object]]) -> pd.DataFrame:
    """Records of rows that name their cells; what they do not say is as in BASE."""
    return pd.DataFrame([BASE | row for row in rows], columns=columns("records"))


def metrics_of(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns("metrics"))


def timings_of(records: pd.DataFrame) -> pd.DataFrame:
    cells = records.drop_duplicates("cell_key").reset_index(drop=True)
    rows = pd.DataFrame({"cell_key": cells.cell_key, "cpu_seconds": 0.5 + cells.train_macs / 1e9})
    rows["selection_seconds"] = 0.01 + cells.selection_macs / 1e9
    rows["adaptation_seconds"], rows["wall_seconds"], rows["machine_class"] = 0.4, rows.cpu_seconds, "2 cores"
    return rows.reindex(columns=columns("timings"))


def relations(splits: int = 6, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Records and metrics of the stages prune and relate."""
    generator = np.random.default_rng(seed)
    related, pruned = relate(generator, splits), prune(generator, splits)
    return frame_of(related[0] + pruned[0]), metrics_of(related[1] + pruned[1])


def everything(splits: int = 8, foreign: int = 2, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Records, metrics and timings of prune, relate and transfer."""
    generator = np.random.default_rng(seed)
    related, pruned = relate(generator, splits), prune(generator, splits)
    records = frame_of(related[0] + pruned[0] + transfer(generator, splits, foreign))
    return records, metrics_of(related[1] + pruned[1]), timings_of(records)
