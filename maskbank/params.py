"""params.yaml: read, checked, written. A profile is a params.yaml of differences to the defaults.

The sections and checks of stages are found by folder: a file of `maskbank/stages` that defines a class SECTION, or a
function `check(params)`, has them.
"""

import functools
from io import StringIO
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError, create_model
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError

from maskbank.config import Common, Params
from maskbank.errors import InputError
from maskbank.files import write_bytes
from maskbank.registry import STAGES, pipeline

PROFILES = Path(__file__).parent / "profiles"
PARAMS = Path("params.yaml")


@functools.cache
def whole() -> type[Params]:
    """Params with the sections of all stages, in the order of the pipeline."""
    stages = {name: STAGES.module(name) for name in pipeline()}
    sections: dict[str, Any] = {
        name: (stage.SECTION, stage.SECTION()) for name, stage in stages.items() if hasattr(stage, "SECTION")
    }
    bases: Any = (Params, create_model("Stages", __base__=Common, **sections))
    return create_model("Params", __base__=bases)


def check_names(params: Params) -> None:
    """Let each stage check the names that params give, against registries and one another."""
    for name in pipeline():
        if STAGES.defines(name, "check"):
            STAGES.module(name).check(params)


def validate(values: Any, origin: str) -> Params:
    """Values -> Params. The first thing wrong becomes one line: key = value: what is expected."""
    try:
        params = whole().model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(shown_path(first["loc"])) or "(top level)"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        if first["type"] == "extra_forbidden":
            allowed = ", ".join(known_keys(first["loc"]))
            raise InputError(
                f"{origin}: {key} = {first['input']!r}: unknown key; allowed here: {allowed}{more}"
            ) from None
        raise InputError(f"{origin}: {key} = {first['input']!r}: {first['msg']}{more}") from None
    try:
        check_names(params)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from None
    return params


def shown_path(location: tuple[int | str, ...]) -> list[str]:
    """Where a value stands in params.yaml; the kind of a claim, which pydantic adds behind its name, is no key."""
    parts = [str(part) for part in location]
    return parts[:2] + parts[3:] if parts[0:1] == ["claims"] else parts


def known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed beside an unknown one: those of the section that its path leads to."""
    sections: list[type[BaseModel]] = [whole()]
    for part in map(str, location[:-1]):
        inner = [section.model_fields[part].annotation for section in sections if part in section.model_fields]
        tagged = [
            section for section in sections if getattr(section.model_fields.get("judge"), "default", None) == part
        ]
        sections = [found for annotation in inner for found in models_in(annotation)] or tagged or sections
    return list(sections[0].model_fields)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a type is made of: of `dict[str, A | B]` both."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in models_in(inner)]


def read_yaml(path: Path) -> Any:
    try:
        return YAML(typ="safe").load(path.read_text()) or {}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; write it with `maskbank configure --profile default`") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}: not valid YAML{where}; mend it or run `maskbank configure`") from None


def load_params(path: Path = PARAMS) -> Params:
    return validate(read_yaml(path), str(path))


def params_or_default(path: Path = PARAMS) -> Params:
    return load_params(path) if path.is_file() else whole()()


def profile_names() -> list[str]:
    return sorted(path.stem for path in PROFILES.glob("*.yaml"))


def assign(values: dict[str, Any], assignment: str) -> None:
    """Set `a.b=c` in nested values; c is read as YAML."""
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise InputError(f"--set {assignment}: expected key=value, such as --set tasks.ways=5")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {assignment}: {parent} is a value, not a section")
    try:
        values[last] = YAML(typ="safe").load(text)
    except YAMLError:
        raise InputError(f"--set {assignment}: {text!r} is not valid YAML") from None


def profile_params(profile: str, assignments: list[str]) -> Params:
    """A profile with changes, validated."""
    if profile not in profile_names():
        raise InputError(f"--profile {profile}: no such profile; choose from {', '.join(profile_names())}")
    values = read_yaml(PROFILES / f"{profile}.yaml")
    for assignment in assignments:
        assign(values, assignment)
    values.setdefault("suite", {})["profile"] = profile
    return validate(values, f"profile {profile}")


def short_lists_flow(value: Any) -> Any:
    """The value with its lists of scalars marked to be written on one line."""
    if isinstance(value, dict):
        return {key: short_lists_flow(item) for key, item in value.items()}
    if isinstance(value, list):
        sequence = CommentedSeq(short_lists_flow(item) for item in value)
        if not any(isinstance(item, dict | list) for item in value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def write_params(params: Params, path: Path = PARAMS) -> None:
    """Write every key, also those at their defaults, so that DVC sees each change."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    stream.write("# Written by `maskbank configure`; edit freely, every key is checked before anything runs.\n")
    yaml.dump(short_lists_flow(params.model_dump()), stream)
    write_bytes(path, stream.getvalue().encode())
