"""One-shot transfer: the compared method against each of its rivals, on the same tasks and seeds."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from maskbank.config import Params
from maskbank.hypotheses import Declared
from maskbank.statistics.claim import Line, Measured, Reading, measured
from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.judges import INCONCLUSIVE, SUPPORTED, Judgement, agreed, superior
from maskbank.statistics.scores import TRANSFER, pair, tabulate
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables
from maskbank.statistics.transfer import POINT, SETTING, roles_of, setting_words

ARMS = "METHODS"  # the registry of what a claim may name
JUDGES = ("superior",)

HEADLINE, BY_TASK_SPLIT, AT_POINT = "headline", "task_split", "point"
RANDOM = "random"  # a rival below it carries no claim


def rows(tables: Tables) -> list[tuple[Row, pd.DataFrame]]:
    return [({**labels}, group) for labels, group in tables.settings]


def against(rows: pd.DataFrame, params: Params) -> Arms:
    return [(params.compare.method, rival) for rival in params.compare.against]


def roles(tables: Tables) -> Mapping[str, str]:
    return roles_of(tables.transfer)


STUDY = Study(
    axes=TRANSFER,
    levels=(  # a headline is the mean over all budgets and steps; the others describe
        Level(HEADLINE, (), tuple(SETTING), shows_not_run=True),
        Level(BY_TASK_SPLIT, ("task_split",), (*SETTING, "task_split")),
        Level(AT_POINT, tuple(POINT), (*SETTING, *POINT)),
    ),
    rows=rows,
    against=against,
    roles=roles,
    shown=(
        "role",
        "budgets",
        "steps_averaged",
        "tasks",
        "withheld",
        "probability_of_improvement",
        "improvement_low",
        "improvement_high",
    ),
)


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """Supported, or contradicted, only when every setting says so, and while no rule forbids the headline.

    At least two allocations are needed, and every one of the method's tunings: a difference that is gone once both are
    tuned was one of tuning.
    """
    ran, params = [row for row in rows if row["status"] != NOT_RUN], tables.params.compare
    if not ran:
        return Judgement(INCONCLUSIVE, "the two were run in no common setting")
    weak = [setting_words(row) for row in ran if below_random(row, tables)]
    if weak:
        return Judgement(INCONCLUSIVE, f"the rival lies below random units, and carries no claim ({'; '.join(weak)})")
    found = agreed({setting_words(row): superior(row, params.alpha, "p_holm") for row in ran})
    own = tables.transfer
    own = own[(own.method == params.method) & (own.dataset == ran[0]["dataset"]) & (own.backbone == ran[0]["backbone"])]
    lacking = [tuning for tuning in sorted(own.tuning.unique()) if tuning not in {row["tuning"] for row in ran}]
    if found.verdict == INCONCLUSIVE:
        return found
    if len({row["allocation"] for row in ran}) < 2:
        return Judgement(INCONCLUSIVE, f"one allocation only, two are needed ({found.reason})")
    if lacking:
        return Judgement(INCONCLUSIVE, f"the rival was not run with tuning {', '.join(lacking)} ({found.reason})")
    broken = sorted({rule for row in ran for rule in row["withheld"].split()})
    if "X16" in broken:
        return Judgement(INCONCLUSIVE, "the oracle is not shown above random units: no verdict here (rule X16)")
    if found.verdict == SUPPORTED and broken:
        text = f"the tests agree, but no headline is given while rules fail: {', '.join(broken)}"
        return Judgement(INCONCLUSIVE, text)
    return found


def below_random(row: Line, tables: Tables) -> bool:
    """Whether the rival of a headline has a lower mean than random units in its setting, where both were run."""
    own = next(rows for setting, rows in tables.settings if all(row[name] == setting[name] for name in SETTING))
    if not {row["baseline"], RANDOM} <= set(own.method):
        return False
    gaps = pair(tabulate(own), row["baseline"], RANDOM).clusters
    return len(gaps) > 0 and float(gaps.mean()) < 0


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    for row in rows[(rows.level == HEADLINE) & (rows.status != NOT_RUN)].to_dict("records"):
        words = f"{setting_words(row)}, kept {row['budgets']}, T {row['steps_averaged']}"
        yield measured(row, words, row["p"], row["p_holm"])


def places(rows: pd.DataFrame, declared: Declared, tables: Tables) -> list[Row]:
    """A data set, model and rival each; on foreign data sets only where both were run."""
    own = rows[(rows.status != NOT_RUN) | ~rows.dataset.isin(foreign(tables))]
    return [labels for labels, _ in parts(own, PLACE)]


def foreign(tables: Tables) -> set[str]:
    return set(tables.transfer.dataset[tables.transfer.task_split == "foreign"].unique())


def name(labels: Line, tables: Tables) -> str:
    where = [labels["dataset"]] if labels["dataset"] in foreign(tables) else []
    return "-".join([*where, labels["backbone"], labels["baseline"]])


def contrast(declared: Declared, labels: Line, tables: Tables) -> str:
    return f"{tables.params.compare.method} minus {labels.get('baseline', 'rivals')}"


PLACE = ("dataset", "backbone", "baseline")
READING = Reading(
    level=HEADLINE,
    tests={"superior": "paired t-test over splits, Holm over all headline contrasts of a setting, in every setting"},
    weigh=weigh,
    show=show,
    corrected=True,
    place=PLACE,
    name=name,
    contrast=contrast,
    places=places,
)
