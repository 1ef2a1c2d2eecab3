"""SYNTHETIC point clouds of tables, lamps, planes and chairs, each composed of boxes and cylinders that are its parts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PARTS = (
    "table top", "table leg",
    "lamp base", "lamp pole", "lamp shade",
    "plane body", "plane wing", "plane tail",
    "chair seat", "chair leg", "chair back",
)  # fmt: skip
TILT = 0.2  # radians by which an object leans at most
SHARED = 0.5  # share of the points that are dealt to the solids evenly; the others go by surface

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Solid:
    """A box, or a cylinder along `axis` that fills it: `centre` and `half` sides, x, y and z (up)."""

    part: str
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    axis: int | None = None


def clouds(
    generator: np.random.Generator, count: int, points: int, noise: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """x [count, 3, points, 1] inside the unit ball, y [count, points] numbers of PARTS.

    Every point is off its surface by Gaussian `noise`; each object is turned about the vertical, leans by up to TILT,
    is centred on its mean and scaled, so that its farthest point is 0.75 to 1 away.
    """
    x = np.empty((count, 3, points, 1), np.float32)
    y = np.empty((count, points), np.int64)
    for number in range(count):
        solids = OBJECTS[int(generator.integers(len(OBJECTS)))](generator)
        cloud, y[number] = sample(generator, solids, points)
        cloud = (cloud + generator.normal(0, noise, cloud.shape)) @ turn(generator).T
        cloud -= cloud.mean(0)
        cloud *= generator.uniform(0.75, 1) / np.sqrt((cloud**2).sum(1).max())
        x[number, :, :, 0] = cloud.T
    return x, y


def sample(generator: np.random.Generator, solids: list[Solid], points: int) -> tuple[Points, NDArray[np.int64]]:
    """Points [points, 3] on the solids' surfaces in random order, and the number of each one's part."""
    half = np.array([solid.half for solid in solids])
    axis = np.array([-1 if solid.axis is None else solid.axis for solid in solids])
    faces = half.prod(1, keepdims=True) / half  # the two faces across each axis, [solids, 3]
    area = faces.sum(1)
    chosen = generator.choice(len(solids), points, p=SHARED / len(solids) + (1 - SHARED) * area / area.sum())
    across = (generator.random((points, 1)) > np.cumsum(faces / area[:, None], 1)[chosen][:, :2]).sum(1)
    spot = generator.uniform(-1, 1, (points, 3))
    spot[np.arange(points), across] = np.where(generator.random(points) < 0.5, -1, 1)
    for along in range(3):
        round_ones = axis[chosen] == along
        first, second = (other for other in range(3) if other != along)
        angle = generator.uniform(0, 2 * np.pi, points)
        radius = np.where(across == along, np.sqrt(generator.random(points)), 1)
        spot[round_ones, first] = (radius * np.cos(angle))[round_ones]
        spot[round_ones, second] = (radius * np.sin(angle))[round_ones]
    centre = np.array([solid.centre for solid in solids])
    numbers = np.array([PARTS.index(solid.part) for solid in solids])
    return centre[chosen] + spot * half[chosen], numbers[chosen]


def turn(generator: np.random.Generator) -> Points:
    """A rotation [3, 3] about the vertical by any angle, then about x by up to TILT."""
    angles = generator.uniform(0, 2 * np.pi), generator.uniform(-TILT, TILT)
    (c, d), (s, t) = np.cos(angles), np.sin(angles)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, d, -t], [0, t, d]])
    return about_x @ about_z


def legs(generator: np.random.Generator, part: str, width: float, depth: float, height: float) -> list[Solid]:
    """Four of them below z = 0, near the corners."""
    thick = generator.uniform(0.05, 0.1)
    axis = 2 if generator.random() < 0.5 else None
    corners = [(i * (width - thick), j * (depth - thick)) for i in (-1, 1) for j in (-1, 1)]
    return [Solid(part, (x, y, -height), (thick, thick, height), axis) for x, y in corners]


def table(generator: np.random.Generator) -> list[Solid]:
    width, depth = generator.uniform(0.6, 1), generator.uniform(0.4, 0.8)
    top, height = generator.uniform(0.03, 0.08), generator.uniform(0.3, 0.6)
    axis = 2 if generator.random() < 0.3 else None
    return [Solid("table top", (0, 0, top), (width, depth, top), axis),
            *legs(generator, "table leg", 0.7 * width, 0.7 * depth, height)]  # fmt: skip


def lamp(generator: np.random.Generator) -> list[Solid]:
    base, pole = generator.uniform(0.25, 0.5), generator.uniform(0.4, 0.8)
    shade, height = generator.uniform(0.25, 0.5), generator.uniform(0.15, 0.3)
    axis = 2 if generator.random() < 0.5 else None
    return [Solid("lamp base", (0, 0, -pole), (base, base, 0.05), 2), Solid("lamp pole", (0, 0, 0), (0.05, 0.05, pole), 2),
            Solid("lamp shade", (0, 0, pole + height), (shade, shade, height), axis)]  # fmt: skip


def plane(generator: np.random.Generator) -> list[Solid]:
    length, thick = generator.uniform(0.7, 1), generator.uniform(0.08, 0.16)
    span, chord, place = generator.uniform(0.6, 1), generator.uniform(0.1, 0.25), generator.uniform(-0.1, 0.3)
    fin = generator.uniform(0.12, 0.25)
    tail = 0.12 - length
    return [Solid("plane body", (0, 0, 0), (length, thick, thick), 0),
            Solid("plane wing", (place, span / 2 + thick, 0), (chord, span / 2, 0.03)),
            Solid("plane wing", (place, -span / 2 - thick, 0), (chord, span / 2, 0.03)),
            Solid("plane tail", (tail, 0, thick + fin), (0.1, 0.03, fin)),
            Solid("plane tail", (tail, 0, thick), (0.1, 2 * fin, 0.03))]  # fmt: skip


def chair(generator: np.random.Generator) -> list[Solid]:
    width, seat = generator.uniform(0.35, 0.55), generator.uniform(0.03, 0.08)
    height, back = generator.uniform(0.25, 0.45), generator.uniform(0.3, 0.6)
    return [Solid("chair seat", (0, 0, seat), (width, width, seat)),
            Solid("chair back", (-width, 0, 2 * seat + back), (0.05, width, back)),
            *legs(generator, "chair leg", width, width, height)]  # fmt: skip


OBJECTS = (table, lamp, plane, chair)
