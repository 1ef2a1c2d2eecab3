"""Venues that figures are made for: widths and font sizes in print, as tueplots has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tueplots import figsizes, fontsizes

LEAST = 6.0  # inches, of a figure of the page
MARGIN = 0.45  # inches beside the panels, for the names of axes
SQUEEZE = 0.35  # of a panel more fits where the others give way
PAGE_SIZES = {
    "font.size": 9, "axes.titlesize": 8.5, "axes.labelsize": 9, "legend.fontsize": 8.5, "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Venue:
    """Widths in inches: of the text block, across both columns where there are two, and of one column.

    Without `text` a figure is as wide as its panels ask. `fonts` are families that matplotlib ships, the first one that
    has a character draws it.
    """

    text: float | None = None
    column: float | None = None
    sizes: Mapping[str, float] = field(default_factory=lambda: PAGE_SIZES)
    fonts: tuple[str, ...] = ("DejaVu Sans",)

    def across(self, panels: int, width: float, most: int) -> int:
        """How many panels about `width` inches wide stand side by side."""
        fitting = most if self.text is None else max(1, int(self.text / width + SQUEEZE))
        return max(1, min(panels, most, fitting))

    def wide(self, asked: float, *, alone: bool = False) -> float:
        """The width of a figure that asks for so much; one of a single panel goes into a column where it fits."""
        if self.text is None:
            return max(asked, LEAST)
        return self.column if self.column and alone and asked <= (1 + SQUEEZE) * self.column else self.text


def in_print(width: float, sizes: Mapping[str, float], column: float | None = None) -> Venue:
    return Venue(width, column, sizes, ("STIXGeneral", "DejaVu Sans"))  # papers are set in Times: STIX is its shape


def wide_of(settings: Mapping[str, tuple[float, float]]) -> float:
    return float(settings["figure.figsize"][0])


VENUES = {
    "page": Venue(),
    "neurips": in_print(wide_of(figsizes.neurips2024()), fontsizes.neurips2024()),
    "icml": in_print(wide_of(figsizes.icml2024_full()), fontsizes.icml2024(), wide_of(figsizes.icml2024_half())),
    "iclr": in_print(wide_of(figsizes.iclr2024()), fontsizes.iclr2024()),
    "cvpr": in_print(wide_of(figsizes.cvpr2024_full()), fontsizes.cvpr2024(), wide_of(figsizes.cvpr2024_half())),
    "tmlr": in_print(wide_of(figsizes.tmlr2023()), fontsizes.tmlr2023()),
}
PAGE = VENUES["page"]
