"""The stage bank: from the masks of the prune stage to banks that transfer can query."""

from maskbank.errors import exits
from maskbank.experiments import bank
from maskbank.params import load_params


@exits
def main() -> None:
    print(bank.build(load_params()))


if __name__ == "__main__":
    main()
