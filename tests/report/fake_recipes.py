"""Made-up models of several pretraining recipes: trained, compressed, their sharpness measured, with a known truth."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE, TABLES, columns
from tests.report.fake import BASE

TRUTH = {  # recipe -> dense accuracy more than Adam's, share of Adam's drop, sharpness and cost relative to Adam's
    "adam": (0.0, 1.0, 1.0, 1.0), "snt": (0.004, 0.7, 0.6, 1.02), "sam": (0.012, 0.75, 0.4, 2.0),
    "asam": (0.01, 0.8, 0.45, 2.02), "cram": (0.0, 0.5, 0.55, 2.1), "snt_sam": (0.013, 0.6, 0.35, 2.05),
    "reparam": (0.002, 1.05, 1.1, 1.3), "adam_long": (0.015, 1.1, 1.3, 2.0), "shallow": (-0.02, 0.95, 0.7, 0.98),
}  # fmt: skip
LOSS_STOP = 0.2
SPARSITIES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
WIDTHS = (8.0, 4.0, 3.0, 2.0)
BOTH = ((8.0, 8.0), (6.0, 6.0), (4.0, 8.0))  # bits of weights, of activations
Row = dict[str, object]


def recipes(
    names: Sequence[str] = ("adam", "snt", "sam"), seeds: int = 6, backbones: Sequence[str] = ("resnet20",),
    stops: Sequence[str] = ("steps",), forms: Sequence[str] = ("trained",), landscape: int = 0, seed: int = 0,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """All tables of a run with the stages pretrain, compress and sharpness; `landscape` points a side."""
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    metrics: list[Row] = []
    timings: list[Row] = []
    for number, (backbone, stop, recipe, unit) in enumerate(
        (backbone, stop, recipe, unit) for backbone in backbones for stop in stops for recipe in names for unit in range(seeds)
    ):  # fmt: skip
        key = f"{backbone}-{stop}-{recipe}-{unit}"
        model = {
            "backbone": backbone, "stop": stop, "recipe": recipe, "pretrain_seed": float(unit), "seed": unit,
            "dense_hash": f"d{number}",
        }  # fmt: skip
        gain, _, sharp, cost = TRUTH[recipe]
        accuracy = 0.85 + gain + 0.004 * np.sin(unit) + generator.normal(0, 0.002)
        steps = 400 * (2 if recipe == "adam_long" else 1) + (20 * unit if stop == "loss" else 0)
        macs = 1e9 * steps * (cost if recipe != "adam_long" else 1.0)
        rows.append({
            "cell_key": f"pretrain-{key}", "stage": "pretrain", "method": "dense", "role": "reference", "steps": steps,
            "accuracy": accuracy, "loss": 0.5, "train_macs": macs, **model,
        })  # fmt: skip
        measured = {
            "train_accuracy": accuracy + 0.06 - 2 * gain, "train_loss": LOSS_STOP * 0.95 if stop == "loss" else 0.15 + gain,
            "validation_accuracy": accuracy, "validation_loss": 0.5,
        } | ({"stop_loss_reached": 1.0} if stop == "loss" else {})  # fmt: skip
        metrics += measures(f"pretrain-{key}", steps, {(name, NONE): value for name, value in measured.items()})
        timings.append(timing(f"pretrain-{key}", macs / 1e9 * (1 + generator.normal(0, 0.01))))
        rows += list(compressed(key, model, accuracy, forms, generator))
        rows.append(
            {"cell_key": f"sharpness-{key}", "stage": "sharpness", "method": "dense", "role": "reference", **model}
        )
        base = sharp * float(np.exp(generator.normal(0, 0.1)))
        metrics += measures(f"sharpness-{key}", 0, sharpness(base, landscape if unit == 0 else 0, generator))
    frame = pd.DataFrame([BASE | row for row in rows], columns=columns("records"))
    timed = {str(row["cell_key"]) for row in timings}
    timings += [timing(key, 1.0) for key in frame.cell_key if key not in timed]
    return {name: pd.DataFrame(columns=columns(name)) for name in TABLES} | {
        "records": frame,
        "metrics": pd.DataFrame(metrics, columns=columns("metrics")),
        "timings": pd.DataFrame(timings, columns=columns("timings")),
    }


def compressed(
    key: str, model: Row, accuracy: float, forms: Iterable[str], generator: np.random.Generator
) -> Iterator[Row]:
    """Rows of one model at every point of compression, in each form; drops are a recipe's share of Adam's."""
    share = TRUTH[str(model["recipe"])][1]
    for form in forms:
        norms = ("reestimated", "kept") if form == "trained" and model["backbone"] != "vit" else (NONE,)
        for bn in norms:
            worse = 1.5 if bn == "kept" else 1.0
            for point, drop in points():
                if bn == "reestimated" and point["budget_kind"] == "bits":
                    continue
                left = max(accuracy - worse * share * drop + generator.normal(0, 0.004), 0.1)
                name = "-".join(str(value) for value in point.values())
                yield {
                    "cell_key": f"compress-{key}-{form}-{bn}-{name}", "stage": "compress", "role": "rival", **model,
                    "form": form, "bn": bn, "accuracy": left, "budget_achieved": point["budget_asked"], **point,
                }  # fmt: skip


def points() -> Iterator[tuple[Row, float]]:
    """Points of compression with what each costs a model of Adam's."""
    pruned = {"schedule": "one_shot", "budget_kind": "weights", "allocation": "global"}
    for method, harm in (("l1", 1.0), ("wanda", 0.9)):
        for sparsity in SPARSITIES:
            point = {"method": method, "pattern": "unstructured", "budget_asked": round(1 - sparsity, 3)}
            yield pruned | point, harm * 0.4 * sparsity**4
    for pattern, drop in (("2:4", 0.03), ("4:8", 0.02)):
        yield pruned | {"method": "l1", "pattern": pattern, "budget_asked": 0.5}, drop
    for kept in (0.9, 0.7, 0.5):
        sliced = {"method": "l1", "pattern": "units", "budget_kind": "units", "allocation": "uniform"}
        yield pruned | sliced | {"budget_asked": kept}, 0.5 * (1 - kept)
    for bits in WIDTHS:
        yield {"method": "quantize", "budget_kind": "bits", "budget_asked": bits}, 0.8 / bits**2
    for bits, activations in BOTH:
        both = {"method": "quantize", "budget_kind": "bits", "budget_asked": bits, "activation_bits": activations}
        yield both, 1.0 / bits**2


