"""Augmentation and batching on images that can be followed by eye."""

import torch

from maskbank.data.batches import TrainingBatches, evaluation_batches, shift_and_flip
from maskbank.data.dataset import DataSet


def test_shift_moves_pixels_and_brings_in_zeros() -> None:
    x = torch.zeros(200, 1, 5, 5, dtype=torch.uint8)
    x[:, :, 2, 2] = 9
    moved = shift_and_flip(x, torch.Generator().manual_seed(0), crop=1, flip=False)
    assert moved.shape == x.shape
    assert (moved.flatten(1).sum(1) == 9).all(), "the bright pixel is moved, never lost or doubled"
    assert len({int(image.argmax()) for image in moved}) == 9, "every shift of up to one pixel occurs"


def test_flip_mirrors_about_half() -> None:
    x = torch.tensor([1, 2, 3], dtype=torch.uint8).expand(400, 1, 1, 3)
    flipped = shift_and_flip(x, torch.Generator().manual_seed(0), crop=0, flip=True)
    mirrored = (flipped[:, 0, 0, 0] == 3).float().mean()
    assert 0.4 < mirrored < 0.6


def test_an_epoch_sees_each_example_once(data: DataSet) -> None:
    examples = data.examples("train", (0, 1, 2, 3))
    seen = torch.cat([y for _, y in TrainingBatches(data, examples, 16, 5, torch.Generator().manual_seed(0))])
    assert len(seen) == 80
    assert seen.bincount().tolist() == [20] * 4, "two epochs of ten a class"


def test_same_seed_same_batches(data: DataSet) -> None:
    examples = data.examples("train", (0, 1))
    one, two = (
        [x for x, _ in TrainingBatches(data, examples, 8, 3, torch.Generator().manual_seed(5), crop=1, flip=True)]
        for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_evaluation_covers_everything_once(data: DataSet) -> None:
    examples = data.examples("validation", (0, 1, 2))
    batches = list(evaluation_batches(data, examples, batch=4))
    assert [len(y) for _, y in batches] == [4, 4, 1]
    assert batches[0][0].is_contiguous(memory_format=torch.channels_last)
