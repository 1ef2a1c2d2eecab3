"""The papers' claims as hypotheses on the records, declared in params; `judge` names what decides them.

Level and margin are those of `compare`. What counts as a family and as a unit belongs to the judge (docs/rules.md).
"""

from typing import Annotated, Literal

from pydantic import Field

from maskbank.section import Fraction, Names, Rate, Section


class Hypothesis(Section):
    """`says` is the claim as it is tested here, `reported` the paper's own wording or numbers."""

    judge: str
    paper: str
    says: str
    reported: str


class Cut(Section):
    """Share of parameters that has to be gone where a fraction `kept` of the units is."""

    kept: Fraction
    low: Fraction
    high: Fraction


class Share(Section):
    """Share of the dense net's accuracy, and of its robust accuracy, above which has to stay what is left."""

    kept: Fraction
    share: Fraction


class BeatsInTransfer(Hypothesis):
    """`compare.method` beats each rival of `compare.against`, where none of `compare.rules` forbids the headline."""

    judge: Literal["transfer"] = "transfer"


class CutsSize(Hypothesis):
    """Size cuts of structured pruning on the published nets, told by their number of parameters."""

    judge: Literal["size"] = "size"
    method: str
    cuts: Annotated[list[Cut], Field(min_length=1)]
    published: dict[str, Annotated[int, Field(ge=1)]]


class KeepsRobustness(Hypothesis):
    judge: Literal["robustness"] = "robustness"
    method: str
    limits: Annotated[list[Share], Field(min_length=1)]


class BeatsStructured(Hypothesis):
    """Accuracy of `method` after structured pruning without data, against `rival` at equal budgets."""

    judge: Literal["structured"] = "structured"
    method: str
    rival: str


class CompressesBetter(Hypothesis):
    """Nets of `recipe` against those of Adam after compression by `method` of one `kind`."""

    judge: Literal["compressed"] = "compressed"
    recipe: str
    method: str
    kind: Literal["unstructured", "n:m", "blocks", "units", "weights", "activations"]


class IsFlatter(Hypothesis):
    judge: Literal["flatness"] = "flatness"
    recipe: str


class CostsNoMore(Hypothesis):
    """Training costs at most `limit` times Adam's; `beside` is a recipe whose cost is shown with it."""

    judge: Literal["cost"] = "cost"
    recipe: str
    beside: str
    limit: Rate


GrowAndPrune = Annotated[list[Literal["c_gap", "p_gap"]], Field(min_length=1)]


class MatchesDense(Hypothesis):
    """Sparse training is not below dense training by more than `compare.margin` at a fraction `budget` kept."""

    judge: Literal["dense"] = "dense"
    methods: GrowAndPrune
    budget: Fraction


class BeatsSparse(Hypothesis):
    """Sparse training beats every rival that was run at a fraction `budget` kept, `rivals` among them."""

    judge: Literal["rivals"] = "rivals"
    methods: GrowAndPrune
    budget: Fraction
    rivals: Names


Declared = Annotated[
    BeatsInTransfer | CutsSize | KeepsRobustness | BeatsStructured | CompressesBetter | IsFlatter | CostsNoMore
    | MatchesDense | BeatsSparse,
    Field(discriminator="judge"),
]  # fmt: skip

SMSP = "Zhao & Long, arXiv 2307.04365"
PAODING = "Meng et al., arXiv 2405.00074"
SNT = "Heo et al., arXiv 2305.04526"
GAP = "Ma et al., ICLR 2022, arXiv 2106.09857"
OURS = "not a claim of the paper: a comparison of ours at equal budgets"
STRUCTURED = {"l1": "the L1 norm", "random": "chance", "paoding_shipped": "the tool as shipped"}

HYPOTHESES: dict[str, Declared] = {
    "smsp": BeatsInTransfer(
        paper=SMSP,
        says="Masks from similar tasks beat popular pruning baselines on held-out tasks after few steps",
        reported="beats the baselines compared, CNN and ViT, at different memory budgets",
    ),
    "paoding-size": CutsSize(
        paper=PAODING,
        says="Nominal 25 % and 50 % pruning without data cuts the size by 36.5-49.4 % and 63.9-78.1 %; our ratios are "
        "exact, the tool's remove 34.4 % and 62.5 % of the units",
        reported="36.5-49.4 % and 63.9-78.1 % smaller, over four nets; the top of both ranges are counts of parameters",
        method="paoding",
        cuts=[Cut(kept=0.656, low=0.365, high=0.494), Cut(kept=0.375, low=0.639, high=0.781)],
        published={"mlp": 6_145, "paoding_xray": 558_273, "paoding_mnist": 753_738, "paoding_cifar": 753_866},
    ),
    "paoding-robustness": KeepsRobustness(
        paper=PAODING,
        says="Accuracy and robustness survive pruning without data: nearly unchanged with 20 % of the units removed "
        "(our reading: at least 95 % kept), and more than half kept with 50 % removed",
        reported="nearly unchanged to 20 % of neurons; more than half kept at 50 %",
        method="paoding",
        limits=[Share(kept=0.8, share=0.95), Share(kept=0.5, share=0.5)],
    ),
    **{
        f"paoding-rivals-{rival}": BeatsStructured(
            paper=PAODING,
            says=f"Units chosen by PAODING's bound cost less accuracy than those chosen by {words}",
            reported=OURS,
            method="paoding",
            rival=rival,
        )
        for rival, words in STRUCTURED.items()
    },
    "snt-l1": CompressesBetter(
        paper=SNT,
        says="A net pretrained with the transformation keeps more accuracy after pruning than one of Adam",
        reported="up to +2 points after pruning",
        recipe="snt",
        method="l1",
        kind="unstructured",
    ),
    "snt-quantize": CompressesBetter(
        paper=SNT,
        says="A net pretrained with the transformation keeps more accuracy after quantization of its weights than one of Adam",
        reported="up to +5.4 points after quantization",
        recipe="snt",
        method="quantize",
        kind="weights",
    ),
    "snt-flat": IsFlatter(
        paper=SNT, says="The minima are flatter than Adam's", reported="flatter than Adam's", recipe="snt"
    ),
    "snt-cost": CostsNoMore(
        paper=SNT,
        says="Training costs about what Adam costs (our reading: at most 1.05 times), where SAM pays twice",
        reported="about Adam's cost; SAM pays twice",
        recipe="snt",
        beside="sam",
        limit=1.05,
    ),
    "gap-dense": MatchesDense(
        paper=GAP,
        says="Without dense pretraining, grow-and-prune matches or beats dense at 80 % sparsity",
        reported="at or above dense (about 78.3 on ResNet-50)",
        methods=["c_gap", "p_gap"],
        budget=0.2,
    ),
    "gap-rivals": BeatsSparse(
        paper=GAP,
        says="Grow-and-prune beats other pruning at 90 % sparsity",
        reported="ResNet-50 at 90 %: 77.90 non-uniform, 76.35 uniform",
        methods=["c_gap", "p_gap"],
        budget=0.1,
        rivals=["gmp", "imp", "prune_from_dense", "rigl"],
    ),
}  # fmt: skip
