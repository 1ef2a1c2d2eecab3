"""The stage pretrain: all recipes, seeds and class sets of one backbone, named on the command line."""

import argparse

from maskbank.cells.run import run_cells
from maskbank.errors import exits
from maskbank.experiments import pretrain
from maskbank.experiments.folders import stage_folder, write_stage
from maskbank.experiments.world import World
from maskbank.params import load_params
from maskbank.registry import BACKBONES


@exits
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backbone", help="one of pretrain.backbones in params.yaml")
    backbone = BACKBONES.check(parser.parse_args().backbone, "backbone")
    params = load_params()
    finished = run_cells("pretrain", pretrain.plan(params, World(params), backbone), params)
    write_stage(stage_folder("pretrain", backbone), finished, params)


if __name__ == "__main__":
    main()
