"""Made-up sparse trainings with a known truth: arms, rates, workers of P-GaP, their curves and what they cost."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE, TABLES, columns
from tests.report.fake import BASE
from tests.report.fake_recipes import measures

TRUTH = {  # method -> role, share of the loss of sparsity that it suffers, live fraction over training
    "dense": ("reference", 0.0, "dense"), "c_gap": ("method", 0.7, "cyclic"), "p_gap": ("method", 0.9, "workers"),
    "gmp": ("rival", 0.8, "falls"), "prune_from_dense": ("rival", 1.0, "drops"), "imp": ("rival", 1.1, "falls"),
    "rigl": ("rival", 1.2, "fixed"), "set": ("rival", 1.25, "fixed"), "ac_dc": ("rival", 0.85, "turns"),
    "snip": ("rival", 1.3, "fixed"), "grasp": ("rival", 1.4, "fixed"), "synflow": ("rival", 1.35, "fixed"),
    "static": ("control", 1.5, "fixed"),
}  # fmt: skip
GAIN = {"restart": 0.004, "cosine": 0.0, "constant": -0.004}  # of a rate, on validation and on the test set
LAYERS = {
    "layer1.conv1": 1000,
    "layer1.conv2": 1000,
    "layer2.conv1": 2000,
    "layer10.fc": 4000,
}  # forward order, weights
REST = 800  # weights of layers that stay dense
PARTS, ROUNDS, STEPS = 2, 2, 100
IMAGES = ("fashion_mnist", "resnet20", "accuracy")
SHAPES = ("synthetic-shapes", "detector", "map")
Row = dict[str, object]
Curve = list[tuple[int, str, float]]


def sparse(
    methods: Sequence[str] = ("dense", "c_gap", "p_gap", "gmp", "prune_from_dense", "imp", "rigl"), seeds: int = 6,
    tasks: Sequence[tuple[str, str, str]] = (IMAGES,), budgets: Sequence[float] = (0.2, 0.1),
    rates: Sequence[str] = ("constant",), setups: Sequence[str] = ("same-steps",), allocations: Sequence[str] = ("uniform",),
    pattern: str = "unstructured", gains: dict[str, float] | None = None, noise: float = 0.002, seed: int = 0,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """All tables of a run of the stages sparsify and grow; `gains` are added to the score of a method below budget 1."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    metrics: list[Row] = []
    curves: list[Row] = []
    timings: list[Row] = []
    for (dataset, backbone, metric), setup, method in product(tasks, setups, methods):
        role, share, course = TRUTH[method]
        points = [(1.0, NONE)] if role == "reference" else list(product(budgets, allocations))
        for (budget, allocation), rate, unit in product(points, rates, range(seeds)):
            key = f"{dataset}-{backbone}-{setup}-{method}-{budget:g}-{allocation}-{rate}-{unit}"
            drop = 0.02 * share * np.log2(1 / budget)
            gain = (gains or {}).get(method, 0.0) if role != "reference" else 0.0
            base = 0.8 + GAIN[rate] - drop + gain + 0.01 * np.sin(unit)
            score, judged = (base + generator.normal(0, noise) for _ in range(2))
            arm = {
                "dataset": dataset, "backbone": backbone, "recipe": "scratch", "setup": setup, "method": method, "role": role,
                "pattern": NONE if role == "reference" else pattern, "allocation": allocation, "schedule": rate,
                "budget_kind": "weights", "budget_asked": budget, "budget_achieved": budget, "seed": unit,
                "pretrain_seed": np.nan,
            }  # fmt: skip
            live = sum(LAYERS.values())
            sizes = {"params": REST + budget * live, "params_dense": float(REST + live)}
            stretches = list(trainings(course, budget))
            total = sum(steps for _, _, steps, _ in stretches)
            for round_, worker, steps, own in stretches[:-1]:
                name = f"grow-{key}-{round_}-{worker}"
                end = {
                    "params": REST + own[-1][2] if own[-1][1] == "live_weights" else REST,
                    "params_dense": REST + live,
                }
                rows.append({
                    **arm, "cell_key": name, "stage": "grow", "variant": f"round {round_} worker {worker}", "steps": steps, **end
                })  # fmt: skip
                curves += [{"cell_key": name, "step": at, "metric": what, "value": value} for at, what, value in own]
                timings.append({"cell_key": name, "cpu_seconds": 2.0, "machine_class": "2 cores"})
            *_, (_, _, last, own) = stretches
            curves += [{"cell_key": key, "step": at, "metric": what, "value": value} for at, what, value in own]
            mean = np.mean([spent(each, steps) for _, _, steps, each in stretches])
            rows.append({
                **arm, **sizes, "cell_key": key, "stage": "sparsify", "steps": total,
                "accuracy": score if metric == "accuracy" else np.nan, "macs": 1e6 * budget, "macs_dense": 1e6,
                "bytes": 3e4, "train_macs": 3e6 * 64 * total * mean, "selection_macs": 1e8 if method == "snip" else 0.0,
            })  # fmt: skip
            values = {
                (f"validation_{metric}", NONE): judged, ("params_peak", NONE): REST + peak(stretches),
                ("sequential_steps", NONE): float(ROUNDS * stretches[0][2] + last if len(stretches) > 1 else total),
                ("checkpoint_bytes", "dense"): 40000.0, ("checkpoint_bytes", "masked"): 41000.0,
                ("checkpoint_bytes", "packed"): 4000 + 36000 * budget, ("test_reads", NONE): 1.0,
            } | ({} if metric == "accuracy" else {(metric, NONE): score})  # fmt: skip
            metrics += measures(key, total, values)
            timings.append({"cell_key": key, "cpu_seconds": 10.0, "machine_class": "2 cores"})
    found = {"records": rows, "metrics": metrics, "curves": curves, "timings": timings}
    tables = {name: pd.DataFrame(given, columns=columns(name)) for name, given in found.items()}
    frame = pd.DataFrame([BASE | row for row in rows], columns=columns("records"))
    return {name: pd.DataFrame(columns=columns(name)) for name in TABLES} | tables | {"records": frame}


