"""Overlap of masks: by hand, against a simulation, and the rows of a mask's reliability."""

import numpy as np
import pytest

from maskbank.measures.overlap import (
    chance_iou,
    chance_iou_by_layer,
    iou,
    iou_by_layer,
    mean_overlap,
    reliability_rows,
    sizes,
    widths,
)


def mask(**layers: list[int]) -> dict[str, np.ndarray]:
    return {name: np.array(kept, dtype=bool) for name, kept in layers.items()}


A = mask(wide=[1, 1, 0, 0], narrow=[1, 0])
B = mask(wide=[0, 1, 1, 0], narrow=[1, 0])
NOTHING = mask(wide=[0, 0, 0, 0], narrow=[0, 0])


def test_iou_by_hand():
    assert iou(A, B) == 2 / 4
    assert iou_by_layer(A, B) == {"wide": 1 / 3, "narrow": 1}
    assert iou(A, A) == 1
    assert iou(A, NOTHING) == 0
    assert np.isnan(iou(NOTHING, NOTHING))


def test_chance_by_hand():
    counts = widths(A), widths(B), sizes(A)
    assert chance_iou_by_layer(*counts) == {"wide": pytest.approx(1 / 3), "narrow": pytest.approx(0.5 / 1.5)}
    assert chance_iou(*counts) == pytest.approx(1.5 / 4.5)
    whole = {"wide": 4, "narrow": 2}
    assert chance_iou(whole, whole, whole) == 1


def test_chance_is_what_random_masks_give():
    generator = np.random.default_rng(0)
    of, first, second = {"x": 64, "y": 32, "z": 128}, {"x": 30, "y": 10, "z": 3}, {"x": 24, "y": 4, "z": 20}

    def drawn(counts: dict[str, int]) -> dict[str, np.ndarray]:
        return {name: generator.permutation(of[name]) < counts[name] for name in of}

    found = np.mean([iou(drawn(first), drawn(second)) for _ in range(4000)])
    assert chance_iou(first, second, of) == pytest.approx(found, abs=0.002)
    assert chance_iou(first, second, of) < found
    flat = {"all": sum(first.values())}, {"all": sum(second.values())}, {"all": sum(of.values())}
    assert abs(chance_iou(*flat) - found) > 0.01, "layer widths matter"


def test_mean_overlap_is_over_pairs():
    assert mean_overlap([A, B, A]) == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert np.isnan(mean_overlap([A]))


def test_reliability_rows_by_hand():
    rows = {(metric, setting): value for metric, setting, value in reliability_rows(
        {"default": A, "reseeded": B, "half_a": A, "half_b": NOTHING}
    )}  # fmt: skip
    assert rows == {
        ("iou_reseeded", "all"): 0.5, ("iou_reseeded", "wide"): 1 / 3, ("iou_reseeded", "narrow"): 1,
        ("iou_split_half", "all"): 0, ("iou_split_half", "wide"): 0, ("iou_split_half", "narrow"): 0,
        ("iou_random", "all"): pytest.approx(1 / 3), ("iou_random", "wide"): pytest.approx(1 / 3),
        ("iou_random", "narrow"): pytest.approx(1 / 3),
    }  # fmt: skip


def test_reliability_needs_a_pair_and_leaves_out_empty_layers():
    assert reliability_rows({"default": A, "half_a": B}) == []
    metrics = {metric for metric, _, _ in reliability_rows({"default": A, "half_a": A, "half_b": B})}
    assert metrics == {"iou_split_half", "iou_random"}
    bare = A | mask(narrow=[0, 0])
    settings = {setting for _, setting, _ in reliability_rows({"default": bare, "reseeded": bare})}
    assert settings == {"all", "wide"}
