"""List the cells that did not end well, with reasons."""

from argparse import ArgumentParser, Namespace

from maskbank.records.places import DATA


def arguments(parser: ArgumentParser) -> None:
    """None."""


def run(given: Namespace) -> None:
    """A stage that runs again tries failed and timed-out cells again."""
    from maskbank.records.load import read_table

    found = 0
    for path in sorted(DATA.glob("**/records.parquet")):
        records = read_table("records", path.parent).drop_duplicates("cell_key")
        for row in records[records.status != "ok"].to_dict("records"):
            found += 1
            what = f"{row['method']} {row['backbone']} {row['task']}"
            print(f"{row['stage']} {row['cell_key']} {row['status']}: {what}: {row['reason']}")
    print(f"{found} cells did not end well")
