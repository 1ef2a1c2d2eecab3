"""Checks of the names that params give, for the files of the stages."""

from collections.abc import Mapping, Sequence

from maskbank.errors import InputError
from maskbank.registry import Registry
from maskbank.section import Options


def check_all(registry: Registry, names: Sequence[str], options: Mapping[str, Options], key: str) -> None:
    """Raises InputError for a name that the registry does not know, and for an option that it does not take."""
    for index, name in enumerate(names):
        registry.check(name, f"{key}.{index}")
    for name, chosen in options.items():
        registry.check_options(name, dict(chosen), f"{key.rsplit('.', 1)[0]}.options.{name}")


def among(names: Sequence[str] | None, known: Sequence[str], key: str, why: str) -> None:
    """Raises InputError for a name that is not among the known ones; no names at all (None) pass."""
    for index, name in enumerate(names or []):
        if name not in known:
            place = f"{key}.{index}" if len(names or []) > 1 or key.endswith("s") else key
            raise InputError(f"{place} = {name!r}: {why}; choose from {', '.join(known)}")
