"""Where the tables of records lie. Knows no pandas."""

from collections.abc import Sequence
from pathlib import Path

from maskbank.registry import STAGES, pipeline

DATA, REPORTS = Path("data"), Path("reports")


def table_folders(parts: Sequence[str]) -> dict[str, list[Path]]:
    """Stage -> folders with the tables of its cells; `parts` are those of a stage that DVC runs in parts, the backbones."""
    return {
        name: [DATA / name / part for part in parts] if STAGES.defines(name, "parts") else [DATA / name]
        for name in pipeline()
        if STAGES.defines(name, "plan")
    }
