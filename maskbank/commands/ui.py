"""Serve MLflow's UI on this machine only."""

from argparse import ArgumentParser, Namespace

from maskbank.params import load_params


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=5000)


def run(given: Namespace) -> None:
    from maskbank.tracking import server

    server.ui(load_params(), given.port)
