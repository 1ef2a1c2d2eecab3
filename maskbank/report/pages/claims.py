"""The page "The papers' claims on these records": every hypothesis of params, where it was judged, and what decided."""

from collections.abc import Mapping
from typing import Any

from maskbank.report.run import Run
from maskbank.report.words import NOTHING, interval, p_text, points
from maskbank.statistics.claim import DIFFERENCE


def data(run: Run) -> dict[str, Any]:
    hypotheses: dict[str, list[dict[str, Any]]] = {}
    for claim in run.claims:
        hypotheses.setdefault(claim["hypothesis"], []).append(claim | {"cells": cells(claim)})
    return {"hypotheses": hypotheses}


def cells(claim: Mapping[str, Any]) -> list[str]:
    """What was measured first for a claim: the effect, its interval, n, p used, and what its tests together can detect."""
    if not claim["measured"]:
        return [NOTHING] * 5
    first, signed = claim["measured"][0], claim["quantity"] == DIFFERENCE
    return [
        points(first["difference"], signed) + ("" if signed else f" ({claim['quantity']})"),
        interval(first["ci_low"], first["ci_high"], lambda end: points(end, signed)),
        f"{first['n']} {first['unit']}", p_text(first["p_used"]), points(claim["detectable"]),
    ]  # fmt: skip
