"""params.yaml as frozen, validated models: the sections and their defaults. Knows no torch."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from maskbank.hypotheses import HYPOTHESES, Declared
from maskbank.section import Fraction, Names, Rate, Section

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Bits = Annotated[int, Field(ge=2, le=16)]
Options = dict[str, int | float | bool | str]
Seeds = Annotated[list[Count], Field(min_length=1)]
Ways = Annotated[
    list[Annotated[int, Field(ge=2)]],
    BeforeValidator(lambda given: given if isinstance(given, list) else [given]),
    Field(min_length=1),
]
Allocation = Literal["uniform", "erk", "global", "global_macs", "isomorphic"]
BudgetKind = Literal["units", "params", "macs", "bytes", "peak"]
UnitPattern = Literal["units", "units:coupled", "units:all"]
Reconstruct = Literal["none", "mean", "bias", "merge"]
BatchNorm = Literal["reestimated", "kept"]
Form = Literal["trained", "folded"]
Stop = Literal["steps", "loss"]


class Suite(Section):
    """What a board is called; a change of tasks, splits or steps is a new version (rule X10)."""

    name: str = "fashion-mnist-fewway"
    version: str = "4"
    profile: str = "default"
    budget_minutes: float = Field(
        10.0, gt=0, description="what this profile may cost on two cores; `plan` warns past it"
    )


class Engine(Section):
    """How cells are run. Nothing here is part of a cell's key."""

    kind: Literal["process", "serial"] = "process"
    workers: Count = Field(0, description="0: one a core")
    timeout_s: Rate = Field(3600.0, description="seconds one cell may take")
    device: str = Field(
        "cpu",
        pattern=r"^(cpu|mps|cuda(:\d+)?)$",
        description="where pretraining computes; all else is on the processor",
    )
    checkpoint_s: Annotated[float, Field(ge=0)] = Field(
        60.0, description="seconds between the checkpoints that a killed training goes on from"
    )
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

    @property
    def name(self) -> str:
        """What records call the data set: the source, and of your own data the file or folder."""
        return self.source if self.path is None else f"{self.source}:{Path(self.path).name.split('.')[0]}"


class Tasks(Section):
    """Few-way tasks. A split draws `targets` classes to transfer to; the bank is made from the other classes.

    Numbers of tasks are for each of `ways`.
    """

    ways: Ways = Field([3], description="classes a task; several: tasks of each, as [3, 5, 10]")
    splits: Count = Field(8, description="0: no few-way tasks, for data sets of few classes")
    targets: Annotated[int, Field(ge=2)] = 4
    per_split: Positive = 3
    bank_per_split: Positive = 12
    unseen_splits: Count = Field(4, description="splits whose target classes the backbone never saw in pretraining")
    validation_splits: Count = Field(0, description="further splits, for tuning alone")
    foreign_per_split: Positive = Field(1, description="tasks of the data set `foreign`, if there is one")
    given_targets: list[list[Count]] = Field(
        [[0, 2, 4, 6]], description="target classes of the first splits; the rest are drawn"
    )
    seed: Count = 0

    @model_validator(mode="after")
    def fits(self) -> Self:
        if self.targets < max(self.ways):
            raise ValueError(f"targets {self.targets} must be at least ways {max(self.ways)}")
        if self.unseen_splits > self.splits:
            raise ValueError(f"unseen_splits {self.unseen_splits} must be at most splits {self.splits}")
        if len(self.given_targets) > self.splits:
            raise ValueError(f"given_targets lists {len(self.given_targets)} sets, more than splits {self.splits}")
        return self


class Pretrain(Section):
    backbones: Names = ["resnet20", "vit"]
    recipes: dict[str, Names] = {"resnet20": ["adam", "snt"], "vit": ["adam"]}
    options: dict[str, Options] = Field({}, description="of recipes")
    seeds: Seeds = [0, 1, 2]
    steps: Positive = 400
    stop_loss: dict[str, Rate] = Field(
        {}, description="backbones whose nets are trained a second time, until their training loss is this low"
    )
    batch: Positive = 64
    lr: Rate = 0.003
    train_images: Positive = Field(1000, description="training images that training loss and accuracy are measured on")
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
    forms: Annotated[list[Form], Field(min_length=1)] = Field(
        ["trained"], description="the net as it was trained, or folded to an ordinary one: BatchNorm, branches"
    )
    activation_bits: Bits | None = Field(None, description="of quantize: activations too; null: weights alone")
    stops: Annotated[list[Stop], Field(min_length=1)] = Field(
        ["steps"], description="nets trained for a number of steps, or to the loss of pretrain.stop_loss"
    )
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


