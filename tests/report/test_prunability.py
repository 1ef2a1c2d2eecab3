"""How much of a model can go: the crossing by hand, and the table."""

import pytest

from maskbank.report.print import latex, markdown
from maskbank.report.table import table
from maskbank.report.tables.prunability import removable
from tests.report import fake
from tests.report.synthetic import records_run


@pytest.mark.parametrize(
    ("removed", "kept", "share", "expected"),
    [
        ([0.2, 0.5], [0.95, 0.45], 0.5, (0.2 + 0.3 * 0.45 / 0.5, False)),  # between the second and the third point
        ([0.2, 0.5], [0.8, 0.45], 0.9, (0.1, False)),  # half way to the first
        ([0.2, 0.5], [0.99, 0.95], 0.9, (0.5, True)),  # never below
        ([], [], 0.9, (0.0, True)),
        ([0.5], [1.2], 0.9, (0.5, True)),  # better than dense
    ],
)
def test_the_crossing_by_hand(
    removed: list[float], kept: list[float], share: float, expected: tuple[float, bool]
) -> None:
    end, beyond = removable(removed, kept, share)
    assert end == pytest.approx(expected[0])
    assert beyond == expected[1]


def test_the_table_is_there_with_and_without_cells() -> None:
    records = fake.records()
    full = table("prunability", records_run(records))
    assert len(full.rows) == len(full.data)
    assert all(len(row) == len(full.head) for row in full.rows)
    empty = table("prunability", records_run(records[records.stage != "compress"]))
    assert empty.rows == ()
    for each in (full, empty):
        assert markdown(each).startswith("# How much of a model can go")
        assert r"\bottomrule" in latex(each)
