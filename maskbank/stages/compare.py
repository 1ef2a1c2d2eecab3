"""Statistics, rules and claims, from the records."""

from maskbank import registry
from maskbank.checks import check_all
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.hypotheses import Declared, Superior
from maskbank.records.places import REPORTS
from maskbank.registry import STUDIES

AFTER = "evaluate"


def check(params: Params) -> None:
    for name, declared in params.claims.items():
        check_claim(declared, f"claims.{name}")


def check_claim(declared: Declared, key: str) -> None:
    """Names in a hypothesis: of a study that claims can be about, and of what that study compares."""
    arms = STUDIES.constant(STUDIES.check(declared.study, f"{key}.study"), "ARMS")
    if arms is None:
        able = ", ".join(name for name in STUDIES.names() if STUDIES.constant(name, "ARMS"))
        raise InputError(f"{key}.study = {declared.study!r}: no claim is read from it; choose from {able}")
    judges = STUDIES.constant(declared.study, "JUDGES")
    if declared.judge not in judges:
        raise InputError(f"{key}.judge = {declared.judge!r}: study {declared.study} is judged by {' or '.join(judges)}")
    for field in ("arms", "baselines", "beside"):
        check_all(getattr(registry, arms), getattr(declared, field), {}, f"{key}.{field}")
    if declared.study == "sparse":
        needed = declared.needs if isinstance(declared, Superior) else []
        check_all(registry.SPARSIFIERS, needed, {}, f"{key}.needs")


def execute(params: Params) -> None:
    from maskbank.report.comparison import read_facts, write_comparison

    write_comparison(read_facts(REPORTS, params), REPORTS)