class Sharpness(Section):
    """How flat the minima of the pretrained nets are, on training images, in eval mode."""

    backbones: list[str] = Field([], description="none: the stage has no cells")
    recipes: list[str] | None = Field(None, description="null: all that are pretrained")
    stops: Annotated[list[Stop], Field(min_length=1)] = ["steps"]
    images: Positive = Field(512, description="training images that loss and its derivatives are taken over")
    eigen_steps: Positive = Field(
        30, description="Hessian products, at most, for the largest eigenvalue; 5 to 10 are usual"
    )
    trace_samples: Positive = Field(8, description="random vectors of the trace's estimate")
    rho: Annotated[list[Rate], Field(min_length=1)] = Field([0.1, 0.25], description="radii of adaptive sharpness")
    group: Positive = Field(64, description="m of m-sharpness: images that are perturbed together")
    ascent_steps: Positive = Field(5, description="of each of the two climbs in a ball")
    landscape: Count = Field(0, description="points a side of the loss landscape of the first seed's nets; 0: none")
    span: Rate = Field(0.5, description="half the side of the landscape, in filter-normalised units")


class SparsifyGrid(Section):
    """Methods x budgets x ... of sparse training. A budget is the fraction of prunable weights kept."""

    methods: Names
    backbones: Names | None = Field(None, description="null: all of sparsify.backbones")
    workload: str = Field("images", description="images of the data set; or what is trained for, with its own net")
    budgets: Annotated[list[Fraction], Field(min_length=1)] = [0.2, 0.1]
    allocations: Annotated[list[Literal["uniform", "erk", "global"]], Field(min_length=1)] = ["uniform"]
    pattern: str = Field(
        "unstructured",
        pattern=r"^(unstructured|channel|\d+:\d+|block:[1-9]\d*)$",
        description="unstructured, n:m, block:b, or channel: whole outputs, masked",
    )
    rates: Annotated[list[Literal["restart", "cosine", "constant"]], Field(min_length=1)] = Field(
        ["constant"],
        description="restart: warm-up and cosine in each phase; cosine: over all steps; constant: then a cosine in the fine-tune",
    )
    setups: Annotated[list[Literal["same-steps", "same-macs", "paper-schedule"]], Field(min_length=1)] = Field(
        ["same-steps"],
        description="same-macs: as many steps as cost what the dense training costs; paper-schedule: 28 phases of 30 and 150",
    )
    steps: Positive | None = Field(None, description="null: sparsify.steps; so batch and lr")
    batch: Positive | None = None
    lr: Rate | None = None


class Sparsify(Section):
    """Sparse training from scratch."""

    backbones: Names = ["resnet20"]
    grids: list[SparsifyGrid] = [SparsifyGrid(methods=["c_gap", "prune_from_dense"])]
    options: dict[str, Options] = {"c_gap": {"partitions": 3, "rounds": 2}}
    workloads: dict[str, Options] = Field({}, description="options of workloads: sizes of their data and nets")
    seeds: Seeds = [0, 1]
    steps: Positive = 400
    tune_fraction: float = Field(
        0.25, gt=0, lt=1, description="the last steps, under the final masks where a method moves them"
    )
    batch: Positive = 64
    lr: Rate = 0.003
    score_images: Positive = Field(128, description="training images that scores at initialisation look at")
    validate_phases: bool = Field(False, description="accuracy on validation images where a phase begins, as a curve")
    debug: bool = Field(False, description="check after every step that masked weights and their moments are zero")


class BankRecipe(Section):
    """How the masks of one bank are made."""

    maker: str = "amp"
    budget: Fraction = Field(0.1, description="fraction of units that a mask keeps: the bank's ratio")
    steps: Positive = 60
    repeats: Positive = Field(1, description="masks are made with so many seeds and averaged")
    tasks: Positive | None = Field(None, description="the first bank tasks of each split; null: all")
    backbones: Names | None = Field(None, description="null: all of transfer.backbones")
    options: Options = {}


class Prune(Section):
    """Masks of the bank tasks, learned on a frozen backbone."""

    banks: Annotated[dict[str, BankRecipe], Field(min_length=1)] = {"amp": BankRecipe()}
    batch: Positive = 32
    lr: Rate = 0.1
    seed: Count = 0
    remade: Count = Field(
        0,
        description="bank tasks of each split whose masks are made again, with another seed and on halves of the data",
    )


class TransferGrid(Section):
    """Methods x budgets x ... . With `variants` each method is run with each of these options, and not with its own."""

    methods: Names | None = Field(None, description="null: all of transfer.methods")
    backbones: Names | None = Field(None, description="null: all of transfer.backbones")
    budgets: Annotated[list[Fraction], Field(min_length=1)]
    allocations: Annotated[list[Allocation], Field(min_length=1)]
    budget_kinds: Annotated[list[BudgetKind], Field(min_length=1)] = ["units"]
    bn: Annotated[list[BatchNorm], Field(min_length=1)] = ["reestimated"]
    reconstruct: Annotated[list[Reconstruct], Field(min_length=1)] = ["none"]
    shots: Annotated[list[Positive | None], Field(min_length=1)] = Field(
        [None], description="training images a class; null: all"
    )
    banks: Names | None = Field(None, description="null: the first of prune.banks")
    variants: dict[str, Options] = Field({}, description="name of an ablation -> options that differ")
    tuned: bool = Field(False, description="as the stage tune chose; tune.trials above 1")
    shuffled_labels: bool = Field(
        False, description="an assay: training labels in random order, so that accuracy must be at chance"
    )
    tasks: Literal["all", "targets", "foreign"] = Field(
        "all", description="target tasks, those of the data set `foreign`, or both"
    )


