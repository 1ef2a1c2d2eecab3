"""The page "Claims": every hypothesis of params, where it was judged, and what decided. Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from maskbank.report.contrasts import counted
from maskbank.report.recipe_words import p_text
from maskbank.report.tables import points
from maskbank.report.transfer_material import grid, section
from maskbank.statistics.claim import DIFFERENCE

TITLE = "The papers' claims on these records"
Row = Mapping[str, Any]
HEAD = ("where", "contrast", "measured", "95 % interval", "n", "p used", "MDE", "verdict", "reason")


def claims_page(claims: Sequence[Row], rules: Sequence[Row], records_hash: str) -> str:
    """The whole page, from claims.json and rules.json."""
    opening = (
        "Written by the stage `report` from `claims.json`; no number is typed by hand. Each hypothesis is declared in "
        "`params.yaml` under `claims`. A verdict is of our reading of the method, in this setting: none of them says what the "
        "paper's own experiments showed. Of each claim the table shows the first contrast that was measured, in points unless "
        "it says otherwise; all of them are in `claims.json`. MDE: the smallest true difference that this n finds with 80 % "
        "power, before correction."
    )
    failing = ", ".join(rule["id"] for rule in rules if rule["verdict"] == "fail") or "none"
    parts = [f"# {TITLE}", opening, f"Records: {records_hash}. Rules of a fair benchmark that fail: {failing}."]
    for name in dict.fromkeys(claim["hypothesis"] for claim in claims):
        own = [claim for claim in claims if claim["hypothesis"] == name]
        first = own[0]
        parts.append(
            section(
                first["says"],
                f"`{name}`, {first['paper']}. Reported there: {first['reported']}.",
                f"Test: {first['test']}.",
                f"In these records: {counted([str(claim['verdict']) for claim in own], 'place')}.",
                grid(HEAD, [line(claim) for claim in own]),
            )
        )
    return "\n\n".join(parts) + "\n"


def line(claim: Row) -> list[str]:
    """Cells of the columns HEAD."""
    measured = claim["measured"]
    if not measured:
        return [claim["where"], claim["contrast"], "–", "–", "–", "–", "–", claim["verdict"], claim["reason"]]
    first = measured[0]
    signed = claim["quantity"] == DIFFERENCE
    kind = "" if signed else f" ({claim['quantity']})"
    low, high = (points(first[end], signed) for end in ("ci_low", "ci_high"))
    return [
        claim["where"], claim["contrast"], f"{points(first['difference'], signed)}{kind}",
        "–" if low == high == "–" else f"{low} to {high}", f"{first['n']} {first['unit']}", p_text(first["p_used"]),
        points(first["minimal_detectable_effect"]), claim["verdict"], claim["reason"],
    ]  # fmt: skip
