"""Run one stage without DVC; cells that are stored are not run again."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maskbank.config import Params
from maskbank.errors import InputError
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
        stage.execute(params, *part)
