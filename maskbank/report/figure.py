"""Figures by name: a file in `figures` declares one, and nothing else lists it.

The file defines `ORDER` (its place on the page), `TITLE`, `CAPTION`, `NOTES` and `ALT`, `read(run)`, which returns the
rows that the figure shows, and `draw(venue, data, run)`. The four texts may name `{n}` (the range of the column n), `{method}`
and `{margin}`, and whatever the function `words(run, data)` of the file returns, if it has one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from maskbank.files import write_bytes
from maskbank.registry import Registry
from maskbank.report.run import Run
from maskbank.report.style import house_style, label
from maskbank.report.table import in_order
from maskbank.report.venues import LEAST, PAGE, Venue
from maskbank.report.words import number_range
from maskbank.statistics.traces import AGAINST, CELLS

FIGURES = Registry("figure", "draw", ("report.figures",))
DPI = 200
PRINTERS = {"pdf": FigureCanvasPdf, "svg": FigureCanvasSVG, "png": FigureCanvasAgg}
SILENT = {  # metadata by ending: neither dates nor versions
    "pdf": {"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Figure:
    """A figure: what it shows (`data`), how it is drawn at a venue, and what is said of it.

    `caption` is one line: what is counted as n, the interval and the test. `notes` explain the rest, `alt` says in one
    line what a reader would see. Without rows of data there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    notes: str
    alt: str
    data: pd.DataFrame
    draw: Callable[[Venue], Canvas]

    def at(self, venue: Venue) -> Canvas:
        """The figure as the venue prints it."""
        with house_style(venue):
            return self.draw(venue) if len(self.data) else nothing(venue)

    @cached_property
    def drawn(self) -> Canvas:
        return self.at(PAGE)


def figure(name: str, run: Run) -> Figure:
    """The figure that a file declares, over a run."""
    module = FIGURES.module(name)
    data = module.read(run)
    words = {
        "n": number_range(data.n) if "n" in data else "", "method": label(run.params.compare.method),
        "margin": f"{100 * run.margin:g}",
    }  # fmt: skip
    words |= module.words(run, data) if hasattr(module, "words") else {}
    texts = (module.TITLE, module.CAPTION, module.NOTES, module.ALT)
    title, caption, notes, alt = (text.format_map(words) for text in texts)
    return Figure(name, title, caption, notes, alt, data, partial(module.draw, data=data, run=run))


def figures(run: Run) -> list[Figure]:
    return [figure(name, run) for name in in_order(FIGURES)]


def nothing(venue: Venue) -> Canvas:
    empty = Canvas(figsize=(venue.wide(LEAST), 2))
    empty.text(0.5, 0.5, "nothing to draw", ha="center", va="center", color="#555555")
    return empty


def lay_out(drawn: Canvas) -> None:
    """Lay out once and for all, to a millionth: the layout's solver leaves noise that differs from process to process."""
    engine = drawn.get_layout_engine()
    if engine is not None:
        engine.execute(drawn)
    drawn.set_layout_engine("none")
    for part in drawn.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(6))
    for axes in drawn.axes:
        left, bottom, width, height = (round(float(edge), 6) for edge in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))
    for whole in (drawn, *drawn.subfigs):
        for text in whole.texts:
            x, y = text.get_position()
            text.set_position((round(float(x), 6), round(float(y), 6)))


def rendered(given: Figure, venue: Venue = PAGE, endings: Sequence[str] = tuple(SILENT)) -> dict[str, bytes]:
    """The figure's files by ending and its csv, without dates or versions inside."""
    drawn, files = given.at(venue), {}
    with house_style(venue):
        lay_out(drawn)
        for ending in endings:
            files[ending] = printed(drawn, ending)
    shown = given.data.drop(columns=[CELLS, AGAINST], errors="ignore")  # the tables name cells
    files["csv"] = shown.to_csv(index=False, float_format="%.10g", lineterminator="\n").encode()
    return files


def printed(drawn: Canvas, ending: str) -> bytes:
    """A figure that is laid out, in one format. `savefig` would draw it twice, once to lay it out."""
    stream, canvas = BytesIO(), PRINTERS[ending](drawn)
    drawn.set_dpi(DPI)  # vector formats leave another
    getattr(canvas, f"print_{ending}")(stream, metadata=SILENT[ending])
    return stream.getvalue()


def write_figure(given: Figure, folder: Path, venue: Venue = PAGE) -> dict[str, bytes]:
    """Write pdf, svg, png and csv; returns what was written, by ending."""
    files = rendered(given, venue)
    for ending, content in files.items():
        write_bytes(folder / f"{given.name}.{ending}", content)
    return files
