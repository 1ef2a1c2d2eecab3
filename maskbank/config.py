"""params.yaml as frozen, validated models. Knows no torch; a profile is a params.yaml of differences to the defaults."""

import re
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from maskbank.errors import InputError
from maskbank.files import write_bytes
from maskbank.registry import (
    BACKBONES,
    COMPRESS,
    COMPRESSORS,
    MAKERS,
    METHODS,
    RECIPES,
    SCORES,
    SOURCES,
    SPARSIFIERS,
    Registry,
)  # fmt: skip

PROFILES = Path(__file__).parent / "profiles"
PARAMS = Path("params.yaml")

Fraction = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Bits = Annotated[int, Field(ge=2, le=16)]
Options = dict[str, int | float | bool | str]
Names = Annotated[list[str], Field(min_length=1)]
Seeds = Annotated[list[Count], Field(min_length=1)]
Allocation = Literal["uniform", "erk", "global", "global_macs", "isomorphic"]
BudgetKind = Literal["units", "params", "macs", "bytes", "peak"]
UnitPattern = Literal["units", "units:coupled", "units:all"]
Reconstruct = Literal["none", "mean", "bias", "merge"]
BatchNorm = Literal["reestimated", "kept"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Suite(Section):
    """What a board is called; a change of tasks, splits or steps is a new version (rule X10)."""

    name: str = "fashion-mnist-fewway"
    version: str = "2"
    profile: str = "default"
    budget_minutes: float = Field(
        10.0, gt=0, description="what this profile may cost on two cores; `plan` warns past it"
    )


class Engine(Section):
    """How cells are run. Nothing here is part of a cell's key."""

    kind: Literal["process", "serial"] = "process"
    workers: Count = Field(0, description="0: one a core")
    timeout_s: Rate = Field(3600.0, description="seconds one cell may take")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 autocast where the processor computes it natively, else float32"
    )


class Data(Section):
    source: str = "fashion_mnist"
    path: str | None = Field(
        None, description="file or folder of your own data (sources npz, imagefolder) or of a copy"
    )
    train_per_class: Positive | None = Field(None, description="null: all that validation leaves")
    validation_per_class: Positive = 200
    test_per_class: Positive | None = None
    size: Positive | None = Field(None, description="images are resized to this many pixels a side; null: as they are")
    seed: Count = 0


class Tasks(Section):
    """Few-way tasks. A split draws `targets` classes to transfer to; the bank is made from the other classes."""

    ways: Annotated[int, Field(ge=2)] = 3
    splits: Count = Field(8, description="0: no few-way tasks, for data sets of few classes")
    targets: Annotated[int, Field(ge=2)] = 4
    per_split: Positive = 3
    bank_per_split: Positive = 12
    unseen_splits: Count = Field(4, description="splits whose target classes the backbone never saw in pretraining")
    given_targets: list[list[Count]] = Field(
        [[0, 2, 4, 6]], description="target classes of the first splits; the rest are drawn"
    )
    seed: Count = 0

    @model_validator(mode="after")
    def fits(self) -> Self:
        if self.targets < self.ways:
            raise ValueError(f"targets {self.targets} must be at least ways {self.ways}")
        if self.unseen_splits > self.splits:
            raise ValueError(f"unseen_splits {self.unseen_splits} must be at most splits {self.splits}")
        if len(self.given_targets) > self.splits:
            raise ValueError(f"given_targets lists {len(self.given_targets)} sets, more than splits {self.splits}")
        return self


class Pretrain(Section):
    backbones: Names = ["resnet20", "vit"]
    recipes: dict[str, Names] = {"resnet20": ["adam", "snt"], "vit": ["adam"]}
    seeds: Seeds = [0, 1, 2]
    steps: Positive = 400
    batch: Positive = 64
    lr: Rate = 0.003
    crop: Count = Field(2, description="pixels of random shift; 0: none")
    flip: bool = True
    curve_points: Positive = 10