def sharpness(base: float, landscape: int, generator: np.random.Generator) -> dict[tuple[str, str], float]:
    """Metrics of one sharpness cell; `base` is 1 for Adam."""
    noisy = np.exp(generator.normal(0, 0.1, 3))
    values = {
        ("hessian_top", NONE): 40 * base * noisy[0], ("hessian_trace", NONE): 900 * base * noisy[1],
        ("hessian_trace_se", NONE): 20.0, ("sharpness_loss", NONE): 0.15,
        ("sharpness_adaptive", "rho 0.5"): 0.3 * base * noisy[2],
    }  # fmt: skip
    places = np.linspace(-1, 1, landscape)
    values |= {("landscape_line", f"{x:g}"): 0.15 + base * x**2 + 0.1 * base * x**3 for x in places}
    values |= {
        ("landscape_loss", f"{x:g} {y:g}"): 0.15 + base * (x**2 + 0.6 * y**2 + 0.4 * x * y)
        for x in places
        for y in places
    }
    return values


def measures(key: str, steps: int, values: dict[tuple[str, str], float]) -> list[Row]:
    return [
        {"cell_key": key, "steps": steps, "metric": metric, "setting": setting, "value": value}
        for (metric, setting), value in values.items()
    ]


def timing(key: str, seconds: float) -> Row:
    return {
        "cell_key": key, "cpu_seconds": seconds * 1.1, "wall_seconds": seconds, "adaptation_seconds": seconds,
        "machine_class": "2 cores",
    }  # fmt: skip


def failed(tables: dict[str, pd.DataFrame], mask: pd.Series) -> dict[str, pd.DataFrame]:
    """The same tables with the cells of the mask (over records) failed."""
    frame = tables["records"]
    lost = set(frame[mask].cell_key)
    return tables | {
        "records": frame.assign(
            status=frame.status.mask(mask, "failed"), reason=frame.reason.mask(mask, "the loss was not finite"),
            accuracy=frame.accuracy.mask(mask),
        ),
        "metrics": tables["metrics"][~tables["metrics"].cell_key.isin(lost)].reset_index(drop=True),
    }  # fmt: skip


def not_reached(tables: dict[str, pd.DataFrame], recipe: str, unit: int) -> dict[str, pd.DataFrame]:
    """The same tables where one model of stop "loss" did not reach that loss."""
    frame, metrics = tables["records"], tables["metrics"]
    own = frame[(frame.stage == "pretrain") & (frame.recipe == recipe) & (frame.seed == unit) & (frame.stop == "loss")]
    mask = metrics.cell_key.isin(set(own.cell_key)) & (metrics.metric == "stop_loss_reached")
    return tables | {"metrics": metrics.assign(value=metrics.value.mask(mask, 0.0))}
