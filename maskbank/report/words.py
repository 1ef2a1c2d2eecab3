"""Words and numbers as a reader sees them, the same in pages, tables and figures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.style import label
from maskbank.statistics.correlation import ABOVE_CHANCE, BY_LAYER, OVERLAP
from maskbank.statistics.studies.sparse import SETUP_WORDS
from maskbank.statistics.transfer import USUAL
from maskbank.statistics.verdict import HIGHER, LOWER, UNDERPOWERED

Row = Mapping[Any, Any] | pd.Series
NOTHING = "–"  # stands where there is no number
MDE = (
    "MDE: the smallest true difference that this test finds with 80 % power, after correction; (n …): where that is more than "
    "`compare.effect` of params, the n that would find it."
)
HOW_FAR = (
    "Pooled: Spearman's rank correlation over all models; its interval draws recipes with all their models, as models of one "
    "recipe are alike, and below 6 recipes there is none. Within: of what is left after each recipe's mean is taken off (of the "
    "logarithm of sharpness); its interval draws seeds, and below 6 seeds there is none. 95 % percentile bootstrap. No test."
)
SHARPER, FLATTER = "sharper", "flatter"
BEST = "*"  # marks the rival with the best validation score
TASK_SPLIT_WORDS = {"heldout": "held-out", "unseen": "unseen", "foreign": "foreign"}
KIND_WORDS = {
    "dense": "before compression", "unstructured": "unstructured pruning", "n:m": "N:M pruning", "blocks": "block pruning",
    "units": "structured pruning", "weights": "weights quantized", "activations": "weights and activations quantized",
}  # fmt: skip
STOP_WORDS = {"steps": "equal steps", "loss": "matched training loss"}
FORM_WORDS = {"trained": "as trained", "folded": "folded"}
BN_WORDS = {"kept": "BN kept", "reestimated": "BN re-estimated"}
METRIC_WORDS = {"accuracy": "accuracy", "map": "mAP", "miou": "mIoU", "bleu": "BLEU"}
BUDGET_WORDS = {"params": "by parameters", "macs": "by MACs", "bytes": "by bytes", "peak": "by peak memory"}
MEASURE_WORDS = {
    "hessian_top": "largest eigenvalue", "hessian_trace": "trace", "sharpness_adaptive": "adaptive sharpness",
}  # fmt: skip
SIMILARITY_WORDS = {
    "similarity_leep": "LEEP", "similarity_prototypes": "prototypes", "similarity_label_free": "label-free",
    "overlap": "mask overlap",
}  # fmt: skip
SPARSE_USUAL = ("unstructured", "uniform", NONE)  # patterns and allocations that go without saying


# numbers


def points(value: float | None, signed: bool = False) -> str:
    """A fraction in points, with a typographic minus."""
    return NOTHING if value is None else number(100 * value, 1, signed)


def number(value: float, digits: int = 2, signed: bool = False) -> str:
    """A number with a typographic minus; – where there is none."""
    return NOTHING if pd.isna(value) else f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")


def scientific(value: float, digits: int = 3) -> str:
    """Significant digits of a number of any size: 4.8e9."""
    return NOTHING if pd.isna(value) else f"{value:.{digits}g}".replace("-", "−").replace("e+0", "e").replace("e+", "e")


def percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def removed(budget: float) -> str:
    """0.1 kept is 90 %."""
    return percent(1 - budget)


def p_text(value: float | None) -> str:
    """A p-value; – where there is none."""
    if value is None or pd.isna(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(low: float | None, high: float | None, text: Callable[[Any], str]) -> str:
    """The two ends of an interval; – where there is none."""
    return NOTHING if pd.isna(low) else f"{text(low)} to {text(high)}"


def signed_points(value: float | None) -> str:
    return points(value, signed=True)


def between(row: Row, low: str = "ci_low", high: str = "ci_high") -> str:
    """An interval in points."""
    return interval(row[low], row[high], signed_points)


def ratio_interval(row: Row) -> str:
    return interval(row["ratio_low"], row["ratio_high"], number)


def correlation_text(value: float) -> str:
    return number(value, signed=True)


def interval_text(low: float, high: float) -> str:
    """An interval of a correlation."""
    return interval(low, high, correlation_text)


def span(values: Iterable[float], text: Callable[[float], str] = number) -> str:
    """The smallest and the largest of the known values; one of them where they read the same, "" where none is known."""
    known = [value for value in values if not pd.isna(value)]
    return " to ".join(dict.fromkeys([text(min(known)), text(max(known))])) if known else ""


def number_range(values: pd.Series) -> str:
    """The smallest and the largest count, such as 8–12; 0 of none."""
    return "–".join(dict.fromkeys(str(int(end)) for end in (values.min(), values.max()))) if len(values) else "0"


def mean_text(own: pd.DataFrame, measure: str) -> str:
    """Mean ± sd of one measure of pretrained models; `own` has a row a measure."""
    if measure not in own.index:
        return NOTHING
    text = points if measure in ("accuracy", "gap") else partial(number, digits=3)
    return " ± ".join(text(float(own[name][measure])) for name in ("mean", "sd"))


def spread_text(row: pd.Series | None, scale: float = 1, digits: int = 2) -> str:
    """mean ± sd (95 % interval); the interval is left out where there is none, – stands where there is no row."""
    if row is None:
        return NOTHING
    mean, sd, low, high = (number(scale * row[name], digits) for name in ("mean", "sd", "low", "high"))
    return f"{mean} ± {sd}" + ("" if low == NOTHING else f" ({low} to {high})")


def cost_text(own: pd.DataFrame, kind: str) -> str:
    """Median and range of a ratio: `2.00 (1.98–2.03)`; the range is left out where it is none."""
    if kind not in own.index or not own.n[kind]:
        return NOTHING
    text, low, high = (number(own[name][kind]) for name in ("median", "low", "high"))
    return text if low == high else f"{text} ({low}–{high})"


def names(values: Iterable[Any]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values) or "none"


def several(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def distinct(values: pd.Series) -> str:
    return names(sorted(values.unique()))


# contrasts


def verdict(row: Row, higher: str = HIGHER, lower: str = LOWER) -> str:
    """What one contrast shows, as the table of contrasts says it: of its left side against its right side."""
    inside = ", within the margin" if row["equivalent"] and row["verdict"] in (HIGHER, LOWER) else ""
    return {HIGHER: higher, LOWER: lower}.get(row["verdict"], str(row["verdict"])) + inside


def sign_words(low: float, high: float) -> str:
    """What a correlation with this interval shows: whether the interval holds 0."""
    if pd.isna(low):
        return f"{UNDERPOWERED}, no interval"
    return "positive" if low > 0 else "negative" if high < 0 else "none shown"


def detectable(row: Row) -> str:
    """The minimal detectable effect in points, and n where more units are needed to find `compare.effect`."""
    short = row["units_needed"] > row["n"]
    return points(row["minimal_detectable_effect"]) + (f" (n {row['units_needed']:,.0f})" if short else "")


def counted(verdicts: Sequence[str], what: str) -> str:
    """How often each verdict was given: `positive in 2 of 3 banks, none shown in 1`."""
    order = sorted(set(verdicts), key=lambda name: (-verdicts.count(name), name))
    (first, count), *rest = [(name, verdicts.count(name)) for name in order]
    if rest:
        return f"{first} in {count} of {len(verdicts)} {what}s, " + ", ".join(f"{name} in {n}" for name, n in rest)
    return f"{first} in " + {1: f"the one {what}", 2: f"both {what}s"}.get(count, f"all {count} {what}s")


def tallied(rows: Sequence[Row], what: str = "setting") -> str:
    """Differences and verdicts: `+0.4 to +1.2 points; higher in 2 of 3 settings, equivalent in 1`."""
    differences = span((row["difference"] for row in rows), signed_points)
    shown = f"{differences} points" if differences else "not measured"
    return "; ".join([shown, *([counted([verdict(row) for row in rows], what)] if rows else [])])


def status_words(row: Row) -> str:
    """Status, what is missing, and how many seeds were excluded."""
    excluded = f"; {several(row['excluded'], 'seed')} excluded" if row["excluded"] else ""
    return str(row["status"]) + (f": {row['missing']}" if row["missing"] else "") + excluded


# settings


def word(key: str, value: str) -> str:
    """One label of a setting as a reader sees it."""
    forms = {
        "tuning": value.replace("@", " by ") + " trials",
        "shots": f"{value} images a class",
        "bn": BN_WORDS.get(value, "no BN"),
        "budget_kind": BUDGET_WORDS.get(value, value),
    }
    return forms.get(key, label(value))


def setting_title(labels: Row, beside: pd.DataFrame) -> str:
    """Backbone and allocation, the data set, recipe and BN where they differ among those `beside`, and what is unusual."""
    shown = [key for key in ("dataset", "backbone", "recipe") if key == "backbone" or beside[key].nunique() > 1]
    shown += ["allocation", *(["bn"] if beside.bn.nunique() > 1 else [])]
    unusual = [key for key, usual in USUAL.items() if labels[key] not in usual]
    return ", ".join(word(key, str(labels[key])) for key in [*shown, *unusual])


def model_words(row: Row, *, dataset: bool = False) -> str:
    """Data set where asked, backbone, stop, form and BN handling; what does not apply is left out."""
    words = [label(str(row["dataset"]))] if dataset else []
    words.append(str(row["backbone"]))
    for key, known in (("stop", STOP_WORDS), ("form", FORM_WORDS), ("bn", BN_WORDS)):
        value = row.get(key, NONE)
        words += [known.get(value, str(value))] if value != NONE else []
    return ", ".join(words)


def task_words(row: Row) -> str:
    """Data set and backbone, and the metric where it is not accuracy."""
    metric = str(row.get("metric", "accuracy"))
    return ", ".join(
        [label(row["dataset"]), row["backbone"], *([] if metric == "accuracy" else [metric_words(metric)])]
    )


def metric_words(metric: str) -> str:
    return METRIC_WORDS.get(metric, metric.replace("_", " "))


def how_words(row: Row) -> str:
    """Setup, then pattern and allocation where they are not single weights, uniform, or do not apply."""
    words = [SETUP_WORDS.get(str(row["setup"]), str(row["setup"]))]
    words += [str(row["pattern"])] if row["pattern"] not in SPARSE_USUAL else []
    words += [label(str(row["allocation"]))] if row["allocation"] not in SPARSE_USUAL else []
    return ", ".join(words)


def focus_words(group: pd.DataFrame) -> str:
    """Task, setting and sparsity of arms at one sparsity; the dense reference may be among them."""
    sparse = group.sort_values("role", key=lambda role: role == "reference", kind="stable").iloc[0]
    return f"{task_words(sparse)}: {how_words(sparse)}, {removed(sparse.budget_asked)} removed"


def pair_words(row: Row) -> str:
    """GaP's method and the other, with a mark where that is the best rival."""
    return f"{label(row['method'])} − {label(row['rival'])}" + (BEST if row["best_rival"] else "")


