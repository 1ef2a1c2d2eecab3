"""The toy stage where engines look for stages, in this process and in spawned workers."""

import sys
from pathlib import Path

import pytest

from maskbank.cells.store import Store
from tests.cells import toy


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cells")


@pytest.fixture(autouse=True)
def toy_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "maskbank.experiments.toy", toy)
