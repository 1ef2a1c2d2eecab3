"""What a key depends on, and what it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from maskbank.cells import key
from maskbank.cells.key import STAGES, cell_key, closure, module_file, read_cell_code, read_module
from maskbank.cells.spec import Cell, Input, Spec
from maskbank.stages.compress import CompressSpec

SPEC = CompressSpec(backbone="resnet20", recipe="adam", method="l1", budget_asked=0.2, classes=(0, 1))
SCRIPT = """
from maskbank.cells.key import cell_key
from maskbank.cells.spec import Cell, Input
from tests.cells.test_key import SPEC
print(cell_key(Cell(SPEC, {"dense": Input("elsewhere/model.safetensors", "abc")})))
"""


def with_inputs(path: str = "a/model.safetensors", content: str = "abc") -> Cell[Spec]:
    return Cell(SPEC, {"dense": Input(path, content)})


def test_key_is_of_content_not_of_place(tmp_path: Path) -> None:
    """Two folders, two processes, another hash seed: one key."""
    root = str(Path(__file__).parents[2])
    environment = {"PYTHONPATH": root, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    other = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == cell_key(with_inputs())
    assert cell_key(with_inputs(content="abd")) != cell_key(with_inputs())
    assert cell_key(Cell(SPEC.model_copy(update={"budget_asked": 0.1}), {})) != cell_key(Cell(SPEC, {}))


def test_a_knob_at_its_default_keeps_the_key() -> None:
    assert cell_key(Cell(SPEC.model_copy(update={"trials": 1, "tuning": "default"}), {})) == cell_key(Cell(SPEC, {}))
    assert cell_key(Cell(SPEC.model_copy(update={"trials": 2}), {})) != cell_key(Cell(SPEC, {}))


def test_only_code_counts(tmp_path: Path) -> None:
    """Comments, docstrings and formatting keep the hash; another constant does not."""
    hashes = []
    for number, text in enumerate(
        [
            '"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1\n',
            "def f( x ):  # why\n    return x+1\n",
            "def f(x):\n    return x + 2\n",
        ]
    ):
        path = tmp_path / f"m{number}.py"
        path.write_text(text)
        hashes.append(read_module(path)[0])
    assert hashes[0] == hashes[1] != hashes[2]


def code_of(*roots: str) -> set[str]:
    """Modules whose code is in the key of a cell that runs these, by the same walk over imports."""
    seen, pending = set[str](), set(roots)
    while pending:
        name = pending.pop()
        path = module_file(name)
        if path and name not in seen and not name.startswith(key.PLUMBING):
            seen.add(name)
            pending |= (read_cell_code if path.parent == STAGES else read_module)(path)[1]
    return seen


def test_a_methods_code_is_in_its_own_key_alone() -> None:
    """Transfer with taylor reads taylor.py and what it imports, not l2.py; plumbing is in no key."""
    taylor = code_of("maskbank.stages.transfer", "maskbank.pruning.scores.taylor")
    assert "maskbank.training.batchnorm" in taylor
    assert "maskbank.pruning.scores.l2" not in taylor
    assert not any(
        name.startswith(("maskbank.tracking", "maskbank.report", "maskbank.cells.engine")) for name in taylor
    )
    l2, other = "maskbank.pruning.scores.l2", "maskbank.pruning.scores.taylor"
    assert closure(frozenset([l2])) != closure(frozenset([other]))


@pytest.mark.parametrize("name", ["pretrain", "compress", "sparsify", "prune", "transfer", "evaluate"])
def test_stages_do_not_depend_on_one_another(name: str) -> None:
    """Editing one stage's cells leaves the keys of the others."""
    others = {"pretrain", "compress", "sparsify", "prune", "transfer", "evaluate"} - {name}
    code = code_of(f"maskbank.stages.{name}")
    assert not {f"maskbank.stages.{other}" for other in others} & code
    assert "maskbank.experiments.planned" not in code


TOY_STAGE = """
import a
from maskbank.files import hash_json
STEPS = 3
OTHER = 4

class Toy(Section):
    knob: int = 1

class ToySpec(Spec):
    length: int = STEPS

def plan(params):
    return OTHER

def helper():
    return hash_json(1)

def run(cell):
    from maskbank.errors import InputError
    return helper()
"""


def test_of_a_stage_only_what_its_cells_run_counts(tmp_path: Path) -> None:
    """Its section, checks and plan keep the hash; the spec, `run` and what they name do not."""
    path = tmp_path / "toy.py"

    def hash_of(old: str = "", new: str = "") -> str:
        path.write_text(TOY_STAGE.replace(old, new) if old else TOY_STAGE)
        read_cell_code.cache_clear()
        return read_cell_code(path)[0]

    first = hash_of()
    assert read_cell_code(path)[1] == {"maskbank.files", "maskbank.errors"}
    for old, new in (("knob: int = 1", "knob: int = 2"), ("return OTHER", "return 1"), ("OTHER = 4", "OTHER = 5")):
        assert hash_of(old, new) == first, old
    for old, new in (("STEPS = 3", "STEPS = 4"), ("hash_json(1)", "hash_json(2)"), ("return helper()", "return 1")):
        assert hash_of(old, new) != first, old
