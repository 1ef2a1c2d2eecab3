"""Runs of made-up tables, and their pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from maskbank.config import Params
from maskbank.report.markdown import page
from maskbank.report.run import Run
from maskbank.statistics.comparisons import compare

Judged = Sequence[Mapping[str, Any]]


class Written(dict[str, str]):
    """Every figure and every table, as if all were written."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return f"what {name} shows"


def run_of(
    tables: Mapping[str, pd.DataFrame], params: Params, claims: Judged = (), rules: Judged = (),
    comparisons: pd.DataFrame | None = None,
) -> Run:  # fmt: skip
    """The run of these tables; without `comparisons` they are made of its records."""
    records = tables["records"]
    return Run(
        params=params, **{name: tables[name] for name in ("records", "metrics", "timings", "curves")}, boards=(),
        comparisons=compare(records, params.compare) if comparisons is None else comparisons, claims=list(claims),
        rules=list(rules), records_hash="0123456789abcdef",
    )  # fmt: skip


def page_of(name: str, run: Run) -> str:
    return page(name, run, Written(), Written())
