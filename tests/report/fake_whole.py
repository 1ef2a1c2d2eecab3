"""Made-up records of every stage, as few as give each table and figure of a report something to show."""

from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Params
from maskbank.records.load import write_tables
from maskbank.report import compose
from maskbank.report.comparison import write_comparison
from maskbank.report.style import Drawing
from maskbank.statistics.facts import Facts
from tests.report import fake, fake_recipes, fake_relations, fake_sparse

Tables = dict[str, pd.DataFrame]
PARAMS = Params.model_validate({"compare": {"resamples": 100}})
METHODS = ("dense", "c_gap", "p_gap", "gmp", "prune_from_dense", "rigl", "static")


def tables() -> Tables:
    """Transfer with its bank, recipes with compression and sharpness, sparse training, structured pruning."""
    records, metrics, timings = fake_relations.everything(6, foreign=0)
    related = {"records": records, "metrics": metrics, "timings": timings}
    recipes = fake_recipes.recipes(("adam", "snt"), 2, landscape=3)
    recipes["records"] = recipes["records"][recipes["records"].pattern != "units"]
    sparse = fake_sparse.sparse(METHODS, seeds=2)
    pruned = fake.frame_of(fake.structured(np.random.default_rng(0), seeds=2))
    structured = {"records": pruned, "metrics": fake.attacks(pruned)}
    return reduce(joined, (recipes, sparse, structured), fake.tables(records.iloc[:0]) | related)


def joined(a: Tables, b: Tables) -> Tables:
    """Rows of both; a table that only one of them has is as it is there."""
    both = {name: [own for own in (a[name], b[name]) if len(own)] for name in b}
    return a | {name: pd.concat(parts, ignore_index=True) for name, parts in both.items() if parts}


def drawings(folder: Path, given: Tables, params: Params = PARAMS) -> dict[str, Drawing]:
    """Those that a report of the tables asks to write, by name; the rest of the report is left in the folder."""
    found: dict[str, Drawing] = {}

    def keep(drawing: Drawing, *_: object) -> dict[str, bytes]:
        found[drawing.name] = drawing
        return {"svg": b"<svg/>"}

    write_tables(given, folder)
    write_comparison(Facts(given["records"], given["metrics"], given["timings"], params, "hash"), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "write_drawing", keep)
        compose.write_report(params, folder)
    return found
