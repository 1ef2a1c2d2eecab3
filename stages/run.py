"""Run one stage of the pipeline, as in `python stages/run.py transfer`: the function `execute` of maskbank/stages/transfer.py."""

import sys

from maskbank.errors import exits
from maskbank.params import load_params
from maskbank.registry import STAGES


@exits
def main() -> None:
    name, *part = sys.argv[1:]
    STAGES.module(STAGES.check(name, "stage")).execute(load_params(), *part)


if __name__ == "__main__":
    main()
