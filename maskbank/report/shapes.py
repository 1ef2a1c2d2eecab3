"""A method's look in the interactive charts: its colour, and its marker as a path."""

import math
from typing import Any

from maskbank.report.style import colour, label, marker

DASHES = {"reference": [8, 3], "control": [3, 2]}
NO_DASH = [1, 0]
TURNED = {
    "^": (3, 0.0), ">": (3, 90.0), "v": (3, 180.0), "<": (3, 270.0), "s": (4, 45.0), "D": (4, 0.0), "p": (5, 0.0), "h": (6, 0.0),
}  # fmt: skip
CROSS = "M-.4,-1H.4V-.4H1V.4H.4V1H-.4V.4H-1V-.4H-.4Z"
DRAWN = {
    "o": "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z", "P": CROSS, "d": "M0,-1L.6,0L0,1L-.6,0Z",
    "X": "M-.5,-1L0,-.5L.5,-1L1,-.5L.5,0L1,.5L.5,1L0,.5L-.5,1L-1,.5L-.5,0L-1,-.5Z",
}  # fmt: skip


def shape(name: str) -> str:
    """A method's marker as a path in the square from -1 to 1."""
    mark = marker(name)
    if mark == "*":
        return polygon(5, inner=0.4)
    return DRAWN[mark] if mark in DRAWN else polygon(*TURNED[mark])


def method_look(name: str, role: str) -> dict[str, Any]:
    dash = DASHES.get(role, NO_DASH)
    return {
        "name": name,
        "label": label(name),
        "role": role,
        "colour": colour(name),
        "shape": shape(name),
        "dash": dash,
    }


def polygon(corners: int, turn: float = 0.0, inner: float | None = None) -> str:
    """A closed path in the square from -1 to 1, its first corner up, turned in degrees; with `inner` a star."""
    count = corners * (2 if inner else 1)
    angles = [math.radians(turn - 90 + 360 * place / count) for place in range(count)]
    sizes = [inner if inner and place % 2 else 1.0 for place in range(count)]
    found = [f"{s * math.cos(a):.3f},{s * math.sin(a):.3f}" for s, a in zip(sizes, angles, strict=True)]
    return f"M{'L'.join(found)}Z"
