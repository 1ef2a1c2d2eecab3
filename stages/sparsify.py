"""The stage sparsify: plan its cells, run those that are not stored, write its tables and artifacts."""

from maskbank.cells.run import run_cells
from maskbank.errors import exits
from maskbank.experiments import sparsify
from maskbank.experiments.folders import stage_folder, write_stage
from maskbank.experiments.world import World
from maskbank.params import load_params


@exits
def main() -> None:
    params = load_params()
    finished = run_cells("sparsify", sparsify.plan(params, World(params)), params)
    write_stage(stage_folder("sparsify"), finished, params)


if __name__ == "__main__":
    main()
