"""SYNTHETIC images: discs, squares and triangles, coloured and textured, on coloured noise.

An object's class is its shape alone; colour, texture, size and place say nothing of it. Later objects lie on top of
earlier ones.
"""

import numpy as np
from numpy.typing import NDArray

CLASSES = ("disc", "square", "triangle")
EMPTY = -1  # class of a row of `y` that holds no object
SMALLEST, LARGEST = 0.3, 0.5  # sides of an object, as shares of the image's
APART = 4.0  # pixels between the centres of two objects along at least one axis
HIDDEN = 0.6  # share of an object's pixels that later ones may cover
TRIES = 20  # places tried for an object before the image goes without it

Pixels = NDArray[np.float32]  # [S, S, 3], 0 to 1
Where = NDArray[np.bool_]  # [S, S]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def images(
    generator: np.random.Generator, count: int, size: int, objects: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """x [count, 3, size, size] and y [count, objects, 5] of class, left, top, right, bottom in pixels.

    Each image holds 1 to `objects` objects; rows of y without one have class EMPTY. Boxes are those of the whole
    shape, also of the part that is covered. Two centres are at least APART pixels from each other.
    """
    x = np.empty((count, 3, size, size), np.uint8)
    y = np.full((count, objects, 5), EMPTY, np.float32)
    for number in range(count):
        canvas = background(generator, size)
        placed: list[tuple[Where, Where, Box]] = []  # all pixels of the shape, those still seen, its box
        for _ in range(int(generator.integers(1, objects + 1))):
            label = int(generator.integers(len(CLASSES)))
            found = place(generator, label, size, placed)
            if found is None:
                continue
            mask, box = found
            canvas[mask] = texture(generator, size)[mask]
            placed = [(whole, seen & ~mask, other) for whole, seen, other in placed] + [(mask, mask, box)]
            y[number, len(placed) - 1] = (label, *box)
        noisy = canvas + generator.normal(0, 0.05, canvas.shape)
        x[number] = np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8).transpose(2, 0, 1)
    return x, y


def place(
    generator: np.random.Generator, label: int, size: int, placed: list[tuple[Where, Where, Box]]
) -> tuple[Where, Box] | None:
    """Pixels and box of an object that leaves enough of the earlier ones, or None."""
    for _ in range(TRIES):
        width, height = generator.integers(round(SMALLEST * size), round(LARGEST * size) + 1, 2)
        left, top = generator.integers(0, size - width + 1), generator.integers(0, size - height + 1)
        mask, box = draw(label, (left, top, left + width, top + height), size)
        if all(apart(box, other) and left_of(whole, seen & ~mask) for whole, seen, other in placed):
            return mask, box
    return None


def apart(one: Box, other: Box) -> bool:
    across, down = one[0] + one[2] - other[0] - other[2], one[1] + one[3] - other[1] - other[3]
    return max(abs(across), abs(down)) / 2 >= APART


def left_of(whole: Where, seen: Where) -> bool:
    return bool(seen.sum() >= (1 - HIDDEN) * whole.sum())


def draw(label: int, box: tuple[int, int, int, int], size: int) -> tuple[Where, Box]:
    """Pixels of a shape that fills `box`, and the box that bounds those pixels."""
    left, top, right, bottom = box
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    u, v = (columns - left) / (right - left), (rows - top) / (bottom - top)  # 0 to 1 inside the box
    inside = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    if CLASSES[label] == "disc":
        inside &= (u - 0.5) ** 2 + (v - 0.5) ** 2 <= 0.25
    elif CLASSES[label] == "triangle":
        inside &= np.abs(u - 0.5) <= v / 2
    down, across = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return inside, (float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1))


def texture(generator: np.random.Generator, size: int) -> Pixels:
    """One colour, or stripes or checks of two."""
    one, two = generator.random((2, 3))
    rows, columns = np.mgrid[0:size, 0:size] // int(generator.integers(2, 4))
    kind = int(generator.integers(4))
    pattern = (np.zeros_like(rows), rows % 2, columns % 2, (rows + columns) % 2)[kind]
    return np.where(pattern[:, :, None] == 0, one, two).astype(np.float32)


def background(generator: np.random.Generator, size: int) -> Pixels:
    """Coloured patches: noise on a coarse grid, each value a square of pixels."""
    coarse = generator.random((size // 4 + 1, size // 4 + 1, 3))
    patches = coarse.repeat(4, axis=0).repeat(4, axis=1)[:size, :size]
    return (0.5 + 0.3 * (patches - 0.5)).astype(np.float32)
