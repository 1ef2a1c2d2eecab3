"""The pages of single tasks."""

from typing import Any

from maskbank.report.chart_rows import SEEDS, ChartRows
from maskbank.report.interactive import task_order
from maskbank.report.panels import methods_of
from maskbank.report.words import setting_title


def task_tables(given: ChartRows) -> list[dict[str, Any]]:
    """Of each single task a table: rows of settings and methods, columns of budgets, in each cell one accuracy a T."""
    if given.rows.empty:
        return []
    order = {name: place for place, (name, _) in enumerate(methods_of(given.rows))}
    rows = given.rows[given.rows.one & (given.rows.seed == SEEDS)]
    titles = [setting_title(row, given.settings) for row in given.settings.to_dict("records")]
    found: list[dict[str, Any]] = []
    names = task_order(given)
    for name, own in sorted(rows.groupby("tasks"), key=lambda item: names.index(str(item[0]))):
        budgets, steps = sorted(set(own.budget_asked), reverse=True), sorted(set(own.steps))
        cells = dict(
            zip(zip(own.setting, own.method, own.budget_asked, own.steps, strict=True), own.accuracy, strict=True)
        )
        pairs = sorted(set(zip(own.setting, own.method, strict=True)), key=lambda pair: (pair[0], order[pair[1]]))
        found.append({
            "name": name, "kind": given.kinds[str(name)], "place": names.index(str(name)),
            "setting": int(own.setting.iloc[0]), "budgets": budgets, "steps": steps, "n": own.n,
            "rows": [
                (number, titles[number], method, [[cells.get((number, method, budget, t)) for t in steps] for budget in budgets])
                for number, method in pairs
            ],
        })  # fmt: skip
    return found
