"""The tables of a report over made-up records of every stage, with units enough for every number."""

from functools import cache, reduce
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

from maskbank.report import compose
from maskbank.report.tables import Sheet
from tests.report import fake, fake_recipes, fake_relations, fake_sparse, fake_whole

Tables = dict[str, pd.DataFrame]


@cache
def tables() -> Tables:
    """Transfer with its bank, recipes with compression and sharpness, sparse training, structured pruning."""
    records, metrics, timings = fake_relations.everything(6)
    related = {"records": records, "metrics": metrics, "timings": timings}
    recipes = fake_recipes.recipes(("adam", "snt", "sam"), 3)
    sparse = fake_sparse.sparse(fake_whole.METHODS, seeds=3, rates=("cosine", "constant"))
    pruned = fake.frame_of(fake.structured(np.random.default_rng(0)))
    pruned = pruned.assign(cell_key="pruned" + pruned.cell_key)
    structured = {"records": pruned, "metrics": fake.attacks(pruned)}
    return reduce(fake_whole.joined, (recipes, sparse, structured), fake.tables(records.iloc[:0]) | related)


@cache
def sheets() -> dict[str, Sheet]:
    """Those that a report of these tables asks to write, by name."""
    found: dict[str, Sheet] = {}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose, "write_sheet", lambda sheet, _: found.update({sheet.name: sheet}))
        for page in ("render", "transfer_page", "pretraining_page", "sparse_page"):
            patch.setattr(compose, page, lambda *_: "")
        fake_whole.drawings(Path(folder), tables())
    return found
