"""The stage evaluate: latency cells, nets run in int8, then all stages' tables as one, with what evidence adds."""

from maskbank.errors import WorkError, exits
from maskbank.experiments import evaluate, int8
from maskbank.experiments.folders import run_stage
from maskbank.experiments.world import World
from maskbank.params import load_params
from maskbank.records.evidence import check_evidence
from maskbank.records.load import REPORTS, write_tables


@exits
def main() -> None:
    params = load_params()
    world = World(params)
    run_stage("evaluate", [*evaluate.plan(params, world), *int8.plan(params, world)], params)
    tables = evaluate.assemble(params, world)
    wrong = check_evidence(tables)
    if wrong:
        raise WorkError(f"evaluate: {len(wrong)} accuracies are not those of their evidence, the first: {wrong[0]}")
    write_tables(tables, REPORTS)
    print(f"evaluate: {len(tables['records'])} records of {tables['records'].cell_key.nunique()} cells in {REPORTS}")


if __name__ == "__main__":
    main()
