"""The stage prepare: load the data set, split it, draw the tasks."""

from maskbank.config import load_params
from maskbank.data.prepare import prepare
from maskbank.errors import exits


@exits
def main() -> None:
    print(prepare(load_params()))


if __name__ == "__main__":
    main()
