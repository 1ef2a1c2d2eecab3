"""What the stage evaluate adds to the records of all stages."""

import pandas as pd

from maskbank.experiments.assembly import with_dense_accuracy
from tests.statistics.made import rows_of


def test_a_seed_that_a_control_has_alone_stands_beside_the_reference_of_its_task() -> None:
    dense = rows_of(lambda method, split, task, seed, budget, step: 0.8 + 0.1 * seed, ("dense",), splits=2, seeds=2)
    random = rows_of(lambda *_: 0.5, ("random",), splits=2, seeds=3)
    found = with_dense_accuracy(pd.concat([dense, random], ignore_index=True))
    own = found[found.method == "random"].groupby("seed").accuracy_dense.agg(["min", "max"]).round(9)
    assert own.to_numpy().tolist() == [[0.8, 0.8], [0.9, 0.9], [0.85, 0.85]]
    alone = with_dense_accuracy(random)
    assert alone.accuracy_dense.isna().all()
