"""The house: rooms import downwards only, and the pipeline graph lists the code that each stage runs."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from maskbank.cells.key import module_file, read_module
from maskbank.registry import STAGES, parsed, pipeline

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"errors", "files", "registry", "section", "seeds"},
    {"hypotheses", "patterns", "checks"},
    {"config"},
    {"params"},
    {"records"},
    {"cells", "statistics", "tracking"},
    {"data", "models", "report"},
    {"measures"},
    {"training"},
    {"pruning", "workloads"},
    {"sparse", "bank"},
    {"experiments"},
    {"stages"},
    {"commands"},
    {"cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
PLUMBING = (
    "checks",
    "config",
    "errors",
    "files",
    "hypotheses",
    "params",
    "registry",
    "section",
)  # used by every stage; a change there reruns none


def room_of(module: str) -> str:
    return module.split(".")[1]


def modules() -> list[str]:
    paths = (ROOT / "maskbank").rglob("*.py")
    return sorted(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths)


@pytest.mark.parametrize("module", [name for name in modules() if name != "maskbank"])
def test_rooms_import_downwards_only(module: str) -> None:
    path = module_file(module)
    assert path is not None
    for imported in read_module(path)[1]:
        upward = FLOOR[room_of(imported)] > FLOOR[room_of(module)]
        sideways = FLOOR[room_of(imported)] == FLOOR[room_of(module)] and room_of(imported) != room_of(module)
        assert not upward, f"{module} imports {imported} from a room above"
        assert not sideways or FLOOR[room_of(module)] == 0, f"{module} imports {imported} from the room beside"


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Modules that import one another, directly or around: the strongly connected components of more than one."""
    names = sorted(imports)
    place = {name: index for index, name in enumerate(names)}
    edges = [(place[name], place[other]) for name in names for other in imports[name] if other in place]
    graph = coo_matrix((np.ones(len(edges)), tuple(zip(*edges, strict=True))), shape=(len(names), len(names)))
    count, labels = connected_components(graph, directed=True, connection="strong")
    found = [{name for name in names if labels[place[name]] == label} for label in range(count)]
    return [circle for circle in found if len(circle) > 1]


def test_circles_by_hand() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b", "d"}, "b": {"c"}, "c": {"a"}, "d": {"a.other"}}) == [{"a", "b", "c"}]


def test_no_circle_of_files() -> None:
    """Every import counts, those for types alone and those inside functions too."""
    files = {name: module_file(name) for name in modules()}
    found = circles({name: set(read_module(path)[1]) for name, path in files.items() if path is not None})
    assert found == []


@pytest.mark.parametrize(
    ("imported", "unwanted"),
    [
        ("maskbank.cli", {"torch", "mlflow", "dvc", "pandas"}),
        ("maskbank.config", {"torch", "mlflow", "dvc", "pandas"}),
        ("maskbank.statistics.comparisons", {"torch", "mlflow", "dvc"}),
        ("maskbank.report.page", {"torch", "mlflow", "dvc"}),
        ("maskbank.tracking.reconcile", {"torch", "dvc"}),
        ("maskbank.experiments.extraction", {"mlflow", "dvc", "timm"}),
        *((f"maskbank.stages.{stage}", {"torch", "mlflow", "dvc", "pandas"}) for stage in pipeline()),
        ("maskbank.experiments.planned", {"torch", "mlflow", "dvc", "pandas"}),
        ("maskbank.cells.run", {"mlflow", "dvc"}),
    ],
)
def test_rooms_do_not_know_of_heavy_neighbours(imported: str, unwanted: set[str]) -> None:
    script = f"import sys, {imported}; print(' '.join(sorted({unwanted!r} & set(sys.modules))))"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def closure(stage: str) -> set[Path]:
    """The file of a stage and all of this package that it imports, anywhere down the line."""
    waiting, seen = {f"maskbank.stages.{stage}"}, set[Path]()
    waiting |= {"maskbank.experiments.folders"} if STAGES.defines(stage, "plan") else set()
    while waiting:
        path = module_file(waiting.pop())
        if path is not None and path not in seen:
            seen.add(path)
            waiting |= read_module(path)[1]
    return {path.relative_to(ROOT) for path in seen if path.name != "__init__.py"}


@pytest.mark.parametrize("stage", pipeline())
def test_each_stage_depends_on_the_code_it_runs(stage: str) -> None:
    graph = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    deps = [Path(dep) for dep in graph[stage]["deps"]]
    assert Path("stages/run.py") in deps
    missing = {
        str(path)
        for path in closure(stage)
        if path.with_suffix("").name not in PLUMBING and not any(path == dep or dep in path.parents for dep in deps)
    }
    assert not missing
    assert not [str(dep) for dep in deps if dep.parts[0] in ("maskbank", "stages") and not (ROOT / dep).exists()]


def test_the_pipeline_is_the_graph_and_the_files() -> None:
    graph = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert list(graph) == list(pipeline())
    assert sorted(graph) == STAGES.names()
    for stage, about in graph.items():
        assert about["cmd"].split()[:3] == ["python", "stages/run.py", stage]
        assert ("matrix" in about) == STAGES.defines(stage, "parts")


@pytest.mark.parametrize("stage", pipeline())
def test_a_stage_with_cells_is_whole(stage: str) -> None:
    """What plans cells also says what they cost and runs them."""
    own = {node.name for node in parsed(STAGES.files()[stage]).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {ast.unparse(node.targets[0]) for node in parsed(STAGES.files()[stage]).body if isinstance(node, ast.Assign)}
    assert "AFTER" in own
    assert own & {"plan", "execute"}
    assert len(own & {"plan", "work", "run"}) in (0, 3)


def test_no_pickle_and_no_shell() -> None:
    for path in [*(ROOT / "maskbank").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        text = path.read_text()
        for banned in ("import pickle", "torch.load(", "torch.save(", "shell=True", "os.system("):
            assert banned not in text, f"{path}: {banned}"
