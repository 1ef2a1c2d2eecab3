"""The papers' claims as hypotheses on the records, declared in params; `judge` names what decides them.

Level and margin are those of `compare`. What counts as a family and as a unit belongs to the judge (docs/rules.md).
"""

from typing import Annotated, Literal

from pydantic import Field

from maskbank.section import Fraction, Rate, Section

Label = Literal[
    "dataset", "backbone", "pattern", "allocation", "reconstruct", "bn", "form", "stop", "kind", "method", "measure", "setup",
    "budget_kind", "budget_asked",
]  # fmt: skip


class Hypothesis(Section):
    """A query on the table of contrasts, and a judge of what it finds.

    `says` is the claim as it is tested here, `reported` the paper's own wording or numbers. The rows asked are those of `study`
    with these arms and baselines, where labels are as in `where`.
    """

    judge: str
    paper: str
    says: str
    reported: str
    study: str
    arms: list[str] = Field([], description="none: compare.method")
    baselines: list[str] = Field([], description="none: all that were run")
    where: dict[Label, str | float] = Field(
        {}, description="budget_asked: what decides; other budgets are shown beside"
    )
    beside: list[str] = Field([], description="arms that are shown beside, and decide nothing")


class Superior(Hypothesis):
    """The arm is better than the baseline in every setting that was run."""

    judge: Literal["superior"] = "superior"
    lower: bool = Field(False, description="lower is better")
    needs: list[str] = Field([], description="baselines, or measures, without which nothing is supported")


class NotWorse(Hypothesis):
    """The arm is not below the baseline by more than `compare.margin`."""

    judge: Literal["not_worse"] = "not_worse"


class Limit(Section):
    """A share of the baseline that has to stay where a fraction `kept` of the units is."""

    kept: Fraction
    share: Fraction


class Within(Hypothesis):
    """Costs at most `most` times the baseline, or shares of it above `limits`."""

    judge: Literal["within"] = "within"
    most: Rate | None = None
    limits: list[Limit] = []


class Cut(Section):
    """Share of parameters that has to be gone where a fraction `kept` of the units is: what the tool removes for `nominal`."""

    nominal: Fraction
    kept: Fraction
    low: Fraction
    high: Fraction


class Counted(Hypothesis):
    """Size cuts inside the published ranges, on the published models, told by their number of parameters."""

    judge: Literal["counted"] = "counted"
    cuts: Annotated[list[Cut], Field(min_length=1)]
    published: dict[str, Annotated[int, Field(ge=1)]]


Declared = Annotated[Superior | NotWorse | Within | Counted, Field(discriminator="judge")]

SMSP = "Zhao & Long, arXiv 2307.04365"
PAODING = "Meng et al., arXiv 2405.00074"
SNT = "Heo et al., arXiv 2305.04526"
GAP = "Ma et al., ICLR 2022, arXiv 2106.09857"
OURS = "not a claim of the paper: a comparison of ours at equal budgets"
STRUCTURED = {"l1": "the L1 norm", "random": "chance", "paoding_shipped": "the tool as shipped"}

HYPOTHESES: dict[str, Declared] = {
    "smsp": Superior(
        study="transfer",
        paper=SMSP,
        says="Masks from similar tasks beat popular pruning baselines on held-out tasks after few steps",
        reported="beats the baselines compared, CNN and ViT, at different memory budgets",
    ),
    "paoding-size": Counted(
        study="size",
        arms=["paoding"],
        where={"budget_kind": "units"},
        paper=PAODING,
        says="Nominal 25 % and 50 % pruning without data cuts the size by 36.5-49.4 % and 63.9-78.1 %; our ratios are "
        "exact, the tool's remove 34.4 % and 62.5 % of the units",
        reported="36.5-49.4 % and 63.9-78.1 % smaller, over four models; the top of both ranges are counts of parameters",
        cuts=[Cut(nominal=0.25, kept=0.656, low=0.365, high=0.494), Cut(nominal=0.5, kept=0.375, low=0.639, high=0.781)],
        published={"mlp": 6_145, "paoding_xray": 558_273, "paoding_mnist": 753_738, "paoding_cifar": 753_866},
    ),
    "paoding-robustness": Within(
        study="robustness",
        arms=["paoding"],
        where={"budget_kind": "units"},
        paper=PAODING,
        says="Accuracy and robustness survive pruning without data: nearly unchanged with 20 % of the units removed "
        "(our reading: at least 95 % kept), and more than half kept with 50 % removed",
        reported="nearly unchanged to 20 % of neurons; more than half kept at 50 %",
        limits=[Limit(kept=0.8, share=0.95), Limit(kept=0.5, share=0.5)],
    ),
    **{
        f"paoding-rivals-{rival}": Superior(
            study="structured",
            arms=["paoding"],
            baselines=[rival],
            paper=PAODING,
            says=f"Units chosen by PAODING's bound cost less accuracy than those chosen by {words}",
            reported=OURS,
        )
        for rival, words in STRUCTURED.items()
    },
    "snt-l1": Superior(
        study="compression",
        arms=["snt"],
        where={"kind": "unstructured", "method": "l1"},
        paper=SNT,
        says="A model pretrained with the transformation keeps more accuracy after pruning than one of Adam",
        reported="up to +2 points after pruning",
    ),
    "snt-quantize": Superior(
        study="compression",
        arms=["snt"],
        where={"kind": "weights", "method": "quantize"},
        paper=SNT,
        says="A model pretrained with the transformation keeps more accuracy after quantization of its weights than one of Adam",
        reported="up to +5.4 points after quantization",
    ),
    "snt-flat": Superior(
        study="sharpness",
        arms=["snt"],
        paper=SNT,
        says="The minima are flatter than Adam's",
        reported="flatter than Adam's",
        lower=True,
        needs=["hessian_top", "hessian_trace", "sharpness_adaptive"],
    ),
    "snt-cost": Within(
        study="cost",
        arms=["snt"],
        beside=["sam"],
        where={"stop": "steps"},
        paper=SNT,
        says="Training costs about what Adam costs (our reading: at most 1.05 times), where SAM pays twice",
        reported="about Adam's cost; SAM pays twice",
        most=1.05,
    ),
    "gap-dense": NotWorse(
        study="sparse",
        arms=["c_gap", "p_gap"],
        baselines=["dense"],
        where={"pattern": "unstructured", "budget_asked": 0.2},
        paper=GAP,
        says="Without dense pretraining, grow-and-prune matches or beats dense at 80 % sparsity",
        reported="at or above dense (about 78.3 on ResNet-50)",
    ),
    "gap-rivals": Superior(
        study="sparse",
        arms=["c_gap", "p_gap"],
        where={"pattern": "unstructured", "budget_asked": 0.1},
        needs=["gmp", "imp", "prune_from_dense", "rigl"],
        paper=GAP,
        says="Grow-and-prune beats other pruning at 90 % sparsity",
        reported="ResNet-50 at 90 %: 77.90 non-uniform, 76.35 uniform",
    ),
}  # fmt: skip
