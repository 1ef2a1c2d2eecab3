"""MLflow made to agree with the records and the pretrained models; the receipt says of which records."""

from maskbank.config import Params
from maskbank.files import write_json
from maskbank.records.places import DATA, REPORTS

AFTER = "report"


def execute(params: Params) -> None:
    from maskbank.tracking.reconcile import reconcile

    receipt = reconcile(REPORTS, params)
    write_json(DATA / "track" / "receipt.json", receipt.facts())
    print(receipt.line())