class Transfer(Section):
    """One-shot sub-networks for the target tasks, adapted for a few steps along one trajectory."""

    backbones: Names = ["resnet20"]
    recipe: str = "adam"
    pretrain_seeds: Seeds = [0]
    methods: Names = ["smsp", "universal", "random", "l2", "taylor", "dense"]
    options: dict[str, Options] = {"smsp": {"neighbours": 5}}
    pattern: UnitPattern = "units"
    grids: list[TransferGrid] = [
        TransferGrid(budgets=[0.2, 0.1, 0.05], allocations=["uniform", "global_macs"]),
        TransferGrid(budgets=[0.5], allocations=["uniform"]),
    ]
    steps: Annotated[list[Count], Field(min_length=1)] = [0, 10, 30]
    score_images: Positive = 256
    batch: Positive = 64
    lr: Rate = 0.001
    seeds: Seeds = [0]

    @model_validator(mode="after")
    def ascending(self) -> Self:
        if sorted(set(self.steps)) != self.steps:
            raise ValueError(f"steps {self.steps} must ascend without repeats")
        return self


class Tune(Section):
    """Options and learning rate of each transfer method, chosen on validation tasks by the same number of trials."""

    trials: Positive = Field(
        1, description="1: no tuning; a trial is a point of the method's search space, the first its default"
    )
    lr: Annotated[list[Rate], Field(min_length=1)] = [0.0003, 0.001, 0.003, 0.01]
    budget: Fraction = 0.1
    allocation: Allocation = "uniform"
    seed: Count = 0


class Relate(Section):
    """For each target task and bank entry: how similar they are, how their masks overlap, how well the mask serves."""

    banks: list[str] = Field([], description="none: the stage has no cells")
    steps: Annotated[list[Count], Field(min_length=1)] = [0, 10]


class Evaluate(Section):
    latency_methods: list[str] = ["smsp", "l2", "random"]
    latency_repeats: Annotated[int, Field(ge=5)] = 30
    latency_batch: Positive = 1
    int8_backbones: list[str] = Field(
        [], description="whose first pretrained net torchao runs in int8 beside float32; needs maskbank[int8]"
    )
    calibration_bins: Positive = 15


class Compare(Section):
    """Statistics of the comparisons; a family is what Holm corrects over."""

    method: str = "smsp"
    against: Names = ["universal", "random", "l2", "taylor", "dense"]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    margin: Annotated[float, Field(gt=0, lt=1)] = Field(0.005, description="equivalence margin, as accuracy")
    effect: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.01, description="smallest difference of interest, as accuracy: what reports plan for where n is too small"
    )
    rules: list[Annotated[str, Field(pattern=r"^[BWPX][1-9]\d?$")]] = Field(
        ["B3", "B6", "W1", "X2", "X3", "X4", "X10", "X12", "X13", "X15"],
        description="rules without which no headline and no claim of transfer is given",
    )
    resamples: Annotated[int, Field(ge=100)] = 10000
    seed: Count = 0


class Report(Section):
    title: str = "maskbank report"
    venue: Literal["page", "neurips", "icml", "iclr", "cvpr", "tmlr"] = Field(
        "page", description="whose text width and font sizes figures have; page: as wide as their panels"
    )


class Track(Section):
    experiment: str = "maskbank"
    models: bool = Field(True, description="register the pretrained nets in MLflow's model registry")


class Params(Section):
    suite: Suite = Suite()
    engine: Engine = Engine()
    data: Data = Data()
    foreign: Data | None = Field(None, description="another data set than the bank's, to transfer to")
    tasks: Tasks = Tasks()
    models: dict[str, Options] = {
        "resnet20": {"width": 16, "stem_stride": 2},
        "vit": {"dim": 48, "depth": 4, "heads": 3, "patch": 7},
    }
    pretrain: Pretrain = Pretrain()
    compress: Compress = Compress()
    sharpness: Sharpness = Sharpness()
    sparsify: Sparsify = Sparsify()
    prune: Prune = Prune()
    transfer: Transfer = Transfer()
    tune: Tune = Tune()
    relate: Relate = Relate()
    evaluate: Evaluate = Evaluate()
    compare: Compare = Compare()
    claims: dict[str, Declared] = HYPOTHESES
    report: Report = Report()
    track: Track = Track()
