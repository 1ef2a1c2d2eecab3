"""Registries: a folder of modules, one name a file, imported only when asked for.

Adding a method is adding its file. Listing and checking names reads the folder, never the modules, so that
params can be validated without importing torch.
"""

import ast
import functools
import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from maskbank.errors import InputError

PACKAGE = Path(__file__).parent
TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


@functools.cache
def parsed(path: Path) -> ast.Module:
    """A plan asks the same modules for each of its cells."""
    return ast.parse(path.read_text())


@dataclass(frozen=True)
class Registry:
    """Names found in `packages` (dotted, below maskbank); each module defines the function `entry`."""

    noun: str
    entry: str
    packages: tuple[str, ...]

    def files(self) -> dict[str, Path]:
        """Name -> file, sorted by name."""
        folders = [PACKAGE.joinpath(*package.split(".")) for package in self.packages]
        found = {path.stem: path for folder in folders for path in folder.glob("*.py") if path.stem != "__init__"}
        return dict(sorted(found.items()))

    def names(self) -> list[str]:
        return list(self.files())

    def check(self, name: str, key: str) -> str:
        """Return the name, or raise an InputError that says where it was asked for and what exists."""
        if name not in self.files():
            raise InputError(f"{key} = {name!r}: no such {self.noun}; choose from {', '.join(self.names())}")
        return name

    def module_name(self, name: str) -> str:
        path = self.files()[self.check(name, self.noun)]
        return ".".join(("maskbank", *path.relative_to(PACKAGE).with_suffix("").parts))

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(self.module_name(name))

    def functions(self, name: str) -> dict[str, ast.FunctionDef]:
        tree = parsed(self.files()[name])
        return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def defines(self, name: str, function: str) -> bool:
        """Whether the module has this function beside its entry."""
        return function in self.functions(name)

    def options(self, name: str) -> list[str]:
        """Names of the keyword-only arguments of the entry function: what params may set for it."""
        return list(self.option_types(name))

    def option_types(self, name: str) -> dict[str, str]:
        """The options with their annotated types as written, "" where there is none."""
        entry, base = self.entry_function(name), self.base(name)
        inherited = self.option_types(base) if base and entry.args.kwarg else {}
        own = {each.arg: ast.unparse(each.annotation) if each.annotation else "" for each in entry.args.kwonlyargs}
        return inherited | own

    def entry_function(self, name: str) -> ast.FunctionDef:
        functions = self.functions(name)
        for entry in self.entry.split(" or "):
            if entry in functions:
                return functions[entry]
        raise InputError(f"{self.files()[name].name}: a {self.noun} must define the function {self.entry}()")

    def arguments(self, name: str) -> list[str]:
        """Names of the positional arguments of the entry function: what it wants to be given."""
        return [each.arg for each in self.entry_function(name).args.args]

    def default(self, name: str, option: str) -> Any:
        """The literal default of an option; None where there is no such option."""
        entry = self.entry_function(name).args
        known = {each.arg: value for each, value in zip(entry.kwonlyargs, entry.kw_defaults, strict=True)}
        value = known.get(option)
        return None if value is None else ast.literal_eval(value)

    def base(self, name: str) -> str | None:
        """The method that a control varies (`CONTROL_OF = "..."` in its module): it takes that one's options too."""
        return self.constant(name, "CONTROL_OF")

    def constant(self, name: str, constant: str) -> Any:
        """The literal that a module gives this name at its top level; None where it does not."""
        for node in parsed(self.files()[name]).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == constant:
                return ast.literal_eval(node.value)
        return None

    def check_options(self, name: str, options: dict[str, object], key: str) -> None:
        allowed = self.option_types(self.check(name, key))
        for option, value in options.items():
            if option not in allowed:
                choices = ", ".join(allowed) or "none"
                raise InputError(
                    f"{key}.{option} = {value!r}: {self.noun} {name!r} has no such option; allowed: {choices}"
                )
            literal = re.fullmatch(r"Literal(\[.*\])", allowed[option])
            if literal and value not in ast.literal_eval(literal[1]):
                choices = ", ".join(map(str, ast.literal_eval(literal[1])))
                raise InputError(f"{key}.{option} = {value!r}: choose from {choices}")
            taken = TYPES.get(allowed[option])
            if taken and (not isinstance(value, taken) or (isinstance(value, bool) and bool not in taken)):
                raise InputError(f"{key}.{option} = {value!r}: expected a value of type {allowed[option]}")

    def summary(self, name: str) -> str:
        """First line of the module's docstring."""
        return (ast.get_docstring(parsed(self.files()[name])) or "").split("\n")[0]


SCORES = Registry("score", "score", ("pruning.scores",))
METHODS = Registry("method", "score", ("pruning.scores", "bank.methods"))
BACKBONES = Registry("backbone", "build", ("models.backbones",))
RECIPES = Registry("recipe", "recipe", ("training.recipes",))
COMPRESSORS = Registry("compressor", "compress", ("pruning.compressors",))
COMPRESS = Registry("compression method", "score or compress", ("pruning.scores", "pruning.compressors"))
SPARSIFIERS = Registry("sparse-training method", "phases", ("sparse.methods",))
LEARNERS = Registry("mask learner", "make", ("bank.learners",))
SIMILARITIES = Registry("similarity", "similarity", ("bank.similarities",))
WORKLOADS = Registry("workload", "workload", ("workloads",))
STUDIES = Registry("study", "rows", ("statistics.studies",))
SOURCES = Registry("data source", "load", ("data.sources",))
STAGES = Registry("stage", "plan or execute", ("stages",))


@functools.cache
def pipeline() -> tuple[str, ...]:
    """All stages in order: each says behind which one it comes (`AFTER` in its file); of several that say the same, by name."""
    before = {name: STAGES.constant(name, "AFTER") for name in STAGES.names()}

    def behind(name: str | None) -> list[str]:
        return [found for each in before if before[each] == name for found in (each, *behind(each))]

    return tuple(behind(None))
