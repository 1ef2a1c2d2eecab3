"""maskbank: an experiment-tracking benchmark suite for network pruning."""

from typing import Any

__version__ = "0.1.0"
__all__ = ["load_records"]


def __getattr__(name: str) -> Any:
    """Resolve the public names when asked for, so that `import maskbank` stays free of pandas."""
    if name == "load_records":
        from maskbank.records.load import load_records

        return load_records
    raise AttributeError(f"module 'maskbank' has no attribute {name!r}")
