"""The command `maskbank`. Exit codes: 0 done, 1 the work failed or a check does not hold, 2 bad input."""

import argparse
import importlib

from maskbank.errors import exits

COMMANDS = (  # the files of maskbank/commands
    "configure", "plan", "list", "run", "sync", "prune", "export", "bank", "status", "failures", "report", "compare", "power",
    "ui",
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="maskbank", description="A benchmark suite for network pruning that can be believed."
    )
    commands = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"maskbank.commands.{name}")
        summary = (module.__doc__ or "").rstrip(".\n")
        text = summary[:1].lower() + summary[1:]
        command = commands.add_parser(name, help=text, description=text)
        module.arguments(command)
        command.set_defaults(function=module.run)
    return root


@exits
def main() -> None:
    arguments = parser().parse_args()
    arguments.function(arguments)


if __name__ == "__main__":
    main()
