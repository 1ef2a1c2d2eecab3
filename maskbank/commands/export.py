"""Export what `maskbank prune` wrote, checked against the runtimes."""

from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--format", nargs="+", choices=("onnx", "torch"), default=["onnx", "torch"])


def run(given: Namespace) -> None:
    from maskbank.commands import single

    print(single.export(given))
