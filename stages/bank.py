"""The stage bank: from the masks of the prune stage to banks that transfer can query."""

from maskbank.config import load_params
from maskbank.errors import exits
from maskbank.experiments import bank


@exits
def main() -> None:
    print(bank.build(load_params()))


if __name__ == "__main__":
    main()
