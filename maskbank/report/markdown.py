"""Pages in Markdown, found by folder: prose and tables stand in the templates of `pages`, numbers come from the run."""

import re
from collections.abc import Container, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from maskbank.files import write_bytes
from maskbank.registry import Registry
from maskbank.report import words
from maskbank.report.order import in_recipe_order
from maskbank.report.run import Run
from maskbank.report.style import label

PAGES = Registry("page", "data", ("report.pages",))
TEMPLATES = Path(__file__).parent / "pages"
FILTERS = {  # by name in the templates
    "between": words.between, "bn": partial(words.word, "bn"), "correlation": words.correlation_text,
    "correlations": words.interval_text, "counted": words.counted, "detectable": words.detectable,
    "distinct": words.distinct, "how": words.how_words, "in_recipe_order": in_recipe_order,
    "kind": words.KIND_WORDS.__getitem__, "label": label, "measure": words.measure_words, "metric": words.metric_words,
    "model": words.model_words, "names": words.names, "number": words.number, "number_range": words.number_range,
    "outcome": words.outcome_word, "p": words.p_text, "points": words.points, "ratio_interval": words.ratio_interval,
    "removed": words.removed, "scientific": words.scientific, "signed": words.signed_points,
    "similarity": words.similarity_word, "task": words.task_words,
}  # fmt: skip


def write_pages(run: Run, folder: Path, figures: Mapping[str, str], tables: Container[str]) -> None:
    """Write every page. `figures` are the written ones with what a reader sees in them, `tables` the written ones."""
    for name in PAGES.names():
        write_bytes(folder / f"{name}.md", page(name, run, figures, tables).encode())


def page(name: str, run: Run, figures: Mapping[str, str], tables: Container[str]) -> str:
    """One page. It shows a picture only where the figure was written, and says of a table that was not that it has no rows."""

    def figure(name: str) -> str:
        return f"![{figures[name]}](figures/{name}.png)" if name in figures else ""

    def table(name: str, ending: str = "csv") -> str:
        path = f"tables/{name}.{ending}"
        return f"[{path}]({path})" if name in tables else f"{path} (no rows)"

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, finalize=in_a_cell, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= FILTERS | {
        "cells_failed": cells_failed,
        "setting": partial(words.setting_title, beside=run.comparisons),
        "tallied": words.tallied,
        "verdict": words.verdict,
    }
    environment.globals |= {"figure": figure, "table": table, "run": run, "MDE": words.MDE}
    text = environment.get_template(f"{name}.md").render(PAGES.module(name).data(run))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def in_a_cell(value: object) -> object:
    """Text that may stand in a cell of a table, which a bar would end."""
    return value.replace("|", "/") if isinstance(value, str) else value


def cells_failed(records: pd.DataFrame) -> str:
    return f"{records[records.status != 'ok'].cell_key.nunique()} of {records.cell_key.nunique()}"