class CompressGrid(Section):
    """Methods x patterns x budgets ... on some of the pretrained nets. A budget is a fraction kept, or bits."""

    methods: Names
    budgets: Annotated[list[Rate], Field(min_length=1)]
    backbones: list[str] | None = Field(None, description="null: all that are pretrained")
    recipes: list[str] | None = Field(None, description="null: all that are pretrained")
    pattern: str = Field(
        "unstructured",
        pattern=r"^(unstructured|units|units:coupled|units:all|\d+:\d+|block:[1-9]\d*)$",
        description="unstructured, n:m, block:b; or units, units:coupled, units:all: removed for real",
    )
    allocation: Allocation = "global"
    schedule: str = Field(
        "one_shot",
        pattern=r"^(one_shot|(iterative|cubic|exponential):[1-9]\d*)$",
        description="or iterative, cubic, exponential with rounds: cubic:10",
    )
    budget_kind: BudgetKind = Field("units", description="of the patterns that remove units; others keep weights")
    reconstruct: Annotated[list[Reconstruct], Field(min_length=1)] = ["none"]
    bn: Annotated[list[BatchNorm], Field(min_length=1)] = ["reestimated"]
    attacked: bool = Field(False, description="measure robustness as compress.attack says")


class Attack(Section):
    """FGSM and PGD on the whole test set, L-infinity. `eps` in units of the pixels' range 0 to 1."""

    eps: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = [0.01, 0.03]
    steps: Positive = 10
    restarts: Positive = 1


class Compress(Section):
    """One-shot compression of each pretrained net, without fine-tuning."""

    grids: list[CompressGrid] = [
        CompressGrid(methods=["l1"], budgets=[0.5, 0.2, 0.1], bn=["reestimated", "kept"]),
        CompressGrid(methods=["quantize"], budgets=[8, 4], bn=["kept"]),
    ]
    options: dict[str, Options] = {}
    score_images: Positive = Field(256, description="training images that a score or reconstruction may look at")
    attack: Attack = Attack()


class Sparsify(Section):
    """Sparse training from scratch, at equal total steps. A budget is the fraction of prunable weights kept."""

    backbone: str = "resnet20"
    methods: list[str] = ["c_gap", "prune_from_dense"]
    options: dict[str, Options] = {"c_gap": {"partitions": 3, "rounds": 2}}
    allocation: Literal["uniform", "global"] = "uniform"
    budgets: Annotated[list[Fraction], Field(min_length=1)] = [0.2, 0.1]
    seeds: Seeds = [0, 1]
    steps: Positive = 400
    batch: Positive = 64
    lr: Rate = 0.003


class Prune(Section):
    """Masks of the bank tasks, learned on a frozen backbone."""

    makers: Names = ["amp"]
    options: dict[str, Options] = {}
    budget: Fraction = 0.1
    steps: Positive = 60
    batch: Positive = 32
    lr: Rate = 0.1
    seed: Count = 0


class TransferGrid(Section):
    budgets: Annotated[list[Fraction], Field(min_length=1)]
    allocations: Annotated[list[Allocation], Field(min_length=1)]
    bn: Annotated[list[BatchNorm], Field(min_length=1)] = ["reestimated"]
    reconstruct: Annotated[list[Reconstruct], Field(min_length=1)] = ["none"]


class Transfer(Section):
    """One-shot sub-networks for the target tasks, adapted for a few steps along one trajectory."""

    backbones: Names = ["resnet20"]
    recipe: str = "adam"
    pretrain_seeds: Seeds = [0]
    methods: Names = ["smsp", "universal", "random", "l2", "taylor", "dense"]
    options: dict[str, Options] = {"smsp": {"neighbours": 5}}
    budget_kind: BudgetKind = "units"
    pattern: UnitPattern = "units"
    grids: list[TransferGrid] = [
        TransferGrid(budgets=[0.2, 0.1, 0.05], allocations=["uniform", "global_macs"]),
        TransferGrid(budgets=[0.5], allocations=["uniform"]),
    ]
    steps: Annotated[list[Count], Field(min_length=1)] = [0, 10, 30]
    shots: Positive | None = Field(None, description="training images a class; null: all")
    score_images: Positive = 256
    batch: Positive = 64
    lr: Rate = 0.001
    seeds: Seeds = [0]

    @model_validator(mode="after")
    def ascending(self) -> Self:
        if sorted(set(self.steps)) != self.steps:
            raise ValueError(f"steps {self.steps} must ascend without repeats")
        return self


class Evaluate(Section):
    latency_methods: list[str] = ["smsp", "l2", "random"]
    latency_repeats: Annotated[int, Field(ge=5)] = 30
    latency_batch: Positive = 1
    calibration_bins: Positive = 15


class Compare(Section):
    """Statistics of the comparisons; a family is what Holm corrects over."""

    method: str = "smsp"
    against: Names = ["universal", "random", "l2", "taylor", "dense"]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    margin: Annotated[float, Field(gt=0, lt=1)] = Field(0.005, description="equivalence margin, as accuracy")
    resamples: Annotated[int, Field(ge=100)] = 10000
    seed: Count = 0


