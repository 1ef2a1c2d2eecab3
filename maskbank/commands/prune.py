"""Prune a model of your own and save it small."""

from argparse import ArgumentParser, Namespace
from typing import get_args

from maskbank.commands.types import option
from maskbank.patterns import Allocation, BudgetKind, Reconstruct


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", help="a timm name, or package.module:function that builds a torch.nn.Module")
    parser.add_argument(
        "--weights", metavar="FILE", help="safetensors of its dense weights; without it they are random"
    )
    parser.add_argument(
        "--model-option", type=option, action="append", default=[], metavar="KEY=VALUE", help="of the builder"
    )
    parser.add_argument("--image", default="3x224x224", help="channels x height x width (default: %(default)s)")
    parser.add_argument("--data", metavar="FILE", help=".npz with x_train, y_train, for scores that need examples")
    parser.add_argument("--score-images", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, metavar="DIR")
    how_to_prune(parser)


def how_to_prune(parser: ArgumentParser) -> None:
    parser.add_argument("--method", required=True, help="a score; see `maskbank list scores`")
    parser.add_argument("--option", type=option, action="append", default=[], metavar="KEY=VALUE", help="of the method")
    parser.add_argument("--budget", type=float, required=True, help="fraction to keep")
    parser.add_argument(
        "--budget-kind", choices=(*get_args(BudgetKind), "latency"), default="units",
        help="what the fraction is of (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--pattern", default="units", metavar="PATTERN",
        help="units, units:coupled, units:all remove for real; unstructured, 2:4, block:4 set weights to zero",
    )  # fmt: skip
    parser.add_argument(
        "--allocation", choices=get_args(Allocation), help="default: global_macs of units, global of weights"
    )
    parser.add_argument("--schedule", default="one_shot", help="or iterative:N, cubic:N, exponential:N")
    parser.add_argument("--reconstruct", choices=get_args(Reconstruct), default="none")
    graphs = ("trace", "torch_pruning")
    parser.add_argument("--graph", choices=graphs, default="trace", help="how units are found (default: %(default)s)")


def run(given: Namespace) -> None:
    from maskbank.commands import single

    print(single.prune(given))
