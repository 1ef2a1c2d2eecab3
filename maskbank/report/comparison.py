"""What is compared, as files: comparisons, the leaderboard, rules, claims and a summary."""

from dataclasses import asdict
from pathlib import Path

from maskbank.config import Params
from maskbank.files import hash_file, write_bytes, write_json
from maskbank.records.load import read_table
from maskbank.statistics.boards import leaderboard_of, leaderboard_schema
from maskbank.statistics.claims import judge_claims, ruled
from maskbank.statistics.comparisons import comparisons
from maskbank.statistics.contrasts import write_contrasts
from maskbank.statistics.facts import Facts
from maskbank.statistics.plain import plain
from maskbank.statistics.rules import judge_rules
from maskbank.statistics.summary import summarise


def read_facts(folder: Path, params: Params) -> Facts:
    """The facts of the tables in a folder."""
    tables = {name: read_table(name, folder) for name in ("records", "metrics", "timings")}
    return Facts(**tables, params=params, records_hash=hash_file(folder / "records.parquet"))


def write_comparison(facts: Facts, folder: Path) -> None:
    """Write contrasts.parquet, its view comparisons.csv, leaderboard.json with its schema, rules, claims and a summary."""
    rules = judge_rules(facts)
    table = ruled(facts, rules)
    claims = judge_claims(facts, table)
    write_contrasts(table, folder)
    csv = comparisons(table).to_csv(index=False, float_format="%.10g", lineterminator="\n")
    write_bytes(folder / "comparisons.csv", csv.encode())
    write_json(folder / "leaderboard.json", leaderboard_of(facts.records, facts.boards, facts.params.compare))
    write_json(folder / "leaderboard.schema.json", leaderboard_schema())
    write_json(folder / "rules.json", [asdict(rule) for rule in rules])
    write_json(folder / "claims.json", plain([asdict(claim) for claim in claims]))
    write_json(folder / "summary.json", plain(summarise(facts, table, rules, claims)))
