"""The stage pretrain: all recipes, seeds and class sets of one backbone, named on the command line."""

import argparse

from maskbank.errors import exits
from maskbank.experiments import pretrain
from maskbank.experiments.folders import run_stage
from maskbank.experiments.world import World
from maskbank.params import load_params
from maskbank.registry import BACKBONES


@exits
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backbone", help="one of pretrain.backbones in params.yaml")
    backbone = BACKBONES.check(parser.parse_args().backbone, "backbone")
    params = load_params()
    run_stage("pretrain", pretrain.plan(params, World(params), backbone), params, backbone)


if __name__ == "__main__":
    main()
