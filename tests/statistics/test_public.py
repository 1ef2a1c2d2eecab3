"""The public API: every name loads, the room's doctests hold, and importing the room stays light."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from maskbank import statistics

ROOM = Path(statistics.__file__).parent
MODULES = sorted(path.stem for path in ROOM.glob("*.py") if path.stem != "__init__")
WITH_EXAMPLES = [name for name in MODULES if ">>>" in (ROOM / f"{name}.py").read_text()]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_doctests(name):
    found = doctest.testmod(importlib.import_module(f"maskbank.statistics.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", statistics.__all__)
def test_every_public_name_loads_and_says_what_it_is(name):
    found = getattr(statistics, name)
    assert callable(found)
    assert found.__doc__


def test_a_public_name_is_no_module_but_for_holm():
    assert set(statistics.__all__) & set(MODULES) == {"holm"}
    assert statistics.holm([0.03, 0.04]) == pytest.approx([0.06, 0.06])
    assert importlib.import_module("maskbank.statistics.holm").holm is statistics.holm


def test_what_is_not_there_is_an_error():
    with pytest.raises(AttributeError, match="no_such_test"):
        statistics.no_such_test  # noqa: B018


def test_importing_the_room_loads_neither_pandas_nor_scipy():
    script = (
        "import sys, maskbank.statistics; print(*sorted({'pandas', 'scipy', 'pydantic', 'torch'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("name", ["boards", "planning", "rules"])
def test_each_module_loads_first(name):
    subprocess.run([sys.executable, "-c", f"import maskbank.statistics.{name}"], check=True)
