"""Where the prepared data set lies, and the name of its content. Knows no torch."""

from pathlib import Path

from maskbank.files import read_json

PREPARED = Path("data/prepared")
FOREIGN = PREPARED / "foreign"


def prepared_hash(folder: Path = PREPARED) -> str:
    return str(read_json(folder / "data.json")["hash"])
