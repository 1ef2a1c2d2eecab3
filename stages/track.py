"""Track: MLflow made to agree with the records and the pretrained nets; the receipt says of which records."""

from pathlib import Path

from maskbank.errors import exits
from maskbank.files import write_json
from maskbank.params import load_params
from maskbank.records.load import REPORTS
from maskbank.tracking.reconcile import reconcile

RECEIPT = Path("data/track/receipt.json")


@exits
def main() -> None:
    receipt = reconcile(REPORTS, load_params())
    write_json(RECEIPT, receipt.facts())
    print(receipt.line())


if __name__ == "__main__":
    main()
