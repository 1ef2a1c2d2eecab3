"""How many weights are to be live, exactly; and what cannot be had is said before anything is trained."""

import math

import pytest
import torch

from maskbank.errors import InputError, WorkError
from maskbank.sparse.goal import Goal

SHAPES = {"a.weight": (8, 4, 3, 3), "b.weight": (16, 8, 1, 1), "c.weight": (12, 16)}  # 288, 128, 192

NARROW = Goal({"a.weight": (64, 4), "b.weight": (4, 4)}, 0.1, "uniform", 40, pattern_name="channel")
SMALL = Goal({"a.weight": (64, 64), "b.weight": (4, 4)}, 0.03, "uniform", 40)


def goal(budget: float, allocation: str = "uniform", pattern: str = "unstructured", **more: float) -> Goal:
    return Goal(SHAPES, budget, allocation, 40, pattern_name=pattern, **more)  # type: ignore[arg-type]


def random_masks(goal: Goal) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.rand(shape, generator=generator) for name, shape in goal.shapes.items()}
    return goal.choose(values, goal.live(goal.budget))


@pytest.mark.parametrize("budget", [0.5, 0.2, 0.1, 0.05, 0.02])
@pytest.mark.parametrize("allocation", ["uniform", "global", "erk"])
def test_counts_are_exact(budget: float, allocation: str) -> None:
    found = goal(budget, allocation)
    found.check()
    masks = random_masks(found)
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    if allocation == "uniform":
        assert counts == {name: round(budget * math.prod(shape)) for name, shape in SHAPES.items()}
    else:
        assert sum(counts.values()) == round(budget * 608)
    found.check_live(masks, found.live(budget))


def test_erk_by_hand() -> None:
    """Density ~ sum of dimensions / product: 18/288, 26/128, 28/192, so 18 : 26 : 28 weights; 72 of 608 are asked for."""
    assert goal(72 / 608, "erk").live(72 / 608) == [(["a.weight"], 18), (["b.weight"], 26), (["c.weight"], 28)]


def test_a_part_of_the_tensors() -> None:
    assert goal(0.25).live(0.25, ["c.weight"]) == [(["c.weight"], 48)]
    assert goal(0.25, "global").live(0.25, ["a.weight", "c.weight"]) == [(["a.weight", "c.weight"], 120)]
    assert goal(0.25).live(1, ["b.weight"]) == [(["b.weight"], 128)]


def test_global_ranks_all_tensors_together() -> None:
    values = {name: torch.full(shape, float(place)) for place, (name, shape) in enumerate(SHAPES.items())}
    found = goal(0.5, "global")
    masks = found.choose(values, found.live(0.5))
    assert [int(mask.sum()) for mask in masks.values()] == [1, 111, 192], "one of a tensor always stays"


def test_patterns() -> None:
    two_of_four = random_masks(goal(0.5, pattern="2:4"))
    assert (two_of_four["a.weight"].movedim(1, -1).unflatten(-1, (-1, 4)).sum(-1) == 2).all()
    blocks = random_masks(goal(0.25, pattern="block:4"))
    tiles = blocks["c.weight"].reshape(3, 4, 4, 4).float().mean((1, 3))
    assert sorted(tiles.flatten().tolist()) == [0.0] * 9 + [1.0] * 3
    channels = random_masks(goal(0.25, pattern="channel"))
    assert [int(mask.flatten(1).all(1).sum()) for mask in channels.values()] == [2, 4, 3]
    assert all((mask.flatten(1).any(1) == mask.flatten(1).all(1)).all() for mask in channels.values())


def test_a_channel_stays_for_the_sum_of_its_weights() -> None:
    found = Goal({"a.weight": (4, 2)}, 0.5, "uniform", 40, pattern_name="channel")
    values = {"a.weight": torch.tensor([[3.0, 0.0], [2.0, 2.0], [0.0, 1.0], [9.0, 0.0]])}
    assert found.choose(values, found.live(0.5))["a.weight"].tolist() == [
        [False] * 2,
        [True] * 2,
        [False] * 2,
        [True] * 2,
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (SMALL, r"budget = 0\.03: empties b\.weight, of which 16 could be live; use at least 0\.0625, or allocation"),
        (NARROW, r"empties b\.weight, of which 4 could be live"),
        (goal(0.001, "global"), "out of reach"),
        (goal(0.5, pattern="2:3"), r"pattern 2:3, m = 3: a\.weight has 4 inputs"),
        (goal(0.25, pattern="block:8"), r"block size = 8: a\.weight has 4 inputs"),
        (goal(0.4, pattern="2:4"), "keeps 0.5 of the weights"),
        (goal(0.5, "erk", "2:4"), "use uniform"),
        (goal(0.5, "erk", "channel"), r"allocation = 'erk': channels are not of one size.* use uniform"),
        (goal(0.5, pattern="rows"), r"pattern = 'rows': expected unstructured, channel, n:m"),
        (goal(0.5, tune_fraction=0.01), r"sparsify\.steps = 40: 0 of them are the fine-tune"),
    ],
)
def test_what_cannot_be_had_is_said(asked: Goal, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        asked.check()
    assert "\n" not in str(error.value)


def test_a_wrong_count_is_named() -> None:
    found = goal(0.25)
    masks = random_masks(found)
    masks["b.weight"][masks["b.weight"].nonzero()[0].split(1)] = False
    with pytest.raises(WorkError, match=r"b\.weight: 31 live, 32 asked for"):
        found.check_live(masks, found.live(0.25))


def test_densities_are_known_unless_tensors_are_ranked_together() -> None:
    assert goal(0.25).densities(goal(0.25).live(0.25)) == dict.fromkeys(SHAPES, 0.25)
    assert goal(0.25, "global").densities(goal(0.25, "global").live(1)) == dict.fromkeys(SHAPES, 1.0)
    with pytest.raises(InputError, match="known only afterwards"):
        goal(0.25, "global").densities(goal(0.25, "global").live(0.25))
