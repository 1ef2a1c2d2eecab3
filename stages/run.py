"""Run one stage of the pipeline, as in `python stages/run.py transfer`; its file is maskbank/stages/transfer.py."""

import sys

from maskbank.commands.run import execute
from maskbank.errors import exits
from maskbank.params import load_params


@exits
def main() -> None:
    name, *part = sys.argv[1:]
    execute(name, load_params(), *part)


if __name__ == "__main__":
    main()
