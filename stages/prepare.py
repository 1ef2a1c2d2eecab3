"""The stage prepare: load the data set, split it, draw the tasks."""

from maskbank.data.prepare import prepare
from maskbank.errors import exits
from maskbank.params import load_params


@exits
def main() -> None:
    print(prepare(load_params()))


if __name__ == "__main__":
    main()
