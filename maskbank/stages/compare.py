"""Statistics, rules and claims, from the records."""

from typing import Any

from maskbank.checks import check_all
from maskbank.config import Params
from maskbank.records.places import REPORTS
from maskbank.registry import COMPRESS, RECIPES, SPARSIFIERS

AFTER = "evaluate"


def check(params: Params) -> None:
    for name, declared in params.claims.items():
        check_claim(declared.model_dump(), f"claims.{name}")


def check_claim(declared: dict[str, Any], key: str) -> None:
    """Names in a hypothesis: of sparse training where it has `methods`, else of compression and of pretraining recipes."""
    check_all(SPARSIFIERS, declared.get("methods", []), {}, f"{key}.methods")
    check_all(SPARSIFIERS, declared.get("rivals", []), {}, f"{key}.rivals")
    for registry, fields in ((COMPRESS, ("method", "rival")), (RECIPES, ("recipe", "beside"))):
        for field in fields:
            if field in declared:
                registry.check(declared[field], f"{key}.{field}")


def execute(params: Params) -> None:
    from maskbank.report.comparison import read_facts, write_comparison

    write_comparison(read_facts(REPORTS, params), REPORTS)
