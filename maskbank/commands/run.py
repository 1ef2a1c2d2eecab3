"""Run one stage without DVC; cells that are stored are not run again."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.state import State
from maskbank.params import load_params
from maskbank.registry import STAGES, pipeline

GRAPH = Path("dvc.yaml")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("stage", choices=pipeline())


def run(given: Namespace) -> None:
    if not GRAPH.is_file():
        raise InputError(f"{GRAPH}: no such file; run maskbank in a checkout of the suite")
    run_stage(given.stage, load_params())


def run_stage(name: str, params: Params) -> None:
    """A stage that DVC runs in parts is run part by part."""
    stage = STAGES.module(name)
    for part in [[each] for each in stage.parts(params)] if hasattr(stage, "parts") else [[]]:
        execute(name, params, *part)


def execute(name: str, params: Params, *part: str) -> None:
    """What a stage's own `execute` does; without one its cells are planned and run, its tables and artifacts written."""
    stage = STAGES.module(STAGES.check(name, "stage"))
    if hasattr(stage, "execute"):
        stage.execute(params, *part)
        return
    from maskbank.experiments import folders

    folders.run_stage(name, stage.plan(params, State(params)), params)
