"""Count the cells of each stage by status."""

from argparse import ArgumentParser, Namespace
from collections import Counter

from maskbank.params import load_params
from maskbank.records.places import table_folders
from maskbank.stages.pretrain import Pretrain


def arguments(parser: ArgumentParser) -> None:
    """None."""


def run(given: Namespace) -> None:
    """From the tables that stages have left."""
    from maskbank.records.load import read_table

    for stage, folders in table_folders(load_params()[Pretrain].backbones).items():
        ready = [folder for folder in folders if (folder / "records.parquet").is_file()]
        counts: Counter[str] = Counter()
        for folder in ready:
            counts.update(read_table("records", folder).drop_duplicates("cell_key").status)
        text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "not run"
        print(f"{stage:9} {text}{'' if len(ready) == len(folders) else ' (some backbones not run)'}")