def relation_words(labels: Iterable[Any]) -> str:
    """Data set, backbone, recipe and bank in one line; the recipe is left out where it is the plain one."""
    dataset, backbone, recipe, bank = map(str, labels)
    return f"{dataset}, {backbone}{'' if recipe == 'adam' else f' ({label(recipe)})'}, bank {bank}"


# what was pruned and measured


def point_words(row: Row) -> str:
    """One point of compression: `L1 90 % removed`, `L1 2:4`, `W4`, `W4A8`."""
    if row["budget_kind"] == "bits":
        return width_words(row)
    if row["kind"] == "n:m":
        return f"{label(row['method'])} {row['pattern']}"
    what = "" if row["budget_kind"] in ("weights", "units") else f" by {row['budget_kind']}"
    return f"{label(row['method'])} {removed(row['budget_asked'])} removed{what}"


def width_words(row: Row) -> str:
    """Bits of weights and activations: W8A8; activations that stay float32 are not said."""
    return f"W{row['budget_asked']:g}" + (f"A{row['activations']}" if row["activations"] != NONE else "")


def measure_words(measure: str) -> str:
    """`sharpness_adaptive rho 0.5` is adaptive sharpness, rho 0.5."""
    kind, _, setting = measure.partition(" ")
    return MEASURE_WORDS.get(kind, kind) + (f", {setting}" if setting else "")


def similarity_word(name: str) -> str:
    return SIMILARITY_WORDS.get(name, name.replace("_", " "))


def outcome_word(name: str) -> str:
    """A column of `relation_table` as a reader sees it."""
    kind, _, rest = name.partition("@")
    words = {OVERLAP: "overlap", ABOVE_CHANCE: "overlap above chance", BY_LAYER: f"overlap in {rest}"}
    return words.get(kind) or f"accuracy at T = {rest}"


CONTRAST: Mapping[str, Callable[[Row], str]] = {  # head of a column -> what it says of a contrast
    "difference": lambda row: signed_points(row["difference"]),
    "95 % interval": between,
    "n": lambda row: str(row["n"]),
    "p": lambda row: p_text(row["p"]),
    "p Holm": lambda row: p_text(row["p_holm"]),
    "MDE": detectable,
    "in words": verdict,
    "status": status_words,
}
