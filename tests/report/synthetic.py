"""The synthetic run: made-up records of every stage, with units enough for every number, table and figure of a report."""

from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskbank.config import Params
from maskbank.records.load import write_tables
from maskbank.report.comparison import write_comparison
from maskbank.report.figure import Figure, rendered
from maskbank.report.markdown import page
from maskbank.report.run import Run
from maskbank.report.table import Table
from maskbank.report.venues import Venue
from maskbank.statistics.contrasts import every_contrast
from maskbank.statistics.facts import Facts
from maskbank.statistics.verdict import verdict
from tests.report import fake, fake_recipes, fake_relations, fake_sparse

Tables = dict[str, pd.DataFrame]
PARAMS = Params.model_validate({"compare": {"resamples": 100}})
METHODS = ("dense", "c_gap", "p_gap", "gmp", "prune_from_dense", "rigl", "static")
NAMES = ("records", "metrics", "timings")
MADE: dict[tuple[Any, ...], tuple[pd.DataFrame, list[pd.DataFrame]]] = {}
SVG = {"svg": b"<svg/>"}


def whole() -> Tables:
    """Transfer with its bank, recipes with compression and sharpness, sparse training, structured pruning."""
    records, metrics, timings = fake_relations.everything(6)
    related = {"records": records, "metrics": metrics, "timings": timings}
    recipes = fake_recipes.recipes(("adam", "snt", "sam"), 3, landscape=3)
    sparse = fake_sparse.sparse(METHODS, seeds=3, rates=("cosine", "constant"))
    pruned = fake.frame_of(fake.structured(np.random.default_rng(0)))
    pruned = pruned.assign(cell_key="pruned" + pruned.cell_key)
    structured = {"records": pruned, "metrics": fake.attacks(pruned)}
    return reduce(joined, (recipes, sparse, structured), fake.tables(records.iloc[:0]) | related)


def joined(a: Tables, b: Tables) -> Tables:
    """Rows of both; a table that only one of them has is as it is there."""
    both = {name: [own for own in (a[name], b[name]) if len(own)] for name in b}
    return a | {name: pd.concat(parts, ignore_index=True) for name, parts in both.items() if parts}


def compared(folder: Path, tables: Tables, params: Params = PARAMS) -> Path:
    """The folder with the tables and what the stage compare makes of them."""
    write_tables(tables, folder)
    write_comparison(Facts(tables["records"], tables["metrics"], tables["timings"], params, "hash"), folder)
    return folder


def run_of(tables: Tables, params: Params = PARAMS, **others: Any) -> Run:
    """A run of these tables and their contrasts; no board, claim or rule is in it but for what `others` give."""
    given = {"contrasts": contrasts_of(tables, params), "boards": [], "claims": [], "rules": []}
    parts = {name: tables[name] for name in ("records", "metrics", "timings", "curves")}
    return Run(params=params, records_hash="0123456789abcdef", **parts, **given | others)


def contrasts_of(tables: Tables, params: Params) -> pd.DataFrame:
    """The contrasts of these tables, made once for the same ones."""
    key = (*(id(tables[name]) for name in NAMES), params.compare.model_dump_json())
    if key not in MADE:
        kept = [tables[name] for name in NAMES]  # an object that lives keeps its id
        MADE[key] = every_contrast(Facts(*kept, params)), kept
    return MADE[key][0]


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """A contrast with its verdict."""
    whole = {"withheld": "", "question": "margin" if row.get("role") == "reference" else "higher"} | row
    return whole | {"verdict": verdict(whole, 0.05)}


class Written(dict[str, str]):
    """Every figure and every table, as if all were written."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"what {name} shows"


def page_of(name: str, run: Run) -> str:
    return page(name, run, Written(), Written())


def records_run(frame: pd.DataFrame, params: Params = PARAMS, **others: Any) -> Run:
    """A run of these records, with the tables around them."""
    return run_of(fake.tables(frame), params, **others)


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def built(figure: Figure, *_: object) -> dict[str, bytes]:
    """Stands in for `write_figure`: every panel is drawn on, nothing is laid out or written."""
    assert figure.drawn
    return SVG


def without_pdf(figure: Figure, folder: Path, venue: Venue) -> dict[str, bytes]:
    """Stands in for `write_figure`, in half of the time."""
    files = rendered(figure, venue, ("svg", "png"))
    for ending, content in files.items():
        (folder / f"{figure.name}.{ending}").write_bytes(content)
    return files