class Report(Section):
    title: str = "maskbank report"


class Track(Section):
    experiment: str = "maskbank"


class Params(Section):
    suite: Suite = Suite()
    engine: Engine = Engine()
    data: Data = Data()
    tasks: Tasks = Tasks()
    models: dict[str, Options] = {
        "resnet20": {"width": 16, "stem_stride": 2},
        "vit": {"dim": 48, "depth": 4, "heads": 3, "patch": 7},
    }
    pretrain: Pretrain = Pretrain()
    compress: Compress = Compress()
    sparsify: Sparsify = Sparsify()
    prune: Prune = Prune()
    transfer: Transfer = Transfer()
    evaluate: Evaluate = Evaluate()
    compare: Compare = Compare()
    report: Report = Report()
    track: Track = Track()


def check_grid(grid: CompressGrid, key: str) -> None:
    """One grid of the compress stage: methods that can do what the pattern asks, budgets in range."""
    structured = grid.pattern.startswith("units")
    if not structured and grid.allocation == "global_macs":
        raise InputError(
            f"{key}.allocation = 'global_macs': of units alone; for single weights use global, uniform or erk"
        )
    if not structured and grid.reconstruct != ["none"]:
        raise InputError(
            f"{key}.reconstruct = {grid.reconstruct}: patterns that remove units reconstruct; here use [none]"
        )
    for position, name in enumerate(grid.methods):
        COMPRESS.check(name, f"{key}.methods.{position}")
        quantizes = name in COMPRESSORS.names()
        if not quantizes and not structured and not SCORES.defines(name, "saliency"):
            able = ", ".join(each for each in SCORES.names() if SCORES.defines(each, "saliency"))
            raise InputError(f"{key}.methods.{position} = {name!r}: ranks units; for single weights choose from {able}")
        for place, budget in enumerate(grid.budgets):
            where = f"{key}.budgets.{place} = {budget:g}"
            if quantizes and (budget < 2 or budget > 16 or budget != int(budget)):
                raise InputError(f"{where}: {name} takes a whole number of bits, 2 to 16")
            if not quantizes and budget > 1:
                raise InputError(f"{where}: {name} takes a fraction above 0 and at most 1")
    if re.fullmatch(r"\d+:\d+", grid.pattern):
        kept, group = map(int, grid.pattern.split(":"))
        plain = grid.allocation == "uniform" and grid.schedule == "one_shot"
        if not 0 < kept < group or grid.budgets != [kept / group] or not plain:
            only = f"allocation uniform, schedule one_shot and budgets [{kept / max(group, 1):g}]"
            raise InputError(f"{key}.pattern = {grid.pattern}: n:m takes 0 < n < m, {only}")


def check_names(params: Params) -> None:
    """Check every name that params gives against its registry, and the names against one another."""

    def check_all(registry: Registry, names: list[str], options: dict[str, Options], key: str) -> None:
        for index, name in enumerate(names):
            registry.check(name, f"{key}.{index}")
        for name, chosen in options.items():
            registry.check_options(name, dict(chosen), f"{key.rsplit('.', 1)[0]}.options.{name}")

    SOURCES.check(params.data.source, "data.source")
    for name, chosen in params.models.items():
        BACKBONES.check_options(name, dict(chosen), f"models.{name}")
    check_all(BACKBONES, params.pretrain.backbones, {}, "pretrain.backbones")
    for backbone in params.pretrain.backbones:
        if backbone not in params.pretrain.recipes:
            raise InputError(f"pretrain.recipes.{backbone}: missing; give the recipes of each backbone, such as [adam]")
        check_all(RECIPES, params.pretrain.recipes[backbone], {}, f"pretrain.recipes.{backbone}")
    for index, grid in enumerate(params.compress.grids):
        check_grid(grid, f"compress.grids.{index}")
        for key, names in (("backbones", grid.backbones), ("recipes", grid.recipes)):
            known = (
                params.pretrain.backbones
                if key == "backbones"
                else sorted({r for every in params.pretrain.recipes.values() for r in every})
            )
            for position, name in enumerate(names or []):
                if name not in known:
                    raise InputError(
                        f"compress.grids.{index}.{key}.{position} = {name!r}: not pretrained; choose from {', '.join(known)}"
                    )
    for name, chosen in params.compress.options.items():
        COMPRESS.check_options(name, dict(chosen), f"compress.options.{name}")
    check_all(SPARSIFIERS, params.sparsify.methods, params.sparsify.options, "sparsify.methods")
    check_all(MAKERS, params.prune.makers, params.prune.options, "prune.makers")
    check_all(METHODS, params.transfer.methods, params.transfer.options, "transfer.methods")
    check_all(METHODS, params.evaluate.latency_methods, {}, "evaluate.latency_methods")
    for key, name in [("compare.method", params.compare.method)] + [
        (f"compare.against.{i}", name) for i, name in enumerate(params.compare.against)
    ]:
        if name not in params.transfer.methods:
            raise InputError(
                f"{key} = {name!r}: not among transfer.methods; choose from {', '.join(params.transfer.methods)}"
            )
    for key, backbones in (
        ("transfer.backbones", params.transfer.backbones),
        ("sparsify.backbone", [params.sparsify.backbone]),
    ):
        for name in backbones:
            if name not in params.pretrain.backbones:
                allowed = ", ".join(params.pretrain.backbones)
                raise InputError(f"{key} = {name!r}: not among pretrain.backbones; choose from {allowed}")
    for backbone in params.transfer.backbones:
        if params.transfer.recipe not in params.pretrain.recipes[backbone]:
            allowed = ", ".join(params.pretrain.recipes[backbone])
            raise InputError(
                f"transfer.recipe = {params.transfer.recipe!r}: not pretrained for {backbone}; choose from {allowed}"
            )
    for index, seed in enumerate(params.transfer.pretrain_seeds):
        if seed not in params.pretrain.seeds:
            raise InputError(
                f"transfer.pretrain_seeds.{index} = {seed}: not among pretrain.seeds {params.pretrain.seeds}"
            )


