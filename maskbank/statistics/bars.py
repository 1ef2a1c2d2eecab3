"""Which headlines a failing rule forbids: their differences are shown, and no verdict on them is."""

from maskbank.errors import InputError
from maskbank.statistics.facts import FAIL, Facts, Verdict
from maskbank.statistics.pairing import SETTING

ASSAYS, ROBUST = "X12", "X13"  # known headline by headline; all other rules are of the whole run


def barred(facts: Facts, rules: list[Verdict]) -> list[str]:
    """For each row of `facts.headlines` the ids of `compare.rules` that fail for it, with spaces between; empty: none.

    A failing assay (X12) forbids the headlines of its board, an unstable verdict (X13) that headline alone.
    """
    needed = facts.params.compare.rules
    unknown = [name for name in needed if name not in {rule.id for rule in rules}]
    if unknown:
        raise InputError(
            f"compare.rules = {unknown[0]}: no such rule; choose from {', '.join(rule.id for rule in rules)}"
        )
    failing = [rule.id for rule in rules if rule.id in needed and rule.verdict == FAIL]
    withdrawn = {tuple(board.setting[name] for name in SETTING) for board in facts.boards if board.withdrawn}
    heads = facts.headlines
    here = {
        ASSAYS: [names in withdrawn for names in heads[SETTING].itertuples(index=False, name=None)],
        ROBUST: [index in facts.unstable for index in heads.index],
    }
    return [" ".join(name for name in failing if name not in here or here[name][place]) for place in range(len(heads))]
