"""The stage sparsify: plan its cells, run those that are not stored, write its tables and artifacts."""

from maskbank.errors import exits
from maskbank.experiments import sparsify
from maskbank.experiments.folders import run_stage
from maskbank.experiments.world import World
from maskbank.params import load_params


@exits
def main() -> None:
    params = load_params()
    cells, workers = sparsify.with_workers(params, World(params))
    run_stage("sparsify", cells, params, before=workers)


if __name__ == "__main__":
    main()
