"""The page's interactive part: its scripts, the data that they draw, and the policy that keeps the page to itself."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskbank.report.chart_rows import ALL, SEEDS, ChartRows
from maskbank.report.panels import ROLES, methods_of, round_costs
from maskbank.report.shapes import method_look
from maskbank.report.style import label
from maskbank.report.words import setting_title

SCRIPT = Path(__file__).parent / "page.js"


@dataclass(frozen=True)
class Interactive:
    """`scripts` to inline, `data` as JSON, and the `methods` of the filters, by role."""

    scripts: tuple[str, ...]
    data: str
    methods: dict[str, list[dict[str, Any]]]


def interactive(given: ChartRows) -> Interactive | None:
    """None where there is nothing to draw. The libraries (0.9 MB) come from vl-convert."""
    if given.rows.empty:
        return None
    from maskbank.report.charts import charts  # imports altair: of no use to a page without charts

    methods = [method_look(name, role) for name, role in methods_of(given.rows)]
    names = [method["name"] for method in methods]
    data = {
        "charts": charts(),
        "methods": methods,
        **choices(given),
        "rows": {name: packed(values) for name, values in columns(given, names).items()},
    }
    placed = [method | {"place": place} for place, method in enumerate(methods)]
    groups = {role: [method for method in placed if method["role"] == role] for role in ROLES}
    return Interactive(
        (library(), SCRIPT.read_text()), inline(data), {role: own for role, own in groups.items() if own}
    )


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    from vl_convert import javascript_bundle

    return javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")


def inline(data: object) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def places(values: pd.Series, names: Sequence[str]) -> list[int]:
    return [int(place) for place in pd.Index(names).get_indexer(pd.Index(values))]


def task_order(given: ChartRows) -> list[str]:
    """All tasks, then task splits, then single tasks in their numbers' order."""
    means = sorted(set(given.rows[~given.rows.one].tasks), key=lambda name: (name != ALL, name))
    single = sorted(set(given.rows[given.rows.one].tasks), key=natural)
    return [*means, *single]


def natural(name: str) -> list[tuple[int, str]]:
    """s2 before s10."""
    parts = "".join(c if c.isdecimal() else f" {c} " for c in name).split()
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def seed_order(given: ChartRows) -> list[str]:
    return sorted(set(given.rows.seed), key=lambda name: (name != SEEDS, natural(name)))


def choices(given: ChartRows) -> dict[str, Any]:
    """What the filters offer: names of task sets and seeds, and of each setting what it has."""
    tasks, seeds = task_order(given), seed_order(given)
    single = {str(name) for name in given.rows[given.rows.one].tasks}
    offered = [
        {
            "title": f"{name} ({label(given.kinds[name])})" if name in single else mean_title(name),
            "one": name in single,
            "kind": given.kinds.get(name, name),
        }
        for name in tasks
    ]
    titles = [setting_title(row, given.settings) for row in given.settings.to_dict("records")]
    settings: list[dict[str, Any]] = [{"title": title, "has": False} for title in titles]
    for number, rows in given.rows.groupby("setting"):
        settings[int(str(number))] |= {"has": True, **offers(rows, tasks, seeds)}
    mean = "mean over seeds" if len(given.runs) > 1 else f"seed {given.runs[0]}, the only one"
    named = [mean, *(f"seed {name}" for name in seeds[1:])]
    return {"settings": settings, "tasks": offered, "seeds": named}


def mean_title(name: str) -> str:
    return "all tasks" if name == ALL else f"{label(name)} tasks"


def offers(rows: pd.DataFrame, tasks: Sequence[str], seeds: Sequence[str]) -> dict[str, Any]:
    """The choices of one setting, with those to start from: the budget that most methods ran at, and a T in the middle."""
    ran = rows.groupby("budget_asked").method.nunique()
    budgets, steps = sorted(map(float, ran.index)), sorted(map(int, set(rows.steps)))
    most = [budget for budget in budgets if ran[budget] == ran.max()]
    costs = rows.cost[rows.cost.notna()]
    first, last = (float(costs[costs > 0].min()), float(costs.max())) if (costs > 0).any() else (1.0, 1.0)
    zero = bool((costs == 0).any())
    return {
        "budgets": budgets,
        "steps": steps,
        "tasks": sorted(set(places(rows.tasks, tasks))),
        "seeds": sorted(set(places(rows.seed, seeds))),
        "start": {"budget": most[len(most) // 2], "steps": steps[len(steps) // 2]},
        "costs": {"first": first, "domain": [-0.25 * first if zero else first / 1.3, last * 1.4],
                  "ticks": [0.0] * zero + round_costs(first, last)},
    }  # fmt: skip


def columns(given: ChartRows, methods: Sequence[str]) -> dict[str, list[Any]]:
    """The rows column by column; accuracies in points to two digits to draw, to one as in tables to say; costs to three."""
    rows = given.rows
    keys = {"tasks": task_order(given), "seed": seed_order(given), "method": methods}
    return {
        "setting": rows.setting.tolist(),
        **{key: places(rows[key], names) for key, names in keys.items()},
        "budget": rows.budget_asked.astype(float).tolist(),
        "steps": rows.steps.astype(int).tolist(),
        "accuracy": short(100 * rows.accuracy, ".2f"),
        "said": short(100 * rows.accuracy, ".1f"),
        "half": short(100 * rows.half_width, ".2f"),
        "n": rows.n.astype(int).tolist(),
        "failed": rows.failed.astype(int).tolist(),
        "cost": short(rows.cost, ".3g"),
    }


def packed(values: list[Any]) -> list[Any] | dict[str, list[Any]]:
    """A column as runs of equal values where that is shorter: the `values`, and how many `times` each.

    >>> packed([1, 1, 1, 1, 2]), packed([1, 2])
    ({'values': [1, 2], 'times': [4, 1]}, [1, 2])
    """
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    if 2 * len(runs) >= len(values):
        return values
    return {"values": [value for value, _ in runs], "times": [count for _, count in runs]}


def short(values: pd.Series, form: str) -> list[float | int | None]:
    """Numbers of few digits; None where there is none."""
    found: list[float | int | None] = []
    for value in values.astype(float):
        number = float(format(value, form))
        found.append(None if np.isnan(number) else int(number) if number.is_integer() else number)
    return found


def policy(scripts: Sequence[str], style: str) -> str:
    """A content security policy under which nothing is loaded or sent: own scripts and style by their hashes, data images."""

    def hashes(texts: Sequence[str]) -> str:
        found = (f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts)
        return " ".join(found) or "'none'"

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes([style])}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
