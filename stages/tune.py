"""The stage tune: trials of each method on validation tasks, and what was chosen by them."""

from maskbank.errors import exits
from maskbank.experiments import tune
from maskbank.experiments.folders import run_stage, stage_folder
from maskbank.experiments.world import World
from maskbank.files import write_json
from maskbank.params import load_params


@exits
def main() -> None:
    params = load_params()
    finished = run_stage("tune", tune.plan(params, World(params)), params)
    write_json(stage_folder("tune") / "chosen.json", tune.choose(params, finished))


if __name__ == "__main__":
    main()
