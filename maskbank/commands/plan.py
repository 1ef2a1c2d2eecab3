"""Print the cells of each stage and an estimate of their time, before anything runs."""

import os
import sys
from argparse import ArgumentParser, Namespace

from maskbank.config import Engine
from maskbank.experiments.planned import PlannedState, estimates, planned_cells
from maskbank.params import load_params


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--cells", action="store_true", help="print every cell")


def run(given: Namespace) -> None:
    params = load_params()
    state = PlannedState(params)
    cells = planned_cells(state)
    seconds, workers = estimates(state, cells), worker_count(params.engine)
    if given.cells:
        for stage, planned in cells.items():
            for cell in planned:
                print(f"{stage:9} {cell.describe()}")
    print(f"{'stage':9} {'cells':>6} {'core-minutes':>13}")
    for stage, planned in cells.items():
        print(f"{stage:9} {len(planned):6} {seconds[stage] / 60:13.1f}")
    minutes = sum(seconds.values()) / 60
    wall = f"about {minutes / workers:.1f} minutes on {workers} workers"
    print(f"{'sum':9} {sum(map(len, cells.values())):6} {minutes:13.1f}   {wall}")
    if minutes / 2 > params.suite.budget_minutes:
        allowed = f"suite.budget_minutes = {params.suite.budget_minutes:g} on two cores"
        print(f"warning: {minutes / 2:.1f} minutes on two cores, past {allowed}", file=sys.stderr)


def worker_count(engine: Engine) -> int:
    return 1 if engine.kind == "serial" else engine.workers or os.cpu_count() or 1