def validate(values: Any, origin: str) -> Params:
    """Values -> Params. The first thing wrong becomes one line: key = value: what is expected."""
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        if first["type"] == "extra_forbidden":
            allowed = ", ".join(known_keys(first["loc"]))
            raise InputError(
                f"{origin}: {key} = {first['input']!r}: unknown key; allowed here: {allowed}{more}"
            ) from None
        raise InputError(f"{origin}: {key} = {first['input']!r}: {first['msg']}{more}") from None
    try:
        check_names(params)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from None
    return params


def known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed beside an unknown one: those of the section that its path leads to."""
    section: type[BaseModel] = Params
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        annotation = section.model_fields[part].annotation
        inner = next((a for a in getattr(annotation, "__args__", ()) if isinstance(a, type)), annotation)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        section = inner
    return list(section.model_fields)


def read_yaml(path: Path) -> Any:
    try:
        return YAML(typ="safe").load(path.read_text()) or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; write it with `maskbank configure --profile default`") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}: not valid YAML{where}; mend it or run `maskbank configure`") from None


def load_params(path: Path = PARAMS) -> Params:
    return validate(read_yaml(path), str(path))


def profile_names() -> list[str]:
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def assign(values: dict[str, Any], assignment: str) -> None:
    """Set `a.b=c` in nested values; c is read as YAML."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise InputError(f"--set {assignment}: expected key=value, such as --set tasks.ways=5")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {assignment}: {parent} is a value, not a section")
    try:
        values[last] = YAML(typ="safe").load(text)
    except YAMLError:
        raise InputError(f"--set {assignment}: {text!r} is not valid YAML") from None


def profile_params(profile: str, assignments: list[str]) -> Params:
    """A profile with changes, validated."""
    if profile not in profile_names():
        raise InputError(f"--profile {profile}: no such profile; choose from {', '.join(profile_names())}")
    values = read_yaml(PROFILES / f"{profile}.yaml")
    for assignment in assignments:
        assign(values, assignment)
    values.setdefault("suite", {})["profile"] = profile
    return validate(values, f"profile {profile}")


def short_lists_flow(value: Any) -> Any:
    """The value with its lists of scalars marked to be written on one line."""
    if isinstance(value, dict):
        return {key: short_lists_flow(item) for key, item in value.items()}
    if isinstance(value, list):
        sequence = CommentedSeq(short_lists_flow(item) for item in value)
        if not any(isinstance(item, dict | list) for item in value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def write_params(params: Params, path: Path = PARAMS) -> None:
    """Write every key, also those at their defaults, so that DVC sees each change."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    stream.write("# Written by `maskbank configure`; edit freely, every key is checked before anything runs.\n")
    yaml.dump(short_lists_flow(params.model_dump()), stream)
    write_bytes(path, stream.getvalue().encode())
