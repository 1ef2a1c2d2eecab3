"""Figures as they stand inside the page: small SVG, and pictures of few colours where that is too much for a page."""

import re
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO

from PIL import Image

MOST_BYTES = 2_300_000  # of all figures of a page
MOST_PIXELS = 80_000_000  # of one picture
COLOURS = 64
NUMBER = re.compile(r"scale\([^)]*\)|base64,[^\"]*|-?\d+\.\d{3,}")
NOT_DRAWN = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
REFERENCE = re.compile(r"(?<=href=\"#)[\w-]+|(?<=url\(#)[\w-]+")


def compact(svg: str) -> str:
    """The same drawing in fewer characters: hundredths of a point, short names, nothing that is not drawn.

    >>> compact('<svg><!-- a line --><g id="line_1">\\n <path d="M 0 1.23456 \\nL 2 3 \\nz\\n"/>\\n</g></svg>')
    '<svg><g><path d="M0 1.23L2 3z"/></g></svg>'
    """
    text = NOT_DRAWN.sub("", svg).replace("xlink:href", "href")
    names = {name: f"{number:x}" for number, name in enumerate(dict.fromkeys(REFERENCE.findall(text)))}
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{names[found[1]]}"' if found[1] in names else "", text)
    text = REFERENCE.sub(lambda found: names[found[0]], text)
    text = NUMBER.sub(lambda found: hundredths(found[0]), text)
    text = re.sub(r' d="[^"]*"', lambda found: re.sub(r"(?<=[\w\"])\s*([A-Za-z])\s*(?=[-\d\"])", r"\1", found[0]), text)
    return re.sub(r"\s*\n\s*", " ", re.sub(r">\s+<", "><", text)).strip()


def hundredths(text: str) -> str:
    """A coordinate to two digits; a scale as it is, the bytes of a picture without breaks.

    >>> hundredths("-0.001"), hundredths("12.3456"), hundredths("scale(0.015625)")
    ('0', '12.35', 'scale(0.015625)')
    """
    if text.startswith(("scale", "base64")):
        return "".join(text.split()) if text.startswith("base64") else text
    return f"{round(float(text), 2) + 0.0:.8g}"


def vector(svg: bytes) -> str:
    """A data URI of the figure as compact SVG."""
    text = compact(svg.decode()).replace("%", "%25").replace("#", "%23").replace('"', "'")
    return f"data:image/svg+xml,{text}"


def picture(png: bytes) -> str:
    """A data URI of the figure as a picture of 64 colours; empty where it has too many pixels."""
    width, height = (int.from_bytes(png[at : at + 4]) for at in (16, 20))
    if width * height > MOST_PIXELS:
        return ""
    stream = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS).save(stream, format="PNG")
    return f"data:image/png;base64,{b64encode(stream.getvalue()).decode()}"


def sources(files: Mapping[str, Mapping[str, bytes]], most: int = MOST_BYTES) -> dict[str, str]:
    """Figure -> data URI. The largest become pictures until all fit in `most` bytes; one that is still the largest goes ("")."""
    found, pictured = {name: vector(own["svg"]) for name, own in files.items()}, set[str]()
    while sum(map(len, found.values())) > most:
        name = max(sorted(found), key=lambda name: len(found[name]))
        smaller = "" if name in pictured else picture(files[name]["png"])
        found[name] = smaller if len(smaller) < len(found[name]) else ""
        pictured.add(name)
    return found