def trainings(course: str, budget: float) -> Iterator[tuple[int, int, int, Curve]]:
    """Round, worker, steps and curves of each cell of one training; the last is that of the stage sparsify."""
    names = list(LAYERS)
    groups = [names[:2], names[2:]]
    turn = STEPS // (PARTS * ROUNDS + 1)
    sparse = dict.fromkeys(names, budget)
    if course == "workers":
        for round_, worker in product(range(ROUNDS), range(PARTS)):
            yield round_, worker, turn, curve([(0, sparse | dict.fromkeys(groups[worker], 1.0))], turn)
        yield -1, -1, turn, curve([(0, sparse)], turn)
        return
    phases = {
        "dense": [(0, dict.fromkeys(names, 1.0))], "fixed": [(0, sparse)],
        "drops": [(0, dict.fromkeys(names, 1.0)), (50, sparse)],
        "falls": [(at, dict.fromkeys(names, max(budget, 1 - at / 60))) for at in range(0, 75, 15)],
        "turns": [(at, dict.fromkeys(names, 1.0) if at in (0, 40) else sparse) for at in range(0, STEPS, 20)],
        "cyclic": [(turn * each, sparse | dict.fromkeys(groups[each % PARTS], 1.0)) for each in range(PARTS * ROUNDS)]
        + [(turn * PARTS * ROUNDS, sparse)],
    }[course]  # fmt: skip
    yield -1, -1, STEPS, curve(phases, STEPS, cyclic=course == "cyclic")


def curve(phases: list[tuple[int, dict[str, float]]], steps: int, cyclic: bool = False) -> Curve:
    """Rows where values change, as a training leaves them; the loss at ten points."""
    rows, shown = [], dict[str, float]()
    for number, (at, density) in enumerate(phases):
        values = {f"density/{name}": each for name, each in density.items()}
        values["live_weights"] = sum(size * density[name] for name, size in LAYERS.items())
        if cyclic and number < PARTS * ROUNDS:
            values["dense_partition"] = float(number % PARTS)
        rows += [(at, name, value) for name, value in values.items() if shown.get(name) != value]
        shown |= values
    rows += [(at, "train_loss", 2.0 / (1 + at / 20)) for at in range(steps // 10, steps + 1, steps // 10)]
    return sorted(rows, key=lambda row: (row[1] == "live_weights", row[1], row[0]))


def spent(rows: Curve, steps: int) -> float:
    """Mean live fraction over steps."""
    live = [(at, value) for at, name, value in rows if name == "live_weights"] + [(steps, 0.0)]
    return sum((end - at) * value for (at, value), (end, _) in pairwise(live)) / steps / sum(LAYERS.values())


def peak(stretches: list[tuple[int, int, int, Curve]]) -> float:
    return max(value for *_, rows in stretches for _, name, value in rows if name == "live_weights")


def failed(tables: dict[str, pd.DataFrame], mask: pd.Series) -> dict[str, pd.DataFrame]:
    """The same tables with the cells of the mask (over records) failed: nothing of them is measured."""
    frame = tables["records"]
    lost = set(frame[mask].cell_key)
    numbers = ["accuracy", "params", "params_dense", "macs", "macs_dense", "bytes", "train_macs", "selection_macs"]
    frame = frame.assign(
        status=frame.status.mask(mask, "failed"), reason=frame.reason.mask(mask, "the loss was not finite"),
        **{name: frame[name].mask(mask) for name in numbers},
    )  # fmt: skip
    kept = {
        name: tables[name][~tables[name].cell_key.isin(lost)].reset_index(drop=True) for name in ("metrics", "curves")
    }
    return tables | {"records": frame} | kept


def only(tables: dict[str, pd.DataFrame], mask: pd.Series) -> dict[str, pd.DataFrame]:
    """The same tables with the cells of the mask (over records) alone."""
    frame = tables["records"][mask].reset_index(drop=True)
    names = ("metrics", "curves", "timings")
    kept = {name: tables[name][tables[name].cell_key.isin(frame.cell_key)].reset_index(drop=True) for name in names}
    return tables | {"records": frame} | kept
