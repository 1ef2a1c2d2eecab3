"""The key of a cell: its spec, the content of its inputs, the code it runs, the libraries' versions. Nothing else."""

import ast
import functools
from importlib.metadata import version
from pathlib import Path

from maskbank.cells.spec import Cell, spec_values
from maskbank.files import hash_json

ROOT = Path(__file__).parents[1]
PLUMBING = (  # moves cells and records about, and decides none of their numbers
    "maskbank.cells.engine",
    "maskbank.cells.progress",
    "maskbank.cells.run",
    "maskbank.cells.snapshots",
    "maskbank.cells.spec",
    "maskbank.cells.store",
    "maskbank.checks",
    "maskbank.config",
    "maskbank.errors",
    "maskbank.experiments.artifacts",
    "maskbank.experiments.folders",
    "maskbank.experiments.state",
    "maskbank.files",
    "maskbank.hypotheses",
    "maskbank.params",
    "maskbank.records",
    "maskbank.registry",
    "maskbank.section",
)
STAGES = ROOT / "stages"  # whose files have more in them than their cells run
LIBRARIES = ("numpy", "timm", "torch")
PEERS = {  # decide the cells of those that import them
    "maskbank.measures.int8": "torchao",
    "maskbank.models.torch_pruning": "torch-pruning",
    "maskbank.training.sam": "pytorch-optimizer",
    "maskbank.workloads.detection": "pycocotools",
    "maskbank.workloads.parts": "scikit-learn",
    "maskbank.workloads.translation": "sacrebleu",
}


def module_file(module: str) -> Path | None:
    """File of a dotted module of this package; None for another package or for a name inside a module."""
    parts = module.split(".")
    if parts[0] != "maskbank" or len(parts) == 1:
        return None
    path = ROOT.joinpath(*parts[1:])
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


def syntax(node: object) -> object:
    """An abstract syntax tree as nested lists: the same for every formatting, comment, docstring and Python version."""
    if isinstance(node, ast.AST):
        fields = {name: syntax(value) for name, value in ast.iter_fields(node) if name != "type_comment"}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            fields["body"] = syntax(node.body[1:])
        return [type(node).__name__, {name: value for name, value in fields.items() if value not in (None, [])}]
    if isinstance(node, list):
        return [syntax(item) for item in node]
    return node if isinstance(node, str | int | float | None) else repr(node)


@functools.cache
def read_module(path: Path) -> tuple[str, frozenset[str]]:
    """Hash of a module's syntax and the modules of this package that it imports, anywhere in it."""
    return read_code(ast.parse(path.read_text()))


@functools.cache
def read_cell_code(path: Path) -> tuple[str, frozenset[str]]:
    """The same of a stage's file as far as its cells go: not its section, checks and plan."""
    return read_code(cell_code(ast.parse(path.read_text())))


def cell_code(tree: ast.Module) -> ast.Module:
    """The function `run`, the specs, and all that they name at the top level of a file, in its order."""
    named = {name: node for node in tree.body for name in names_of(node)}
    pending = [name for name in named if name == "run" or name.endswith("Spec")]
    found = set[str]()
    while pending:
        name = pending.pop()
        if name in named and name not in found:
            found.add(name)
            pending += [each.id for each in ast.walk(named[name]) if isinstance(each, ast.Name)]
    return ast.Module([node for node in tree.body if found & set(names_of(node))], [])


def names_of(node: ast.stmt) -> list[str]:
    """The names that a statement at the top level gives to the module."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.If):  # of imports for types alone
        return [name for each in node.body for name in names_of(each)]
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


def read_code(tree: ast.Module) -> tuple[str, frozenset[str]]:
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
            imported.update(f"{node.module}.{alias.name}" for alias in node.names)
    return hash_json(syntax(tree)), frozenset(name for name in imported if module_file(name))


@functools.cache
def closure(modules: frozenset[str]) -> dict[str, str]:
    """Hashes of these modules and of all that they import inside the package, but for plumbing."""
    pending, seen = set(modules), dict[str, str]()
    while pending:
        name = pending.pop()
        path = module_file(name)
        if path is None or name in seen or name.startswith(PLUMBING):
            continue
        seen[name], imported = (read_cell_code if path.parent == STAGES else read_module)(path)
        pending |= imported
    return seen


def cell_closure(cell: Cell) -> dict[str, str]:
    return closure(frozenset([cell.module, *cell.spec.modules()]))


def code_version(cell: Cell) -> str:
    return hash_json(cell_closure(cell), 12)


def libraries(cell: Cell) -> dict[str, str]:
    """Versions of what computes a cell's numbers."""
    names = [*LIBRARIES, *(peer for module, peer in PEERS.items() if module in cell_closure(cell))]
    return {name: version(name).split("+")[0] for name in names}


def cell_key(cell: Cell) -> str:
    """20 hexadecimal digits that depend on no path, host, clock, rank or number of workers."""
    return hash_json(
        {
            "stage": cell.stage,
            "spec": spec_values(cell.spec),
            "inputs": {name: given.hash for name, given in cell.inputs.items()},
            "code": code_version(cell),
            "libraries": libraries(cell),
        },
        20,
    )
