"""The synthetic table: the same on every load, imbalanced as said, learnable, and not by a linear model alone."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.neural_network import MLPClassifier

from maskbank.config import Data
from maskbank.data.prepare import duplicates, part_arrays
from maskbank.data.sources import credit
from maskbank.errors import InputError


def rows(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) / 32 - 4


def test_shape_and_balance() -> None:
    raw = credit.load(None, None).check("credit")
    assert raw.train_x.shape == (15_750, 1, 1, 29)
    assert raw.test_x.shape == (5_250, 1, 1, 29)
    assert len(raw.names) == credit.CLASSES == 2
    assert credit.IMAGE == (29, 1, 5_250 // 2)
    assert int(raw.train_y.sum() + raw.test_y.sum()) == 1_000, "1 in 21"
    for y in (raw.train_y, raw.test_y):
        assert 0.04 < y.mean() < 0.055


def test_every_load_is_the_same() -> None:
    one, two = credit.load(None, None), credit.load(None, 1)
    assert all(
        np.array_equal(getattr(one, part), getattr(two, part)) for part in ("train_x", "train_y", "test_x", "test_y")
    )
    assert duplicates(one.train_x, one.test_x) == 0


def test_bytes_are_used_and_seldom_cut() -> None:
    pixels = credit.load(None, None).train_x[:, 0, 0, :].astype(float)
    assert np.abs(pixels.mean(0) - 127.5).max() < 2
    assert np.abs(pixels.std(0) - 127.5 / credit.RANGE).max() < 2
    assert ((pixels == 0) | (pixels == 255)).mean() < 0.001


def test_learnable_but_not_trivially() -> None:
    raw = credit.load(None, None)
    linear = LogisticRegression(class_weight="balanced").fit(rows(raw.train_x), raw.train_y)
    bent = MLPClassifier((64, 64), max_iter=15, n_iter_no_change=15, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        bent.fit(rows(raw.train_x), raw.train_y)
    scores = [balanced_accuracy_score(raw.test_y, model.predict(rows(raw.test_x))) for model in (linear, bent)]
    assert 0.6 < scores[0] < 0.75
    assert 0.8 < scores[1] < 0.97


def test_parts_take_all_rows_or_equal_classes() -> None:
    raw = credit.load(None, None)
    arrays = part_arrays(raw, Data(validation_per_class=100))
    assert np.bincount(arrays["validation_y"]).tolist() == [100, 100]
    assert np.bincount(arrays["test_y"]).tolist() == np.bincount(raw.test_y).tolist(), "imbalanced unless cut"
    assert len(arrays["train_y"]) == 15_750 - 200


def test_path_and_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"data\.path = mine: the source credit is drawn from a seed"):
        credit.load(Path("mine"), None)
    with pytest.raises(InputError, match=r"data\.size = 20: the rows of credit are images of one pixel"):
        credit.load(None, 20)
