"""The stage sharpness: plan its cells, run those that are not stored, write its tables."""

from maskbank.errors import exits
from maskbank.experiments import sharpness
from maskbank.experiments.folders import run_stage
from maskbank.experiments.world import World
from maskbank.params import load_params


@exits
def main() -> None:
    params = load_params()
    run_stage("sharpness", sharpness.plan(params, World(params)), params)


if __name__ == "__main__":
    main()
