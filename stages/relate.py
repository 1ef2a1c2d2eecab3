"""The stage relate: plan its cells, run those that are not stored, write its tables and artifacts."""

from maskbank.errors import exits
from maskbank.experiments import relate
from maskbank.experiments.folders import run_stage
from maskbank.experiments.world import World
from maskbank.params import load_params


@exits
def main() -> None:
    params = load_params()
    run_stage("relate", relate.plan(params, World(params)), params)


if __name__ == "__main__":
    main()
