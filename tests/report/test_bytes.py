"""Figures are the same bytes in every process, whatever its hash seed and wherever its objects lie in memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from maskbank.report.figure import lay_out

SCRIPT = """
import sys
from hashlib import sha256
clutter = [object() for _ in range(int(sys.argv[1]))]
from maskbank.report.figure import figure, rendered
from tests.report.fake_recipes import recipes
from tests.report.synthetic import run_of
tables = recipes(("adam", "snt"), 2, backbones=("resnet20", "vit"))
files = rendered(figure("sharpness_drop", run_of(tables)))
print({ending: sha256(content).hexdigest() for ending, content in files.items()})
"""
ROOT = Path(__file__).parents[2]


def digests(seed: int, clutter: int) -> str:
    settings = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(clutter)]
    return subprocess.run(command, env=settings, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_two_processes_draw_the_same_bytes():
    assert digests(1, 10) == digests(2, 100_003) != ""


def test_the_noise_of_the_solver_is_rounded_away():
    found = set()
    for noise in (0.0, 1e-12, -1e-12):
        figure = Figure(figsize=(4, 3))
        left, _ = figure.subfigures(1, 2, width_ratios=[1 + noise, 1])
        axes = left.add_axes((0.1 + noise, 0.2 - noise, 0.5 + noise, 0.6))
        lay_out(figure)
        found.add((axes.get_position(original=True).bounds, axes.bbox.bounds))
    assert len(found) == 1
    assert found.pop()[0] == pytest.approx((0.1, 0.2, 0.5, 0.6))
